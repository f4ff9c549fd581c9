//! The one place where the pool calls user code.
//!
//! A panic of user code is data. It becomes the outcome of the task that it belongs to. The
//! pool swallows a panic in the `Drop` of a value that no thread will look at. No panic
//! unwinds into the pool, because a worker that unwound would leave a waiter behind.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::panic::Panic;
use crate::sync::thread;

/// Runs user code, and returns its panic as the error.
///
/// It is right to assert unwind safety here. `f` consumes what it captured, or the pool never
/// looks at it again. What `f` shares with other threads is the user's own affair, as with
/// [`std::thread::spawn`].
#[inline]
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub(crate) fn catch_panic<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

/// Drops a value of the user's, and swallows a panic of its `Drop`.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        forget_panic(catch_panic(|| drop(value)));
    }
}

/// Drops a panic that no thread will look at.
pub(crate) fn forget_panic(result: Result<(), Panic>) {
    drop(result);
}

/// Drops what a panic carried. The payload may panic when it is dropped, and the payload of
/// that second panic may panic too, and so on without end. So the call leaks the second
/// payload.
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub(super) fn drop_payload(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

/// Ends the process if it is dropped. It guards code that must not unwind and that calls user
/// code only through [`catch_panic`].
pub(crate) struct Abort(pub(crate) &'static str);

impl Drop for Abort {
    fn drop(&mut self) {
        if thread::is_doomed() {
            return;
        }
        eprintln!(
            "millpond: {}; the process ends, since a waiter could otherwise hang or see freed \
             memory",
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

/// Ends the process if a count that the user's calls raise has passed `half` of its range, as
/// std's `Arc` does. The other half is for the threads that raise the count before one of them
/// gets here. A count past its range would begin anew, and a thread would free memory that
/// others still own.
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

    /// Runs `body` in a process of its own, which must abort with this sentence. Returns what
    /// that process wrote. `name` is the name of the calling test.
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

    // covers F-47
    #[test]
    fn a_count_past_its_half_ends_the_process() {
        const NAME: &str = "block::unwind::tests::a_count_past_its_half_ends_the_process";
        let said = assert_aborts(NAME, "too many", || {
            check_count(0, 7, "none yet");
            check_count(7, 7, "as many as there may be");
            check_count(8, 7, "too many");
        });
        assert!(said.is_none_or(|said| !said.contains("yet") && !said.contains("may be")));
    }
}
