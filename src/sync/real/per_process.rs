//! Values of which each process has its own.

use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::identity;

/// A value that each process has of its own. The child of a fork begins with a new one: in its
/// parent's, a thread that exists only in the parent may hold a lock or be in the middle of a
/// change.
pub(crate) struct PerProcess<T: 'static> {
    /// The value of a process that no fork has made.
    first: T,
    /// The value of a process that a fork has made. Null before the first use, and what this points
    /// to is never freed.
    later: AtomicPtr<Later<T>>,
}

struct Later<T> {
    /// Which process of its line of forks made the value.
    forks: u32,
    value: T,
}

impl<T: Default + Sync> PerProcess<T> {
    pub(crate) const fn new(first: T) -> Self {
        Self { first, later: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The value of the calling process.
    #[inline]
    pub(crate) fn get(&'static self) -> &'static T {
        match identity::forks() {
            0 => &self.first,
            forks => self.get_slow(forks),
        }
    }

    #[cold]
    fn get_slow(&'static self, forks: u32) -> &'static T {
        loop {
            // edge PROCESS acquire: a new value, from the thread of this process, or of its parent,
            // that made it → this thread.
            let seen = self.later.load(Ordering::Acquire);
            // SAFETY: the pointer must be null, or point to a value that lives for ever. Only the
            // exchange below stores, and it stores what is never freed.
            match unsafe { seen.as_ref() } {
                Some(later) if later.forks == forks => return &later.value,
                _ => {}
            }
            let own = Box::into_raw(Box::new(Later { forks, value: T::default() }));
            // edge PROCESS release: the new value → a thread that finds it.
            let stored =
                self.later.compare_exchange(seen, own, Ordering::Release, Ordering::Relaxed);
            if stored.is_err() {
                // SAFETY: the pointer must come from a box, and be this thread's alone. It was made
                // above, and was not stored.
                drop(unsafe { Box::from_raw(own) });
            }
        }
    }
}

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    // covers F-17
    #[test]
    fn each_child_of_a_fork_has_a_value_of_its_own() {
        static VALUE: PerProcess<Mutex<u32>> = PerProcess::new(Mutex::new(0));
        fn forked(body: fn() -> bool) -> bool {
            // SAFETY: the child runs only `body`, and ends at once.
            match unsafe { libc::fork() } {
                0 => {
                    // SAFETY: it sets a timer, since a hang is a failure too.
                    unsafe { libc::alarm(20) };
                    let passed = body();
                    // SAFETY: it ends the child, without the destructors of the parent.
                    unsafe { libc::_exit(i32::from(!passed)) }
                }
                child => {
                    let mut status = 0;
                    // SAFETY: `status` is a place for an int, and `child` is our own.
                    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
                    waited == child && status == 0
                }
            }
        }
        fn add() -> u32 {
            // A parent's lock would be held for ever in the child.
            let mut value = VALUE.get().lock().unwrap();
            *value += 1;
            *value
        }
        identity::watch_for_forks();
        let held = VALUE.get().lock().unwrap();
        let child = || {
            let own = (add(), add()) == (1, 2);
            let _held = VALUE.get().lock().unwrap();
            own && forked(|| (add(), add()) == (1, 2))
        };
        assert!(forked(child));
        drop(held);
        assert_eq!(add(), 1, "the parent has its own still");
    }
}
