use super::*;
use crate::block::{Nobody, Plain, Reason, TaskError};
use crate::stream::ring::{StreamOptions, Window};
use crate::sync::{AtomicU32, Ordering};
use std::convert::Infallible;
use std::task::{Wake, Waker};

/// 1 if it was woken.
struct Rings(AtomicU32);

impl Wake for Rings {
    fn wake(self: Arc<Self>) {
        self.0.store(1, Ordering::Relaxed);
    }
}

/// The pool ends between the moment in which an item is in and the push of its entry.
// covers FED-13
#[test]
fn a_consumer_that_sleeps_hears_of_an_entry_that_came_too_late() {
    for ordered in [true, false] {
        let options =
            StreamOptions { chunksize: Some(1), buffersize: Some(2), ordered, counted: false };
        let (window, each) = (Window { least: 2, most: 2 }, Plain(|x: u32| x));
        // SAFETY: the function and the items borrow nothing, and are `Send`.
        let mut stream: StreamRef<u32, u32, Infallible> =
            unsafe { StreamRef::create(each, options, window, 1, 1, true, None) };
        let shared = Shared::new(&mut stream);
        let Offer::In(Some(entry)) = shared.offer(5, &mut None, false) else {
            panic!("the stream has no entry yet, and its window has room")
        };
        shared.cut();
        assert!(shared.take(&mut stream).is_none());
        assert_eq!(shared.flow(), Flow::On);
        let rings = Arc::new(Rings(AtomicU32::new(0)));
        shared.bell.quiet();
        shared.bell.leave_waker(&Waker::from(Arc::clone(&rings)));
        assert!(shared.ask(&mut stream), "the item has no outcome");
        assert_eq!(rings.0.load(Ordering::Relaxed), 0);

        assert!(entry.count(), "the stream is open for entries");
        assert!(shared.sent(true), "now the pool may hear that the stream is closed");
        assert_eq!(rings.0.load(Ordering::Relaxed), 1, "no worker will wake the consumer");
        assert_eq!(shared.flow(), Flow::Late);
        assert!(stream.has_backlog());
        stream.refuse(&Reason::NotRunning);
        let outcome = shared.take(&mut stream);
        assert!(matches!(outcome, Some(Err(TaskError::NotSubmitted(_)))), "{outcome:?}");
        assert_eq!(shared.flow(), Flow::Over { cut: true });
        stream.see_items();
        drop(stream);
        drop(shared);
        // The stale entry, as the pool's end finds it.
        entry.run(&Nobody);
    }
}
