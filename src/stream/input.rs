//! How a stream's input answers: quickly, or so slowly that its consumer has better things to do meanwhile.

use std::time::Duration;

use crate::sync::clock::Stopwatch;

/// How long an input takes to answer. While it is quick, only some of its answers are timed.
#[derive(Debug, Default)]
pub(super) struct InputTimer {
    /// Quick answers in a row, of those that were timed.
    quick: u32,
    /// Answers since the last one that was timed.
    untimed: u32,
    /// What the last slow answer took; nothing after a quick one.
    waited: Option<Duration>,
}

impl InputTimer {
    /// An answer that takes longer keeps the consumer waiting.
    const QUICK_ANSWER: Duration = Duration::from_micros(5);
    /// After so many quick answers in a row...
    const ANSWERS_KNOWN_AS_QUICK: u32 = 16;
    /// ... only one of so many is timed.
    const QUICK_ANSWERS_PER_TIMING: u32 = 64;
    /// Before it is asked again a slow input may wait for this part of its last answer's time...
    const PATIENCE_PART: u32 = 32;
    /// ... and for no longer than this.
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

    /// How long an outcome is waited for before the input is asked again; nothing if the input is quick.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.waited.map(|took| (took / Self::PATIENCE_PART).min(Self::LONGEST_PATIENCE))
    }
}
