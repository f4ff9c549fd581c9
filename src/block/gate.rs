//! Gates: what the thread that claims a call asks just before it calls the function.
//!
//! A call without a gate has `()`, which takes no bytes and asks nothing. A gate is a part of
//! the call's type, so such a call pays nothing for the calls that have one.

use std::time::Duration;

use super::error::{Reason, TaskError};
use super::panic::Panic;
use super::unwind::{catch_panic, drop_quietly};
use super::work::{Outcome, Work};
use crate::numbers::Name;
use crate::sync::clock::{Deadline, Stopwatch};

/// The **due time** of a call: the deadline by which its function must have begun ([`By`]), or
/// `()` if there is none.
///
/// Both owners of the block may read it at any time, so it lies beside the work and not in it.
/// The trait is sealed.
#[doc(hidden)]
#[allow(
    unnameable_types,
    unreachable_pub,
    reason = "that is what seals the trait; Rust 1.85 calls it unreachable"
)]
pub trait Due: Copy {
    /// Whether there is one.
    const IS_SET: bool;
    fn time(self) -> Option<By>;
}

impl Due for () {
    const IS_SET: bool = false;

    fn time(self) -> Option<By> {
        None
    }
}

/// A due time that is set.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(unnameable_types, reason = "it is a part of a gate, and users need not name it")]
pub struct By(pub(crate) Deadline);

impl Due for By {
    const IS_SET: bool = true;

    fn time(self) -> Option<By> {
        Some(self)
    }
}

/// What says whether a call's function may begin: a gate, or nothing (`()`). The trait is
/// sealed.
#[doc(hidden)]
#[expect(unnameable_types, reason = "that is what seals the trait")]
pub trait Gate {
    type Due: Due;
    fn due(&self) -> Self::Due;
    /// Says that the submission of the call begins now.
    fn submitted(&mut self);
    /// Says whether the function may begin. A panic of the user's code comes back as the
    /// error.
    fn ask(self) -> Result<bool, Panic>;
    /// Drops the gate unasked, one part after the other, and swallows panics.
    fn discard(self);
}

impl Gate for () {
    type Due = ();

    fn due(&self) {}

    #[inline]
    fn submitted(&mut self) {}

    #[inline]
    fn ask(self) -> Result<bool, Panic> {
        Ok(true)
    }

    #[inline]
    fn discard(self) {}
}

/// Lets the function begin up to a deadline, if `then` lets it begin too.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[expect(
    unnameable_types,
    reason = "it stands for a deadline in a builder's type, and users need not name it"
)]
pub struct StartBy<G> {
    pub(crate) at: By,
    pub(crate) then: G,
}

impl<G: Gate> Gate for StartBy<G> {
    type Due = By;

    fn due(&self) -> By {
        self.then.due().time().map_or(self.at, |other| other.min(self.at))
    }

    fn submitted(&mut self) {
        self.then.submitted();
    }

    fn ask(self) -> Result<bool, Panic> {
        if self.at.0.passed() {
            self.then.discard();
            return Ok(false);
        }
        self.then.ask()
    }

    fn discard(self) {
        self.then.discard();
    }
}

/// Asks the user's function, if `first` lets the call's function begin.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[expect(
    unnameable_types,
    reason = "it stands for a function in a builder's type, and users need not name it"
)]
pub struct StartIf<P, G> {
    pub(crate) first: G,
    pub(crate) admits: P,
    /// Runs since the submission began.
    pub(crate) waited: Stopwatch,
}

impl<P, G> Gate for StartIf<P, G>
where
    P: FnOnce(Duration) -> bool,
    G: Gate,
{
    type Due = G::Due;

    fn due(&self) -> G::Due {
        self.first.due()
    }

    fn submitted(&mut self) {
        self.first.submitted();
        self.waited = Stopwatch::start();
    }

    fn ask(self) -> Result<bool, Panic> {
        let Self { first, admits, waited } = self;
        match first.ask() {
            Ok(true) => catch_panic(|| admits(waited.elapsed())),
            no => {
                drop_quietly(admits);
                no
            }
        }
    }

    fn discard(self) {
        let Self { first, admits, waited: _ } = self;
        first.discard();
        drop_quietly(admits);
    }
}

/// Work behind a gate.
pub(crate) struct Gated<W, G> {
    pub(crate) work: W,
    pub(crate) gate: G,
}

impl<W: Work, G: Gate> Work for Gated<W, G> {
    type Value = W::Value;
    type Error = W::Error;
    type After = W::After;
    type Due = G::Due;
    const TOLD: bool = W::TOLD;
    const NAME: &'static Name = W::NAME;

    fn due(&self) -> G::Due {
        self.gate.due()
    }

    #[inline]
    fn run(self) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, gate } = self;
        match gate.ask() {
            Ok(true) => work.run(),
            Ok(false) => work.refuse(Reason::Expired.into()),
            Err(panic) => work.refuse(TaskError::Panicked(panic)),
        }
    }

    fn refuse(self, why: TaskError<W::Error>) -> (Outcome<W::Value, W::Error>, W::After) {
        let Self { work, gate } = self;
        gate.discard();
        work.refuse(why)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::block::{Call, Job};

    fn size_of_block<W: Work>(_: &W) -> usize {
        size_of::<Call<W>>()
    }

    // covers DUE-11
    #[test]
    fn a_call_without_a_gate_has_no_bytes_for_one() {
        let captured = [1_u64; 3];
        let job = || Job::plain(move || captured.len());
        let bare = size_of_block(&job());
        assert_eq!(size_of_block(&Gated { work: job(), gate: () }), bare);
        let asks = StartIf { first: (), admits: |_| true, waited: Stopwatch::start() };
        let watch = size_of::<Stopwatch>();
        assert_eq!(size_of_block(&Gated { work: job(), gate: asks }), bare + watch);
        let at = By(Deadline::after(Duration::ZERO).expect("it is now"));
        let due = StartBy { at, then: () };
        // In the gate, and where both owners of the block may read it.
        let twice = 2 * size_of::<By>();
        assert_eq!(size_of_block(&Gated { work: job(), gate: due }), bare + twice);
    }
}
