//! Starts the threads of a pool together, and joins them together.

use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::config::{BuildError, Config, DropPolicy, WorkerCallback};
use crate::block::{catch_panic, drop_quietly, forget_panic, register, watch};
use crate::sched::{Limit, Sched, Stage};
use crate::sync::clock::Deadline;
use crate::sync::step;
use crate::sync::thread::{self, JoinHandle};
use crate::wait::block_until;
use crate::worker::{self, CallerKind, Context};

/// Says why `join` did not wait, or waited no longer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum JoinError {
    /// The pool is neither closed nor terminated: its workers would never leave.
    StillRunning,
    /// The caller is one of the threads that it would wait for.
    WouldDeadlock,
    /// The time was up. The wait has changed nothing, and the pool goes on as before.
    TimedOut,
    /// The process was forked. The pool's threads exist in the parent only.
    Forked,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StillRunning => "Pool is still running",
            Self::WouldDeadlock => "a thread of the pool cannot wait for its own end",
            Self::TimedOut => "the pool did not end in time",
            Self::Forked => "Pool belongs to the parent process",
        })
    }
}

impl Error for JoinError {}

/// Owns a pool's threads.
pub(crate) struct Threads {
    sched: Arc<Sched>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    names: Arc<[String]>,
    drop_policy: DropPolicy,
}

impl Threads {
    /// Starts all workers, and does not wait for their initializers.
    ///
    /// # Errors
    ///
    /// Says that there can be no such pool, or that the system refused a thread. In the second case
    /// no thread is left behind.
    pub(crate) fn start(config: Config) -> Result<Self, BuildError> {
        let workers = config.workers.unwrap_or_else(thread::processors);
        let names: Arc<[String]> = config.names(workers)?.into();
        let (mut sched, deques) = Sched::new(workers);
        if config.strict_close {
            sched.close_strictly();
        }
        // A closed pool whose initializer may still panic is not drained: it may break.
        if config.initializer.is_none() {
            sched.begin_drained_idle();
        }
        if config.stats || config.one_in > 0 {
            sched.open_books(config.one_in);
        }
        let limit = config.max_queued.map(|max_queued| Limit {
            max_queued,
            when_full: config.when_full,
            name: names[0].strip_suffix("-0").unwrap_or(&names[0]).to_owned(),
        });
        let sched = sched.share(limit);
        let shared = Arc::downgrade(&sched);
        register(sched.id, shared);
        if let Some(callback) = config.on_unobserved {
            watch(sched.id, callback);
        }
        let mut handles = Vec::with_capacity(workers);
        for (index, (name, deque)) in names.iter().cloned().zip(deques).enumerate() {
            let shared = Arc::clone(&sched);
            let (initializer, on_exit) = (config.initializer.clone(), config.on_exit.clone());
            let context = move || Context::new(shared, index, deque, config.profile);
            let main = move || live(context(), index, initializer, on_exit);
            match thread::spawn(name, config.stack_size, main) {
                Ok(handle) => handles.push(handle),
                Err(source) => {
                    sched.terminate();
                    let started = handles.len();
                    handles.into_iter().for_each(join_thread);
                    return Err(BuildError::Spawn { started, source });
                }
            }
        }
        Ok(Self { sched, handles: Mutex::new(handles), names, drop_policy: config.drop_policy })
    }

    pub(crate) fn sched(&self) -> &Arc<Sched> {
        &self.sched
    }

    /// Returns the names of the workers' threads.
    pub(super) fn names(&self) -> &Arc<[String]> {
        &self.names
    }

    /// Waits until every worker has left, or until the deadline.
    ///
    /// The caller looks at the pool and changes nothing: open streams go on, and the workers stay
    /// as long as one is open. [LIFE-9]
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub(crate) fn wait(&self, deadline: Option<&Deadline>) -> Result<(), JoinError> {
        self.may_wait()?;
        // edge LEAVE acquire: all that the workers did → this thread.
        match block_until(self.sched.live(), 0, deadline, |live| live == 0) {
            Some(_) => Ok(()),
            None => Err(JoinError::TimedOut),
        }
    }

    /// Checks that the workers will leave, and that the caller may wait for that.
    fn may_wait(&self) -> Result<(), JoinError> {
        if !self.sched.is_forked() && self.sched.stage() == Stage::Run {
            return Err(JoinError::StillRunning);
        }
        may_wait_for_end(&self.sched)
    }

