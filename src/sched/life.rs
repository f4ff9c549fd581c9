//! The life word: which work the pool still accepts, and how the pool ends.
//!
//! ```text
//!        close            all drained-idle            nothing left
//!   RUN ───────▶ CLOSED ────────────────▶ DRAINING ───────────────▶ DRAINED
//!    │             │  ◀──────────────────────┘ │                       (workers leave)
//!    │             │     something left        │
//!    └─────────────┴────────────┬──────────────┘
//!                               ▼
//!                      TERMINATE or BROKEN      (queues are emptied, workers leave)
//! ```
//!
//! One word holds the stage, the number of **drained-idle** workers and the number of **open**
//! streams. A drained-idle worker has no work, and takes itself out of the count before it takes
//! some. It is one of three kinds. It has looked everywhere with the pool CLOSED, and has found
//! nothing; it counted itself before it put itself on the idle stack. Or it was parked when the
//! pool was closed, and the closer counted it. Or it has yet to begin. A stream is open while
//! its consumer may still pull input. Open streams hold DRAINING off until a thread raises
//! JOINING. A shutdown that closes the pool raises PERMITS: then permits that were reserved
//! before are used while the pool is CLOSED. [LIFE-10]

use crate::block::check_count;
use crate::sync::{AtomicU64, Ordering, fence, thread};

const STAGE: u64 = 0xff;
const JOINING: u64 = 1 << 8;
/// A shutdown has closed the pool, and lets accepted work finish: permits are used until the
/// pool is DRAINED. It goes up together with CLOSED, and never down.
const PERMITS: u64 = 1 << 9;
// count DRAINED_IDLE: the drained-idle workers of a pool. Each is counted once, by itself, by
// the closer, or at the pool's birth. A pool has at most 65,535 workers, the range of the count.
const DRAINED_IDLE: u64 = 1 << 16;
const DRAINED_IDLES: u64 = 0xffff << 16;
// count STREAM: the open streams of a pool. Each `imap` and its kin raises it, and a stream
// that is leaked keeps it up. The process aborts when the count reaches 2^31, half of its
// range.
const STREAM: u64 = 1 << 32;
/// The most streams that may be open: half of the range of the count.
const MOST_STREAMS: u64 = u64::MAX / STREAM / 2;

/// Every access to the word is Relaxed, because the word carries no data. Where a thread must
/// not load a stage that is older than its push or its look, a SeqCst fence stands between
/// them [LIFE-2, LIFE-5, LIFE-7]. Threads change the counts only by read-modify-writes, so the
/// last thread to change one learns that it was the last.
const ORDER: Ordering = Ordering::Relaxed;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u64)]
pub(crate) enum Stage {
    Run = 0,
    Closed = 1,
    Draining = 2,
    Drained = 3,
    Terminate = 4,
    Broken = 5,
}

impl Stage {
    const fn of(word: u64) -> Self {
        match word & STAGE {
            0 => Self::Run,
            1 => Self::Closed,
            2 => Self::Draining,
            3 => Self::Drained,
            4 => Self::Terminate,
            _ => Self::Broken,
        }
    }

    /// Says whether workers leave instead of looking for work.
    pub(crate) fn is_over(self) -> bool {
        self >= Self::Drained
    }
}

/// The duty of the thread that has changed a count.
#[must_use]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Duty {
    /// The thread has no duty. Another worker is at work or is looking, or a thread may come
    /// back with more.
    Park,
    /// No thread is left that could take or bring work, and the stage is DRAINING now. The
    /// thread must fence, look everywhere once more, and call [`Life::try_finish_drain`].
    LookAgain,
    /// The pool is neither CLOSED nor DRAINING, so the worker is not counted.
    NotClosed,
}

#[derive(Debug)]
pub(crate) struct Life {
    word: AtomicU64,
    workers: u64,
}

impl Life {
    pub(crate) fn new(workers: usize) -> Self {
        let workers = workers as u64;
        assert!(workers <= DRAINED_IDLES / DRAINED_IDLE, "workers are counted in 16 bits");
        Self { word: AtomicU64::new(Stage::Run as u64), workers }
    }

