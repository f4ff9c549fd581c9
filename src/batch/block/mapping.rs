//! What a batch does with each of its items.

use std::any::type_name;
use std::convert::Infallible;
use std::marker::PhantomData;

use crate::block::{Each, Notify, Outcome, TaskError, call_back, catch_panic, drop_quietly};
use crate::numbers::Name;

/// Drops values that no thread will see, one by one. If two of them panicked in one drop, the
/// process would end.
pub(super) fn drop_each<T>(values: Vec<T>) {
    values.into_iter().for_each(drop_quietly);
}

/// The function from items to values that all runners of a batch share, and the callbacks that
/// hear of the outcome.
pub(crate) trait Mapping {
    type Item;
    type Value;
    type Error;
    /// Whether an error callback sees the error.
    const TOLD: bool;
    /// The name of the function's type.
    const NAME: &'static Name;

    /// Calls the function with one item. It is user code, and may unwind. Several threads call
    /// it at once, so it touches only the parts of `self` that are `Sync`.
    fn each(&self, index: usize, item: Self::Item) -> Result<Self::Value, Self::Error>;

    /// Drops the function, and tells the callbacks of the outcome. It does not unwind.
    fn conclude(
        self,
        outcome: Outcome<Vec<Self::Value>, Self::Error>,
    ) -> Outcome<Vec<Self::Value>, Self::Error>;
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
    const NAME: &'static Name = &Name(M::name);

    #[inline]
    fn each(&self, _: usize, item: A) -> Result<T, E> {
        self.each.each(item)
    }

    fn conclude(self, outcome: Outcome<Vec<T>, E>) -> Outcome<Vec<T>, E> {
        drop_quietly(self.each);
        call_back(outcome, self.on_value, self.on_error, drop_each)
    }
}

/// A function of the elements of a slice. The slice stays where it is, and the items of the
/// batch are only indices.
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
    const NAME: &'static Name = &Name(type_name::<F>);

    #[inline]
    fn each(&self, index: usize, (): ()) -> Result<T, Infallible> {
        Ok((self.f)(&self.slice[index]))
    }

    fn conclude(self, outcome: Outcome<Vec<T>, Infallible>) -> Outcome<Vec<T>, Infallible> {
        drop_quietly(self.f);
        outcome
    }
}

/// A function of items that makes each failure a value: each item has an outcome of its own.
#[derive(Debug)]
pub(crate) struct MapResults<F, A, T> {
    pub(crate) f: F,
    pub(crate) types: PhantomData<fn(A) -> T>,
}

impl<F: Fn(A) -> T, A, T> Mapping for MapResults<F, A, T> {
    type Item = A;
    type Value = Outcome<T, Infallible>;
    type Error = Infallible;
    const TOLD: bool = false;
    const NAME: &'static Name = &Name(type_name::<F>);

    fn each(&self, index: usize, item: A) -> Result<Outcome<T, Infallible>, Infallible> {
        Ok(catch_panic(|| (self.f)(item)).map_err(|panic| TaskError::Panicked(panic.at(index))))
    }

    fn conclude(
        self,
        outcome: Outcome<Vec<Outcome<T, Infallible>>, Infallible>,
    ) -> Outcome<Vec<Outcome<T, Infallible>>, Infallible> {
        drop_quietly(self.f);
        outcome
    }
}

/// A batch whose items, and whose callbacks, run in the span in which it was submitted.
#[cfg(feature = "tracing")]
impl<M: Mapping> Mapping for crate::block::Spanned<M> {
    type Item = M::Item;
    type Value = M::Value;
    type Error = M::Error;
    const TOLD: bool = M::TOLD;
    const NAME: &'static Name = M::NAME;

    fn each(&self, index: usize, item: M::Item) -> Result<M::Value, M::Error> {
        let _entered = self.span.enter();
        self.work.each(index, item)
    }

    fn conclude(
        self,
        outcome: Outcome<Vec<M::Value>, M::Error>,
    ) -> Outcome<Vec<M::Value>, M::Error> {
        self.conclude_with(|mapping| mapping.conclude(outcome))
    }
}