    /// Waits until every worker has left and its thread is gone.
    ///
    /// By then the destructors of the thread's thread-locals have run. From here on streams pull no
    /// more input. [LIFE-9]
    ///
    /// # Errors
    ///
    /// See [`JoinError`].
    pub(crate) fn join(&self) -> Result<(), JoinError> {
        self.may_wait()?;
        self.sched.stop_streams();
        // The first caller holds the lock while it joins, so that a second caller does not return
        // before the threads are gone.
        let mut handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.drain(..).for_each(join_thread);
        Ok(())
    }
}

impl Threads {
    /// Says on stderr, in a debug build, how many queued tasks the drop discards.
    ///
    /// The author of a program that submits work and ends at once may not know that no worker did
    /// the work.
    fn say_what_is_discarded(&self) {
        // A model does not look: each look is a step.
        if !cfg!(debug_assertions) || cfg!(feature = "loom") || self.sched.stage() != Stage::Run {
            return;
        }
        let queued = self.sched.queued();
        if queued > 0 {
            // `eprintln` would panic if stderr is closed.
            let _ = writeln!(
                io::stderr(),
                "millpond: a pool was dropped, and with it {queued} queued tasks that had not \
                 begun; to have them done call close() and join(), or build the pool with \
                 DropPolicy::Drain (release builds do not say this)"
            );
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        step::pass();
        if self.sched.is_forked() {
            // These threads are the parent's. The child has no thread to join or to detach.
            let handles = self.handles.get_mut().unwrap_or_else(PoisonError::into_inner);
            return std::mem::forget(std::mem::take(handles));
        }
        match self.drop_policy {
            DropPolicy::Terminate => {
                self.say_what_is_discarded();
                self.sched.terminate();
            }
            DropPolicy::Join => {
                self.sched.terminate();
                // On one of the pool's own threads `join` refuses to wait, and the drop of the
                // handles detaches the threads.
                let _ = self.join();
            }
            DropPolicy::Drain => {
                self.sched.close();
                let _ = self.join();
            }
        }
    }
}

/// Checks that the caller may wait for the end of a pool that ends.
pub(super) fn may_wait_for_end(sched: &Sched) -> Result<(), JoinError> {
    if sched.is_forked() {
        return Err(JoinError::Forked);
    }
    if worker::caller_kind(sched.id) != CallerKind::Outside {
        return Err(JoinError::WouldDeadlock);
    }
    Ok(())
}

/// Starts a thread that calls `late` at the deadline, if a worker is left by then. It ends with the
/// last worker, or after that call. False if the system refuses a thread.
pub(super) fn start_timekeeper(
    sched: Arc<Sched>,
    deadline: Deadline,
    late: impl FnOnce(&Sched) + Send + 'static,
) -> bool {
    let main = move || {
        // edge LEAVE acquire: all that the workers did → this thread.
        if block_until(sched.live(), 0, Some(&deadline), |live| live == 0).is_none() {
            late(&sched);
        }
    };
    thread::spawn(String::from("millpond-limit"), None, main).is_ok()
}

fn join_thread(handle: JoinHandle<()>) {
    // A worker's thread contains every panic. If a destructor of a user's thread-local panics, the
    // standard library ends the process.
    let _ = handle.join();
}

/// Runs a worker's thread from its beginning to its end.
fn live(
    context: Context,
    index: usize,
    initializer: Option<WorkerCallback>,
    on_exit: Option<WorkerCallback>,
) {
    let sched = Arc::clone(context.sched());
    worker::enlist(sched.id);
    let ready =
        initializer.as_ref().is_none_or(|initializer| match catch_panic(|| initializer(index)) {
            Ok(()) => true,
            Err(panic) => {
                sched.break_down(panic);
                false
            }
        });
    context.run();
    if ready && !sched.is_forked() {
        if let Some(on_exit) = &on_exit {
            forget_panic(catch_panic(|| on_exit(index)));
        }
    }
    if sched.is_forked() {
        // The user's code has forked on this worker, and this is the child's copy of it. The copy
        // leaves everything of the pool as it is, and its thread ends.
        return std::mem::forget((context, initializer, on_exit, sched));
    }
    // The worker drops the callbacks before the count falls. So a thread that has joined finds them
    // gone, with what they own.
    drop_quietly(initializer);
    drop_quietly(on_exit);
    drop(context);
    sched.leave(index);
}
