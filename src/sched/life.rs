//! The life word: what the pool still accepts, and how it ends.
//!
//! ```text
//!        close            last worker quiet           nothing left
//!   RUN ───────▶ CLOSED ────────────────▶ DRAINING ───────────────▶ DRAINED
//!    │             │  ◀──────────────────────┘ │                       (workers leave)
//!    │             │     something left        │
//!    └─────────────┴────────────┬──────────────┘
//!                               ▼
//!                      TERMINATE or BROKEN      (queues are emptied, workers leave)
//! ```
//!
//! The lower half of the word is the state, the upper half counts the **quiet** workers: those that, with the pool
//! CLOSED, have looked everywhere and found nothing, and have taken nothing since. A worker is counted before it puts
//! itself on the idle stack, and takes itself out of the count before it takes work.

use crate::sync::{AtomicU32, Ordering};

const STATE: u32 = 0xffff;
const QUIET: u32 = 1 << 16;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u32)]
pub(crate) enum Stage {
    Run = 0,
    Closed = 1,
    Draining = 2,
    Drained = 3,
    Terminate = 4,
    Broken = 5,
}

impl Stage {
    const fn of(word: u32) -> Self {
        match word & STATE {
            0 => Self::Run,
            1 => Self::Closed,
            2 => Self::Draining,
            3 => Self::Drained,
            4 => Self::Terminate,
            _ => Self::Broken,
        }
    }

    /// Whether workers leave instead of looking for work.
    pub(crate) fn is_over(self) -> bool {
        self >= Self::Drained
    }
}

/// What a worker has to do that has joined the quiet ones.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quiet {
    /// Others are at work, or looking.
    Park,
    /// It was the last: the state is DRAINING now, and the worker must fence, look everywhere once more, and call
    /// [`Life::settle`].
    LookAgain,
    /// The pool is not CLOSED; the worker is not counted.
    NotClosed,
}

#[derive(Debug)]
pub(crate) struct Life {
    word: AtomicU32,
    workers: u32,
}

impl Life {
    pub(crate) fn new(workers: usize) -> Self {
        let workers = u32::try_from(workers).expect("workers are counted in 16 bits");
        assert!(workers <= STATE, "workers are counted in 16 bits");
        Self { word: AtomicU32::new(Stage::Run as u32), workers }
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        // Relaxed: the stage carries no data. Where it must not be older than a push or a look, a SeqCst fence stands
        // between them [LIFE-2, LIFE-5].
        Stage::of(self.word.load(Ordering::Relaxed))
    }

    /// RUN → CLOSED. False if it was not RUN. The caller must fence and wake every parked worker.
    pub(crate) fn close(&self) -> bool {
        self.word
            .compare_exchange(Stage::Run as u32, Stage::Closed as u32, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }

    /// Ends the pool at once, with `stage` TERMINATE or BROKEN. False if it is over already. The caller must fence,
    /// resolve everything queued, and wake every parked worker.
    pub(crate) fn end(&self, stage: Stage) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            if Stage::of(seen).is_over() {
                return false;
            }
            let next = seen & !STATE | stage as u32;
            match self.word.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// A worker that found nothing joins the quiet ones, if the pool is CLOSED. [LIFE-3]
    pub(crate) fn join_quiet(&self) -> Quiet {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let (next, duty) = match Stage::of(seen) {
                Stage::Closed if seen / QUIET + 1 == self.workers => {
                    ((seen & !STATE | Stage::Draining as u32) + QUIET, Quiet::LookAgain)
                }
                Stage::Closed | Stage::Draining => (seen + QUIET, Quiet::Park),
                _ => return Quiet::NotClosed,
            };
            // Relaxed: the count is read-modify-written only, so the last to join is told so, and a worker that joins
            // leaves nothing behind in its own deque. What outsiders push is covered by the fence of [LIFE-5].
            match self.word.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return duty,
                Err(now) => seen = now,
            }
        }
    }

    /// A quiet worker leaves the count, before it takes work. [LIFE-4]
    pub(crate) fn leave_quiet(&self) {
        let before = self.word.fetch_sub(QUIET, Ordering::Relaxed);
        debug_assert!(before >= QUIET, "a worker leaves the quiet count only after it has joined");
    }

    /// The last quiet worker has looked again. DRAINING → DRAINED if it found nothing and every worker is still quiet: true,
    /// and the caller must wake every parked worker. Else → CLOSED, and the caller leaves the count in the same step: it must
    /// look for what there is. (Were it to stay in the count and park, and what it saw were gone by then, nobody would be
    /// left to look again.) [LIFE-6]
    pub(crate) fn settle(&self, found: bool) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let stage = Stage::of(seen);
            let drained = stage == Stage::Draining && !found && seen / QUIET == self.workers;
            let next = match stage {
                Stage::Draining if drained => seen & !STATE | Stage::Drained as u32,
                Stage::Draining => (seen & !STATE | Stage::Closed as u32) - QUIET,
                _ => seen - QUIET,
            };
            match self.word.compare_exchange(seen, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return drained,
                Err(now) => seen = now,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_quiet_count_reaches_its_limit_without_touching_the_stage() {
        let workers = STATE as usize;
        let life = Life::new(workers);
        assert!(life.close());
        for _ in 0..workers - 1 {
            assert_eq!(life.join_quiet(), Quiet::Park);
        }
        assert_eq!(life.join_quiet(), Quiet::LookAgain);
        assert_eq!(life.stage(), Stage::Draining);
        assert!(life.settle(false));
        assert_eq!(life.stage(), Stage::Drained);
    }

    #[test]
    fn an_ended_pool_stays_ended() {
        let life = Life::new(1);
        assert!(life.end(Stage::Terminate));
        assert!(!life.end(Stage::Broken));
        assert!(!life.close());
        assert_eq!(life.join_quiet(), Quiet::NotClosed);
        assert_eq!(life.stage(), Stage::Terminate);
    }
}
