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
pub(crate) fn call<T>(f: impl FnOnce() -> T) -> Result<T, Panic> {
    catch_unwind(AssertUnwindSafe(f)).map_err(Panic::new)
}

/// Drops a value of the user's; if its `Drop` panics, so be it.
#[inline]
pub(crate) fn drop_quietly<T>(value: T) {
    if std::mem::needs_drop::<T>() {
        forget_panic(call(|| drop(value)));
    }
}

/// Gets rid of a panic that nobody will look at. Its payload may panic when dropped, and the payload of that panic may
/// do so again: the second is leaked, since there is no end to such a chain but to stop following it.
pub(crate) fn forget_panic(result: Result<(), Panic>) {
    if let Err(panic) = result {
        if let Err(again) = call(|| drop(panic)) {
            std::mem::forget(again);
        }
    }
}

/// Ends the process if it is dropped: put round code that must not unwind and calls no user code outside [`call`].
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

#[cfg(all(test, unix, not(loom)))]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    #[test]
    fn what_must_not_unwind_ends_the_process() {
        const CHILD: &str = "MILLPOND_TEST_ABORT";
        const NAME: &str = "task::unwind::tests::what_must_not_unwind_ends_the_process";
        if std::env::var_os(CHILD).is_some() {
            Abort("disarmed").disarm();
            return drop(Abort("dropped"));
        }
        let program = std::env::current_exe().unwrap();
        let output = Command::new(program).args(["--exact", NAME, "--nocapture"]).env(CHILD, "1").output();
        let output = output.unwrap();
        assert_eq!(output.status.signal(), Some(libc::SIGABRT));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("millpond: dropped;") && !said.contains("disarmed"), "{said}");
    }
}
