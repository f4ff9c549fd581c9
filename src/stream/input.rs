//! Measures how a stream's input answers: quickly, or so slowly that its consumer has better things
//! to do meanwhile.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

/// Knows how long an input takes to answer. While the input is quick, the timer times only some of
/// its answers.
#[derive(Debug, Default)]
pub(super) struct InputTimer {
    /// How many timed answers in a row were quick.
    quick: u32,
    /// How many answers came since the last timed one.
    untimed: u32,
    /// How long the last timed answer took, if it was slow; None if it was quick.
    waited: Option<Duration>,
}

impl InputTimer {
    /// An answer that takes longer is slow: it keeps the consumer waiting.
    const QUICK_ANSWER: Duration = Duration::from_micros(5);
    /// After so many quick answers in a row the input is known as quick.
    const ANSWERS_KNOWN_AS_QUICK: u32 = 16;
    /// Of a quick input the timer times one of so many answers.
    const QUICK_ANSWERS_PER_TIMING: u32 = 64;
    /// Before the consumer asks a slow input again, it waits for an outcome for this part of the
    /// time that the last answer took.
    const PATIENCE_PART: u32 = 32;
    /// The consumer waits for no longer than this.
    const LONGEST_PATIENCE: Duration = Duration::from_micros(200);

    pub(super) fn time<T>(&mut self, ask: impl FnOnce() -> T) -> T {
        self.untimed += 1;
        if self.quick >= Self::ANSWERS_KNOWN_AS_QUICK
            && self.untimed < Self::QUICK_ANSWERS_PER_TIMING
        {
            return ask();
        }
        self.untimed = 0;
        let watch = Stopwatch::start();
        let answer = ask();
        let took = watch.elapsed();
        if took <= Self::QUICK_ANSWER {
            self.quick = self.quick.saturating_add(1);
            self.waited = None;
        } else {
            self.quick = 0;
            self.waited = Some(took);
        }
        answer
    }

    /// Says how long the consumer waits for an outcome before it asks the input again. None if the
    /// input is quick.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.waited.map(|took| (took / Self::PATIENCE_PART).min(Self::LONGEST_PATIENCE))
    }
}
