//! The user's functions in the form in which the pool calls them, and the callbacks.
//!
//! A function takes no arguments, one item, or the elements of a tuple. It returns a value
//! ([`Plain`]), or a `Result` whose `Err` is the task's error ([`Fallible`]). The two wrappers
//! give both kinds one form. When the pool refuses a submission, they give the function back
//! unchanged.

use std::any::type_name;
use std::convert::Infallible;

use crate::numbers::Name;

/// Wraps a function that always returns a value.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[expect(
    unnameable_types,
    reason = "it stands for a function in a builder's type, and users need not name it"
)]
pub struct Plain<F>(pub(crate) F);

/// Wraps a function that returns a `Result`, whose `Err` is the task's error.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[expect(
    unnameable_types,
    reason = "it stands for a function in a builder's type, and users need not name it"
)]
pub struct Fallible<F>(pub(crate) F);

/// A function that takes no arguments.
pub(crate) trait Run<T, E> {
    /// The name of the function's type.
    const NAME: &'static Name;
    fn run(self) -> Result<T, E>;
}

impl<F: FnOnce() -> T, T> Run<T, Infallible> for Plain<F> {
    const NAME: &'static Name = &Name(type_name::<F>);

    #[inline]
    fn run(self) -> Result<T, Infallible> {
        Ok((self.0)())
    }
}

impl<F: FnOnce() -> Result<T, E>, T, E> Run<T, E> for Fallible<F> {
    const NAME: &'static Name = &Name(type_name::<F>);

    #[inline]
    fn run(self) -> Result<T, E> {
        (self.0)()
    }
}

/// A function that takes one item. The trait is sealed.
#[doc(hidden)]
#[expect(unnameable_types, reason = "that is what seals the trait")]
pub trait Each<A, T, E> {
    /// Returns the name of the function's type.
    fn name() -> &'static str;
    fn each(&self, item: A) -> Result<T, E>;
}

impl<F: Fn(A) -> T, A, T> Each<A, T, Infallible> for Plain<F> {
    fn name() -> &'static str {
        type_name::<F>()
    }

    #[inline]
    fn each(&self, item: A) -> Result<T, Infallible> {
        Ok((self.0)(item))
    }
}

impl<F: Fn(A) -> Result<T, E>, A, T, E> Each<A, T, E> for Fallible<F> {
    fn name() -> &'static str {
        type_name::<F>()
    }

    #[inline]
    fn each(&self, item: A) -> Result<T, E> {
        (self.0)(item)
    }
}

/// Wraps a callback that the user gave.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[expect(
    unnameable_types,
    reason = "it stands for a callback in a builder's type, and users need not name it"
)]
pub struct Tell<C>(pub(crate) C);

/// The part of a task that hears of an outcome: a callback ([`Tell`]), or nothing (`()`). The
/// trait is sealed.
#[doc(hidden)]
#[expect(unnameable_types, reason = "that is what seals the trait")]
pub trait Notify<V> {
    /// Whether there is a callback.
    const TELLS: bool;
    fn notify(self, value: &V);
}

impl<V> Notify<V> for () {
    const TELLS: bool = false;

    #[inline]
    fn notify(self, _: &V) {}
}

impl<V, C: FnOnce(&V)> Notify<V> for Tell<C> {
    const TELLS: bool = true;

    #[inline]
    fn notify(self, value: &V) {
        (self.0)(value);
    }
}
