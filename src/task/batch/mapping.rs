//! What a batch does with each of its items.

use std::convert::Infallible;
use std::marker::PhantomData;

use crate::task::error::TaskError;
use crate::task::unwind::{call, drop_quietly};
use crate::task::work::{Fallible, Notify, Outcome, Plain, announce};

/// Gets rid of values that nobody will see, one by one: two that panic in one drop would end the process.
pub(super) fn drop_each<T>(values: Vec<T>) {
    values.into_iter().for_each(drop_quietly);
}

/// A function from items to values, shared by all runners of a batch, and what is told of the whole.
pub(crate) trait Mapping {
    type Item;
    type Value;
    type Error;
    /// Whether an error callback sees the error.
    const TOLD: bool;

    /// User code: may unwind. Called by several threads at once; it touches only the parts of `self` that are `Sync`.
    fn each(&self, index: usize, item: Self::Item) -> Result<Self::Value, Self::Error>;

    /// Consumes the function and tells the outcome. Does not unwind.
    fn conclude(
        self,
        outcome: Outcome<Vec<Self::Value>, Self::Error>,
    ) -> Outcome<Vec<Self::Value>, Self::Error>;
}

/// A function of tuples whose elements are its arguments: Python's `starmap`.
#[derive(Clone, Debug)]
pub struct Star<F>(pub(crate) F);

/// A function of one item. Sealed.
pub trait Each<A, T, E>: sealed::Each<A, T, E> {}
impl<A, T, E, M: sealed::Each<A, T, E>> Each<A, T, E> for M {}

/// A tuple of one to twelve elements that `F` can be called with, giving a `T`. Sealed.
pub trait Spread<F, T>: sealed::Spread<F, T> {}
impl<F, T, A: sealed::Spread<F, T>> Spread<F, T> for A {}

pub(crate) mod sealed {
    use super::{Fallible, Infallible, Plain, Star};

    #[expect(unnameable_types, reason = "that is what seals the trait")]
    pub trait Each<A, T, E> {
        fn each(&self, item: A) -> Result<T, E>;
    }

    impl<F: Fn(A) -> T, A, T> Each<A, T, Infallible> for Plain<F> {
        #[inline]
        fn each(&self, item: A) -> Result<T, Infallible> {
            Ok((self.0)(item))
        }
    }

    impl<F: Fn(A) -> Result<T, E>, A, T, E> Each<A, T, E> for Fallible<F> {
        #[inline]
        fn each(&self, item: A) -> Result<T, E> {
            (self.0)(item)
        }
    }

    impl<A: Spread<F, T>, F, T> Each<A, T, Infallible> for Plain<Star<F>> {
        #[inline]
        fn each(&self, item: A) -> Result<T, Infallible> {
            Ok(item.spread(&self.0.0))
        }
    }

    impl<A: Spread<F, T>, F, T> Each<A, T, Infallible> for Plain<&Star<F>> {
        #[inline]
        fn each(&self, item: A) -> Result<T, Infallible> {
            Ok(item.spread(&self.0.0))
        }
    }

    impl<A: Spread<F, Result<T, E>>, F, T, E> Each<A, T, E> for Fallible<Star<F>> {
        #[inline]
        fn each(&self, item: A) -> Result<T, E> {
            item.spread(&self.0.0)
        }
    }

    impl<A: Spread<F, Result<T, E>>, F, T, E> Each<A, T, E> for Fallible<&Star<F>> {
        #[inline]
        fn each(&self, item: A) -> Result<T, E> {
            item.spread(&self.0.0)
        }
    }

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
}

/// A function of items with its callbacks.
#[derive(Debug)]
pub(crate) struct Map<M, A, T, E, C, D> {
    pub(crate) each: M,
    pub(crate) on_value: C,
    pub(crate) on_error: D,
    pub(crate) types: PhantomData<fn(A) -> (T, E)>,
}

impl<M, A, T, E> Map<M, A, T, E, (), ()> {
    pub(crate) fn new(each: M) -> Self {
        Self { each, on_value: (), on_error: (), types: PhantomData }
    }
}

impl<M, A, T, E, C, D> Mapping for Map<M, A, T, E, C, D>
where
    M: Each<A, T, E>,
    C: Notify<Vec<T>>,
    D: Notify<TaskError<E>>,
{
    type Item = A;
    type Value = T;
    type Error = E;
    const TOLD: bool = D::TELLS;

    #[inline]
    fn each(&self, _: usize, item: A) -> Result<T, E> {
        self.each.each(item)
    }

    fn conclude(self, outcome: Outcome<Vec<T>, E>) -> Outcome<Vec<T>, E> {
        drop_quietly(self.each);
        announce(outcome, self.on_value, self.on_error, drop_each)
    }
}

/// A function of the elements of a slice, which stays where it is: the batch's items are nothing but their indices.
#[derive(Debug)]
pub(crate) struct MapSlice<'a, F, A> {
    pub(crate) f: F,
    pub(crate) slice: &'a [A],
}

impl<'a, F: Fn(&'a A) -> T, A, T> Mapping for MapSlice<'a, F, A> {
    type Item = ();
    type Value = T;
    type Error = Infallible;
    const TOLD: bool = false;

    #[inline]
    fn each(&self, index: usize, (): ()) -> Result<T, Infallible> {
        Ok((self.f)(&self.slice[index]))
    }

    fn conclude(self, outcome: Outcome<Vec<T>, Infallible>) -> Outcome<Vec<T>, Infallible> {
        drop_quietly(self.f);
        outcome
    }
}

/// A function of items whose failures are values: each item has an outcome of its own.
#[derive(Debug)]
pub(crate) struct MapResults<M, A, T, E> {
    pub(crate) each: M,
    pub(crate) types: PhantomData<fn(A) -> (T, E)>,
}

impl<M: Each<A, T, E>, A, T, E> Mapping for MapResults<M, A, T, E> {
    type Item = A;
    type Value = Outcome<T, E>;
    type Error = Infallible;
    const TOLD: bool = false;

    fn each(&self, index: usize, item: A) -> Result<Outcome<T, E>, Infallible> {
        Ok(match call(|| self.each.each(item)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(TaskError::Failed { error, item: Some(index) }),
            Err(panic) => Err(TaskError::Panicked(panic.at(index))),
        })
    }

    fn conclude(
        self,
        outcome: Outcome<Vec<Outcome<T, E>>, Infallible>,
    ) -> Outcome<Vec<Outcome<T, E>>, Infallible> {
        drop_quietly(self.each);
        outcome
    }
}
