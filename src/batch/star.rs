//! Calls functions of several arguments with tuples: Python's `starmap`.

use std::any::type_name;
use std::convert::Infallible;

use crate::block::{Each, Fallible, Plain};

/// Makes a function of one tuple out of a function of several arguments.
///
/// It calls `f` with the tuple's elements, up to twelve. So every verb for functions of one item
/// takes a function of several arguments too.
///
/// ```
/// use millpond::{ThreadPool, star};
/// let pool = ThreadPool::new(2)?;
/// let areas = pool.map(star(|width: u32, height: u32| width * height), [(2, 3), (4, 5)])?;
/// assert_eq!(areas, [6, 20]);
/// let sums = pool.batch(star(|a: u32, b: u32| a + b), [(1, 2), (3, 4)]).chunksize(2).map()?;
/// assert_eq!(sums, [3, 7]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
///
/// The call wraps the function. It does not block, allocate, run your code or wake a thread.
pub fn star<F, A, T>(f: F) -> impl Fn(A) -> T + use<F, A, T>
where
    A: Spread<F, T>,
{
    move |arguments: A| arguments.spread(&f)
}

/// A function of several arguments that is called with tuples. A refused submission gives it back.
pub(super) struct Star<F>(pub(super) F);

impl<A: Spread<F, T>, F, T> Each<A, T, Infallible> for Plain<Star<F>> {
    fn name() -> &'static str {
        type_name::<F>()
    }

    #[inline]
    fn each(&self, item: A) -> Result<T, Infallible> {
        Ok(item.spread(&self.0.0))
    }
}

impl<A: Spread<F, Result<T, E>>, F, T, E> Each<A, T, E> for Fallible<Star<F>> {
    fn name() -> &'static str {
        type_name::<F>()
    }

    #[inline]
    fn each(&self, item: A) -> Result<T, E> {
        item.spread(&self.0.0)
    }
}

/// A tuple of one to twelve elements with which `F` can be called. The call gives a `T`. Sealed.
#[doc(hidden)]
#[expect(unnameable_types, reason = "that is what seals the trait")]
pub trait Spread<F, T> {
    fn spread(self, f: &F) -> T;
}

macro_rules! spread {
    ($($element:ident)+) => {
        impl<F: Fn($($element),+) -> T, T, $($element),+> Spread<F, T> for ($($element,)+) {
            #[inline]
            #[expect(non_snake_case, reason = "a type parameter names its value")]
            fn spread(self, f: &F) -> T {
                let ($($element,)+) = self;
                f($($element),+)
            }
        }
    };
}
spread!(A0);
spread!(A0 A1);
spread!(A0 A1 A2);
spread!(A0 A1 A2 A3);
spread!(A0 A1 A2 A3 A4);
spread!(A0 A1 A2 A3 A4 A5);
spread!(A0 A1 A2 A3 A4 A5 A6);
spread!(A0 A1 A2 A3 A4 A5 A6 A7);
spread!(A0 A1 A2 A3 A4 A5 A6 A7 A8);
spread!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9);
spread!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10);
spread!(A0 A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11);
