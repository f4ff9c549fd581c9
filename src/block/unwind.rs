//! The one place where user code is called.
//!
//! A panic of user code is data: it becomes the outcome of the task it belongs to, or, where a value is dropped that
//! nobody will look at, it is swallowed. It never unwinds into the pool, because a worker that unwound would leave a
//! waiter behind.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::panic::Panic;
use crate::sync::thread;

/// Runs user code; its panic is the error.
///
/// Asserting unwind safety is right here because whatever `f` captured is consumed by it or is never looked at again
/// by the pool; what it shares with others is the user's own, as with [`std::thread::spawn`].
#[inline]
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub(crate) fn catch_panic<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

/// Drops a value of the user's; if its `Drop` panics, so be it.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        forget_panic(catch_panic(|| drop(value)));
    }
}

/// Gets rid of a panic that nobody will look at. Its payload may panic when dropped, and the payload of that panic may
/// do so again: the second is leaked, since there is no end to such a chain but to stop following it.
pub(crate) fn forget_panic(result: Result<(), Panic>) {
    if let Err(panic) = result {
        if let Err(again) = catch_panic(|| drop(panic)) {
            std::mem::forget(again);
        }
    }
}

/// Ends the process if it is dropped: put round code that must not unwind and calls no user code outside [`catch_panic`].
pub(crate) struct Abort(pub(crate) &'static str);

impl Drop for Abort {
    fn drop(&mut self) {
        if thread::is_doomed() {
            return;
        }
        eprintln!(
            "millpond: {}; the process ends, since a waiter could otherwise hang or see freed memory",
            self.0
        );
        std::process::abort();
    }
}

impl Abort {
    #[inline]
    pub(crate) fn disarm(self) {
        std::mem::forget(self);
    }
}

/// Ends the process if a count that the user's calls raise has passed `half` of what it can
/// count, as std's `Arc` does. The other half is for the threads that raise it before one of them
/// gets here. Past its range the count would begin anew, and memory be freed under those who are
/// counted.
#[inline]
pub(crate) fn check_count(count: u64, half: u64, sentence: &'static str) {
    if count > half {
        count_is_over(sentence);
    }
}

#[cold]
fn count_is_over(sentence: &'static str) {
    drop(Abort(sentence));
}

#[cfg(all(test, unix, not(loom)))]
pub(crate) mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    /// Runs `body` in a process of its own, which must abort with this sentence and say all else
    /// that it says before. `name` is the calling test's.
    #[track_caller]
    pub(crate) fn assert_aborts(name: &str, sentence: &str, body: impl FnOnce()) -> Option<String> {
        const CHILD: &str = "MILLPOND_TEST_ABORT";
        if std::env::var_os(CHILD).is_some() {
            body();
            return None;
        }
        let program = std::env::current_exe().unwrap();
        let mut again = Command::new(program);
        again.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
        let output = again.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}: {said}", output.status);
        assert!(said.contains(&format!("millpond: {sentence};")), "{said}");
        Some(said)
    }

    #[test]
    fn what_must_not_unwind_ends_the_process() {
        const NAME: &str = "block::unwind::tests::what_must_not_unwind_ends_the_process";
        let said = assert_aborts(NAME, "dropped", || {
            Abort("disarmed").disarm();
            drop(Abort("dropped"));
        });
        assert!(said.is_none_or(|said| !said.contains("disarmed")));
    }

    #[test]
    fn f47_a_count_past_its_half_ends_the_process() {
        const NAME: &str = "block::unwind::tests::f47_a_count_past_its_half_ends_the_process";
        let said = assert_aborts(NAME, "too many", || {
            check_count(0, 7, "none yet");
            check_count(7, 7, "as many as there may be");
            check_count(8, 7, "too many");
        });
        assert!(said.is_none_or(|said| !said.contains("yet") && !said.contains("may be")));
    }
}
