//! The submitter's span, in which its work runs. Without the feature `tracing` nothing of this is
//! there: work stays as it is.

#[cfg(not(feature = "tracing"))]
mod imp {
    /// Work as it is.
    pub(crate) type Spanned<W> = W;

    #[inline]
    pub(crate) fn in_span<W>(work: W) -> Spanned<W> {
        work
    }

    #[inline]
    pub(crate) fn out_of_span<R, K, W>(submitted: Result<R, (K, W)>) -> Result<R, (K, W)> {
        submitted
    }
}

#[cfg(feature = "tracing")]
mod imp {
    use tracing::Span;

    use crate::block::error::TaskError;
    use crate::block::function::Each;
    use crate::block::unwind::{catch_panic, drop_quietly};
    use crate::block::work::{Outcome, Work};
    use crate::numbers::Name;

    /// Work with the span in which it was submitted.
    pub(crate) struct Spanned<W> {
        pub(crate) work: W,
        pub(crate) span: Span,
    }

    /// Takes the calling thread's span along.
    pub(crate) fn in_span<W>(work: W) -> Spanned<W> {
        Spanned { work, span: Span::current() }
    }

    /// Gives refused work back as it was.
    pub(crate) fn out_of_span<R, K, W>(submitted: Result<R, (K, Spanned<W>)>) -> Result<R, (K, W)> {
        submitted.map_err(|(kind, spanned)| (kind, spanned.work))
    }

    /// Runs `f`, which does not unwind, in the span, and drops the span. A subscriber is user code,
    /// and may panic.
    fn within<R>(span: Span, f: impl FnOnce() -> R) -> R {
        let entered = catch_panic(|| span.entered());
        let result = f();
        drop_quietly(entered);
        result
    }

    impl<W: Work> Work for Spanned<W> {
        type Value = W::Value;
        type Error = W::Error;
        type After = W::After;
        type Due = W::Due;
        const TOLD: bool = W::TOLD;
        const NAME: &'static Name = W::NAME;

        fn due(&self) -> W::Due {
            self.work.due()
        }

        fn run(self) -> (Outcome<W::Value, W::Error>, W::After) {
            let Self { work, span } = self;
            within(span, || work.run())
        }

        fn refuse(self, why: TaskError<W::Error>) -> (Outcome<W::Value, W::Error>, W::After) {
            let Self { work, span } = self;
            within(span, || work.refuse(why))
        }
    }

    /// A function of items: each item runs in the span. A panic of the subscriber is one of the
    /// item's.
    impl<M: Each<A, T, E>, A, T, E> Each<A, T, E> for Spanned<M> {
        fn name() -> &'static str {
            M::name()
        }

        fn each(&self, item: A) -> Result<T, E> {
            let _entered = self.span.enter();
            self.work.each(item)
        }
    }

    impl<W> Spanned<W> {
        /// Takes the work out, and runs `f` with it in the span.
        pub(crate) fn conclude_with<R>(self, f: impl FnOnce(W) -> R) -> R {
            let Self { work, span } = self;
            within(span, || f(work))
        }
    }
}

pub(crate) use imp::{Spanned, in_span, out_of_span};