    /// Replaces the word by the answer of `change`, and returns the value before. If `change`
    /// answers None, the word stays, and the value is an `Err`.
    fn update(&self, mut change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        let mut seen = self.word.load(ORDER);
        loop {
            let Some(next) = change(seen) else { return Err(seen) };
            match self.word.compare_exchange(seen, next, ORDER, ORDER) {
                Ok(before) => return Ok(before),
                Err(now) => seen = now,
            }
        }
    }

    /// Makes DRAINING of CLOSED in `word`, if no thread is left that could take or bring work.
    fn draining_if_idle(&self, word: u64) -> u64 {
        let drains = Stage::of(word) == Stage::Closed && self.is_idle(word);
        if drains { with(word, Stage::Draining) } else { word }
    }

    /// Says whether every worker is drained-idle, and no stream holds the end off.
    fn is_idle(&self, word: u64) -> bool {
        let held = word / STREAM > 0 && word & JOINING == 0;
        (word & DRAINED_IDLES) / DRAINED_IDLE == self.workers && !held
    }

    fn duty(&self, before: u64) -> Duty {
        match Stage::of(before) {
            Stage::Closed if Stage::of(self.draining_if_idle(before)) == Stage::Draining => {
                Duty::LookAgain
            }
            Stage::Closed | Stage::Draining => Duty::Park,
            _ => Duty::NotClosed,
        }
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        Stage::of(self.word.load(ORDER))
    }

    /// Makes the stage CLOSED. False if it was not RUN. The caller must fence and wake every
    /// parked worker.
    pub(crate) fn close(&self) -> bool {
        self.update(|word| (Stage::of(word) == Stage::Run).then(|| with(word, Stage::Closed)))
            .is_ok()
    }

    /// As [`close`](Self::close), for a shutdown: permits may still be used. [LIFE-10]
    pub(crate) fn close_for_shutdown(&self) -> bool {
        let closed = |word| with(word, Stage::Closed) | PERMITS;
        self.update(|word| (Stage::of(word) == Stage::Run).then(|| closed(word))).is_ok()
    }

    /// Says whether a submission by a permit may come in. If the pool is DRAINING and takes
    /// permits, this waits for the end of the last look. [LIFE-10]
    pub(crate) fn takes_permits(&self) -> bool {
        match self.stage_after_look() {
            Stage::Run => true,
            Stage::Closed => self.word.load(ORDER) & PERMITS != 0,
            _ => false,
        }
    }

    /// Returns the stage. If the pool is DRAINING and takes permits, this first waits until the
    /// thread that looks has ended its look. That thread waits for nothing. [LIFE-11]
    #[cold]
    pub(crate) fn stage_after_look(&self) -> Stage {
        loop {
            let word = self.word.load(ORDER);
            if Stage::of(word) != Stage::Draining || word & PERMITS == 0 {
                return Stage::of(word);
            }
            thread::yield_now();
        }
    }

    /// Ends the pool at once: makes the stage `stage`, which is TERMINATE or BROKEN. False if
    /// the pool is over already. The caller must fence, resolve all queued work, and wake
    /// every parked worker.
    pub(crate) fn end(&self, stage: Stage) -> bool {
        // edge BROKEN release: the panic → the thread that sees the stage.
        fence(Ordering::Release);
        self.update(|word| (!Stage::of(word).is_over()).then(|| with(word, stage))).is_ok()
    }

    /// Counts a worker that found nothing as drained-idle, if the pool is CLOSED or DRAINING.
    /// [LIFE-3]
    pub(crate) fn join_drained_idle(&self) -> Duty {
        self.count_drained_idle(1)
    }

    /// Counts so many workers as drained-idle, if the pool is CLOSED or DRAINING. [LIFE-13]
    pub(crate) fn count_drained_idle(&self, workers: u32) -> Duty {
        let counts = |word| matches!(Stage::of(word), Stage::Closed | Stage::Draining);
        let more = DRAINED_IDLE * u64::from(workers);
        match self.update(|word| counts(word).then(|| self.draining_if_idle(word + more))) {
            Ok(before) => self.duty(before + more),
            Err(_) => Duty::NotClosed,
        }
    }

    /// Counts all workers as drained-idle, before any of them begins its loop. [LIFE-14]
    pub(crate) fn count_all_drained_idle(&mut self) {
        self.word.fetch_add(DRAINED_IDLE * self.workers, ORDER);
    }

