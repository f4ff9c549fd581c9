//! Between `close` and the end of a pool: who may still do what.

mod common;

use millpond::{JoinError, SubmitErrorKind, TaskError, ThreadPool};
use std::cell::Cell;
use std::thread;
use std::time::Duration;

#[test]
fn life_16_imap_18_a_stream_goes_on_while_somebody_polls_join_timeout() {
    for ordered in [true, false] {
        let pool = ThreadPool::new(2).unwrap();
        let pulled = Cell::new(0);
        let input = std::iter::repeat_with(|| pulled.replace(pulled.get() + 1));
        let stream = pool.stream(|x: u64| x, input).buffersize(4);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        pool.close();
        for turn in 1..=100 {
            assert_eq!(pool.join_timeout(Duration::ZERO), Err(JoinError::TimedOut));
            it.next().unwrap().unwrap();
            assert!(pulled.get() >= turn && it.progress().done as u64 == turn);
        }
        assert_eq!(pool.join_timeout(Duration::from_millis(1)), Err(JoinError::TimedOut));
        assert!(pulled.get() >= 100, "far beyond what was pulled at the call");
        // Only who waits without a limit ends it.
        pool.join().unwrap();
        let last = it.find_map(Result::err);
        let refused = matches!(last, Some(TaskError::NotSubmitted(SubmitErrorKind::NotRunning)));
        assert!(refused, "{last:?}");
        assert!(it.next().is_none());
    }
}

#[test]
fn life_16_a_join_with_a_limit_ends_when_the_last_stream_does() {
    for (ordered, dropped) in [(true, true), (true, false), (false, true), (false, false)] {
        let pool = ThreadPool::new(2).unwrap();
        let stream = pool.stream(|x: u64| x, 0..1_000).buffersize(4);
        let mut it = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
        pool.close();
        let waited = thread::scope(|scope| {
            let waits = scope.spawn(|| pool.join_timeout(Duration::MAX));
            if dropped {
                it.next().unwrap().unwrap();
                drop(it);
            } else {
                assert_eq!(it.map(Result::unwrap).sum::<u64>(), 499_500, "all of the input");
            }
            waits.join().unwrap()
        });
        assert_eq!(waited, Ok(()));
    }
}