    /// Says whether a parking worker must not sleep. The pool is over. Or the pool was closed, and
    /// the worker is not `counted`. Or every worker is counted, no stream holds the end
    /// off, and the pool is still CLOSED: a last look from outside has failed. [LIFE-15]
    pub(crate) fn forbids_sleep(&self, counted: bool) -> bool {
        let word = self.word.load(ORDER);
        let stage = Stage::of(word);
        let unheard = self.draining_if_idle(word) != word;
        stage.is_over() || (stage != Stage::Run && !counted) || unheard
    }

    /// Takes a drained-idle worker out of the count, before the worker takes work. [LIFE-4]
    pub(crate) fn leave_drained_idle(&self) {
        let before = self.word.fetch_sub(DRAINED_IDLE, ORDER);
        debug_assert!(
            before & DRAINED_IDLES > 0,
            "a worker leaves the drained-idle count only after it has joined"
        );
    }

    /// Ends the last look of the thread that was told to look again. [LIFE-6]
    ///
    /// DRAINING becomes DRAINED, if that thread found nothing, every worker is still drained-idle,
    /// and no worker has opened a stream meanwhile. Then the answer is true, and the caller must
    /// wake every parked worker. Else DRAINING becomes CLOSED again.
    ///
    /// If the caller is a drained-idle worker (`by_worker`) and the answer is false, the
    /// worker has left the count in the same step, and must look for the work. (Suppose it
    /// stayed in the count and parked, and the work that it saw were gone by then: no thread
    /// would be left to look again.)
    pub(crate) fn try_finish_drain(&self, found: bool, by_worker: bool) -> bool {
        let mut drained = false;
        let _ = self.update(|word| {
            let draining = Stage::of(word) == Stage::Draining;
            drained = draining && !found && self.is_idle(word);
            let stage = match (draining, drained) {
                (true, true) => return Some(with(word, Stage::Drained)),
                (true, false) => with(word, Stage::Closed),
                (false, _) => word,
            };
            Some(if by_worker { stage - DRAINED_IDLE } else { stage })
        });
        drained
    }

    /// Counts one more open stream. False if the pool takes no more work. [LIFE-8]
    ///
    /// A worker may open one while the pool is CLOSED or DRAINING, and the user of a permit while
    /// the pool is CLOSED and takes permits. The consumer must close the stream once.
    pub(crate) fn open_stream(&self, by_worker: bool, by_permit: bool) -> bool {
        let open = |word| match Stage::of(word) {
            Stage::Run => true,
            Stage::Closed if by_permit && word & PERMITS != 0 => true,
            Stage::Closed | Stage::Draining => by_worker,
            _ => false,
        };
        let opened = self.update(|word| open(word).then(|| word + STREAM));
        let Ok(before) = opened else { return false };
        check_count(before / STREAM + 1, MOST_STREAMS, "a pool has too many open streams");
        true
    }

    /// Counts one open stream less: its consumer pulls no more.
    pub(crate) fn close_stream(&self) -> Duty {
        match self.update(|word| Some(self.draining_if_idle(word - STREAM))) {
            Ok(before) => self.duty(before - STREAM),
            Err(_) => unreachable!("there is always a next word"),
        }
    }

    /// Says whether the consumer of an open stream may go on pulling.
    pub(crate) fn may_pull(&self) -> bool {
        let word = self.word.load(ORDER);
        match Stage::of(word) {
            Stage::Run => true,
            Stage::Closed | Stage::Draining => word & JOINING == 0,
            _ => false,
        }
    }

    /// Raises JOINING for a thread that waits for the end without a time limit. From now on
    /// open streams do not hold the end off. [LIFE-9]
    pub(crate) fn raise_joining(&self) -> Duty {
        match self.update(|word| Some(self.draining_if_idle(word | JOINING))) {
            Ok(before) => self.duty(before | JOINING),
            Err(_) => unreachable!("there is always a next word"),
        }
    }
}

const fn with(word: u64, stage: Stage) -> u64 {
    word & !STAGE | stage as u64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // covers F-47
    #[test]
    fn the_quiet_count_reaches_its_limit_without_touching_the_stage() {
        let workers = 0xffff;
        let life = Life::new(workers);
        assert!(life.close());
        for _ in 0..workers - 1 {
            assert_eq!(life.join_drained_idle(), Duty::Park);
        }
        assert_eq!(life.join_drained_idle(), Duty::LookAgain);
        assert_eq!(life.stage(), Stage::Draining);
        assert!(life.try_finish_drain(false, true));
        assert_eq!(life.stage(), Stage::Drained);
    }

    // covers F-47
    #[test]
    fn the_count_of_streams_reaches_its_limit_without_touching_the_others() {
        let life = Life::new(1);
        let most = MOST_STREAMS;
        life.word.store(STREAM * (most - 1), ORDER);
        assert!(life.open_stream(false, false));
        assert_eq!((life.stage(), life.word.load(ORDER) / STREAM), (Stage::Run, most));
        assert!(life.close());
        assert_eq!(life.join_drained_idle(), Duty::Park, "streams are open");
        assert_eq!(life.close_stream(), Duty::Park);
        assert_eq!(
            life.word.load(ORDER),
            STREAM * (most - 1) + DRAINED_IDLE + Stage::Closed as u64
        );
    }

    // covers F-47
    #[test]
    #[cfg(unix)]
    fn too_many_open_streams_end_the_process() {
        let name = "sched::life::tests::too_many_open_streams_end_the_process";
        let said = crate::block::assert_aborts(name, "a pool has too many open streams", || {
            let life = Life::new(1);
            life.word.store(STREAM * (MOST_STREAMS - 1), ORDER);
            assert!(life.open_stream(false, false));
            eprintln!("as many as there may be");
            life.open_stream(false, false);
            eprintln!("one more");
        });
        assert!(said.is_none_or(|said| said.contains("may be") && !said.contains("one more")));
    }

    #[test]
    fn an_open_stream_holds_the_end_off_until_it_closes_or_a_join_begins() {
        for joins in [false, true] {
            let life = Life::new(1);
            assert!(life.open_stream(false, false));
            assert!(life.close());
            assert!(!life.open_stream(false, false), "a closed pool opens no stream for outsiders");
            assert!(life.open_stream(true, false), "but for its own workers");
            assert_eq!(life.close_stream(), Duty::Park);
            assert_eq!(life.join_drained_idle(), Duty::Park);
            assert!(life.may_pull());
            assert_eq!(
                if joins { life.raise_joining() } else { life.close_stream() },
                Duty::LookAgain
            );
            assert!(life.try_finish_drain(false, false));
            assert!(!life.may_pull());
        }
    }

    // covers LIFE-05
    #[test]
    fn a_stream_that_a_worker_opens_during_the_last_look_holds_the_end_off() {
        let life = Life::new(1);
        assert!(life.close());
        assert_eq!(life.join_drained_idle(), Duty::LookAgain);
        // The worker was woken, opened a stream in a task that the looker did not see, and is back.
        life.leave_drained_idle();
        assert!(life.open_stream(true, false));
        assert_eq!(life.join_drained_idle(), Duty::Park);
        assert!(!life.try_finish_drain(false, false));
        assert_eq!(life.stage(), Stage::Closed);
        assert!(life.may_pull());
        assert_eq!(life.close_stream(), Duty::LookAgain);
    }

    // covers LIFE-05
    #[test]
    fn no_stream_pulls_once_a_join_has_begun() {
        let life = Life::new(1);
        assert!(life.open_stream(false, false));
        assert!(life.may_pull());
        assert!(life.close());
        assert!(life.may_pull(), "a closed pool lets a stream go on");
        assert_eq!(life.raise_joining(), Duty::Park, "its worker is busy");
        assert_eq!(life.stage(), Stage::Closed);
        assert!(!life.may_pull());
        // While the worker looks whether anything is left, the stream may not pull.
        assert_eq!(life.join_drained_idle(), Duty::LookAgain);
        assert_eq!(life.stage(), Stage::Draining);
        assert!(!life.may_pull());
        assert!(!life.try_finish_drain(true, true), "something is");
        assert!(!life.may_pull());
    }

    #[test]
    fn an_ended_pool_stays_ended() {
        let life = Life::new(1);
        assert!(life.end(Stage::Terminate));
        assert!(!life.end(Stage::Broken));
        assert!(!life.close());
        assert_eq!(life.join_drained_idle(), Duty::NotClosed);
        assert_eq!(life.stage(), Stage::Terminate);
    }
}
