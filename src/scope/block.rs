//! The block of a scope, whose tasks borrow from the frame that waits for all of them.
//!
//! The scope's tasks stand in a queue of the scope's own. For each of them an **entry** of the
//! scope stands in the pool's queues. A worker that takes an entry runs the scope's oldest task.
//! So a worker that waits for its own scope finds the scope's tasks to run, and only these.
//!
//! The frame may take a task without an entry, and a handle may claim one. Each such task leaves an
//! entry too many, which is a stale entry.
//!
//! The scope's word counts the tasks that are **pending**. A task leaves the count after its
//! closure is gone, and after its outcome is in its own block or dropped. From then on it
//! touches nothing of the frame. The frame, each entry and each pending task own the scope's
//! block, and the last of them frees it.

use std::alloc::Layout;
use std::ptr::NonNull;

use super::queue::Queue;
use crate::block::{
    Header, Owner, Owners, PoolView, Reason, State, TaskRef, VTable, check_count, frame, memory,
};
use crate::sync::{AtomicU32, Lock, Ordering, futex, step};
use crate::wait::block_until;

/// The mark that says that the frame waits for the count to fall, or for more tasks.
const WAITER: u32 = 1 << 31;
/// The most pending tasks: half of what can be counted.
const MOST_PENDING: u32 = WAITER / 2;

#[repr(C)]
struct Block {
    header: Header,
    /// The frame, each pending task and each queued entry.
    owners: Owners,
    /// The number of pending tasks, and WAITER.
    // count pending: the tasks of a scope that are not done. Each submission to the scope raises
    // it. The process aborts when it passes 2^30, half of its range.
    pending: AtomicU32,
    queue: Lock<Queue>,
}

/// The frame's right to its scope.
pub(crate) struct ScopeRef {
    header: NonNull<Header>,
}

// SAFETY: all of the block is atomic or under its lock, and the tasks in its queue may change
// threads.
unsafe impl Send for ScopeRef {}
// SAFETY: as above.
unsafe impl Sync for ScopeRef {}

/// A pending task's place in the count. Dropped when the task is done for good.
pub(crate) struct Pending {
    header: NonNull<Header>,
}

// SAFETY: as for `ScopeRef`.
unsafe impl Send for Pending {}

impl Block {
    const VTABLE: VTable = VTable {
        run: Self::run,
        resolve: Self::resolve,
        entries: None,
        retire: Self::retire,
        discard: Self::discard,
        free: Self::free,
        result: None,
    };

    /// # Safety
    ///
    /// The block is alive for as long as the reference is used.
    unsafe fn of<'a>(header: NonNull<Header>) -> &'a Self {
        // SAFETY: alive, and made as a `Block`, whose first field is the header.
        let block = unsafe { header.cast::<Self>().as_ref() };
        block.header.alive().touch();
        block
    }

    /// Takes the oldest task, for an entry that has left its queue.
    fn take_for_entry(&self) -> Option<TaskRef> {
        self.queue.with(|queue| {
            queue.entries -= 1;
            queue.pop()
        })
    }

    /// Takes the oldest task, for the frame, which has no entry. So one entry is left over.
    fn take_without_entry(&self, view: &dyn PoolView) -> Option<TaskRef> {
        let task = self.queue.with(Queue::pop)?;
        view.entries_died(self.header.state().is_outside(), 1);
        Some(task)
    }

    /// Takes the caller off the owners. The last owner frees the block.
    ///
    /// # Safety
    ///
    /// The caller is an owner, and touches the block no more.
    unsafe fn leave(header: NonNull<Header>) {
        // SAFETY: the caller is an owner.
        let block = unsafe { Self::of(header) };
        if block.owners.leave() {
            // SAFETY: the caller was the last owner.
            unsafe { Self::free(header) };
        }
    }

    /// Runs the scope's oldest task, if one is left, for an entry.
    ///
    /// # Safety
    ///
    /// See [`VTable::run`]. The caller's right is an entry.
    unsafe fn run(header: NonNull<Header>, view: &dyn PoolView, _: Owner) -> bool {
        // SAFETY: the entry is an owner.
        let block = unsafe { Self::of(header) };
        let task = block.take_for_entry();
        let any = task.is_some();
        match task {
            Some(task) => task.run(view),
            None => view.stale_entry_left(block.header.state().is_outside()),
        }
        // SAFETY: the entry is an owner, and touches the scope no more.
        unsafe { Self::leave(header) };
        any
    }

    /// Resolves the scope's oldest task, if one is left, for an entry.
    ///
    /// # Safety
    ///
    /// See [`VTable::resolve`]. The caller's right is an entry.
    unsafe fn resolve(header: NonNull<Header>, reason: Reason, _: Owner) -> bool {
        // SAFETY: the entry is an owner.
        let task = unsafe { Self::of(header) }.take_for_entry();
        let any = task.is_some();
        if let Some(task) = task {
            task.resolve(reason);
        }
        // SAFETY: the entry is an owner, and touches the scope no more.
        unsafe { Self::leave(header) };
        any
    }

    /// # Safety
    ///
    /// See [`VTable::retire`].
    unsafe fn retire(header: NonNull<Header>) -> bool {
        // SAFETY: the entry is an owner.
        let (stale, swept) = unsafe { Self::of(header) }.queue.with(Queue::retire_entry);
        drop(swept);
        stale
    }

    /// # Safety
    ///
    /// See [`VTable::discard`].
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the entry is an owner, and touches the scope no more.
        unsafe { Self::leave(header) };
    }

    /// # Safety
    ///
    /// See [`VTable::free`].
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the caller is the last owner.
        let block = unsafe { header.cast::<Self>().as_mut() };
        // The tasks that are left were run through their handles, or taken back.
        while let Some(left) = block.queue.with(Queue::pop) {
            left.resolve(Reason::Terminated);
        }
        // SAFETY: the queue is the last owner's, who drops it once, here.
        unsafe { std::ptr::drop_in_place(&raw mut block.queue) };
        // SAFETY: no field that owned something is left in the block, and the block was allocated
        // with this layout.
        unsafe { memory::free(header, Layout::new::<Self>()) };
    }
}

impl ScopeRef {
    /// Makes a scope without tasks, and allocates its block. `outside` says that its frame is on no
    /// worker's thread.
    pub(crate) fn new(pool: u32, outside: bool) -> Self {
        let memory = memory::alloc(Layout::new::<Block>()).cast::<Block>();
        let block = Block {
            header: Header::new(State::new(outside), pool, const { &Block::VTABLE }),
            owners: Owners::one(),
            pending: AtomicU32::new(0),
            queue: Lock::new(Queue::new()),
        };
        // SAFETY: the memory is fresh and has the size and alignment of a `Block`.
        unsafe { memory.write(block) };
        Self { header: memory.cast() }
    }

    fn block(&self) -> &Block {
        // SAFETY: the frame is an owner as long as `self` lives.
        unsafe { Block::of(self.header) }
    }

    /// Counts a task that is about to be made. [SCOPE-1]
    pub(crate) fn begin(&self) -> Pending {
        let block = self.block();
        // Relaxed: the submitter is in the scope's body or in one of its pending tasks. Meanwhile
        // neither count falls to its end.
        let pending = block.pending.fetch_add(1, Ordering::Relaxed) & !WAITER;
        check_count((pending + 1).into(), MOST_PENDING.into(), "a scope has too many tasks");
        block.owners.join();
        Pending { header: self.header }
    }

    /// Puts a task that was counted into the scope's queue, and gives the entry for the pool's
    /// queue.
    pub(crate) fn push(&self, task: TaskRef) -> TaskRef {
        let block = self.block();
        block.owners.join();
        let stale = block.queue.with(|queue| queue.push(task));
        drop(stale);
        // The lock orders: if the frame looked before the push, this thread sees its mark.
        // [SCOPE-1]
        if block.pending.load(Ordering::Relaxed) & WAITER != 0 {
            // If the frame does not sleep yet, it does not fall asleep without its mark.
            block.pending.fetch_and(!WAITER, Ordering::Relaxed);
            futex::wake_all(&block.pending);
        }
        // SAFETY: the entry was counted as an owner above.
        unsafe { TaskRef::new(self.header) }
    }

    /// Tells this scope's entries from all other entries.
    pub(crate) fn id(&self) -> NonNull<Header> {
        self.header
    }

    /// Returns how many entries lie in queues.
    pub(crate) fn entries(&self) -> usize {
        self.block().queue.with(|queue| queue.entries)
    }

    /// Says whether the frame is in the child of a fork that was made inside it. The tasks never
    /// end there. No thread there runs or drops them either, so the frame may end before them.
    fn is_forked(&self) -> bool {
        self.block().header.is_forked()
    }

    /// Waits until no task is pending, without running any.
    pub(crate) fn wait(&self) {
        if self.is_forked() {
            return;
        }
        // edge PENDING acquire: all that the tasks did, the end of their closures included → the
        // frame.
        block_until(&self.block().pending, WAITER, None, |pending| pending & !WAITER == 0);
    }

    /// Waits until no task is pending, and meanwhile runs the tasks that no thread has begun.
    /// [SCOPE-2]
    pub(crate) fn work_and_wait(&self, view: &dyn PoolView) {
        let block = self.block();
        step::pass();
        loop {
            while !self.is_forked() {
                let Some(task) = block.take_without_entry(view) else { break };
                frame::enter(self.header, || task.run(view));
            }
            if self.is_forked() {
                return;
            }
            // edge PENDING acquire: as in `wait`.
            let before = block.pending.fetch_or(WAITER, Ordering::Acquire);
            if before & !WAITER == 0 {
                return;
            }
            // The lock orders: a submitter that pushes after this look sees the mark.
            if block.queue.with(|queue| queue.is_empty()) {
                let marked = before | WAITER;
                // The frame sleeps until the word changes. The last task to end wakes it, and so
                // does a submitter, which takes the mark away. Then the frame looks again.
                block_until(&block.pending, 0, None, |pending| pending != marked);
            }
        }
    }
}

impl std::fmt::Debug for ScopeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let pending = self.block().pending.load(Ordering::Relaxed) & !WAITER;
        f.debug_struct("Scope").field("pending", &pending).finish()
    }
}

impl Drop for ScopeRef {
    fn drop(&mut self) {
        // SAFETY: the frame is an owner, and touches the scope no more.
        unsafe { Block::leave(self.header) };
    }
}

impl Drop for Pending {
    /// [SCOPE-3]
    fn drop(&mut self) {
        // SAFETY: a pending task is an owner.
        let block = unsafe { Block::of(self.header) };
        step::end();
        // edge PENDING release: all that the task did → the frame.
        let before = block.pending.fetch_sub(1, Ordering::Release);
        if before == WAITER | 1 {
            futex::wake_all(&block.pending);
        }
        // SAFETY: the task is an owner, and touches the scope no more.
        unsafe { Block::leave(self.header) };
    }
}

#[cfg(all(test, not(loom)))]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::block::{assert_aborts, call_of_nothing};

    /// A scope with these counts. They are false, so the test leaks it.
    fn scope(pending: u32, owners: u32) -> std::mem::ManuallyDrop<ScopeRef> {
        let scope = ScopeRef::new(1, true);
        scope.block().pending.store(pending, Ordering::Relaxed);
        scope.block().owners.preset(owners);
        std::mem::ManuallyDrop::new(scope)
    }

    /// Begins one pending task more than there may be, beside these bits.
    fn too_many_tasks(name: &str, bits: u32) {
        let said = assert_aborts(name, "a scope has too many tasks", || {
            let scope = scope((MOST_PENDING - 1) | bits, 1);
            std::mem::forget(scope.begin());
            eprintln!("as many as there may be");
            std::mem::forget(scope.begin());
            eprintln!("one more");
        });
        assert!(said.is_none_or(|said| said.contains("may be") && !said.contains("one more")));
    }

    // covers F-47
    #[test]
    fn too_many_pending_tasks_end_the_process() {
        too_many_tasks("scope::block::tests::too_many_pending_tasks_end_the_process", 0);
    }

    // covers F-47
    #[test]
    fn the_limit_holds_though_the_frame_waits() {
        too_many_tasks("scope::block::tests::the_limit_holds_though_the_frame_waits", WAITER);
    }

    // covers F-47
    #[test]
    fn too_many_owners_end_the_process() {
        let name = "scope::block::tests::too_many_owners_end_the_process";
        let said = assert_aborts(name, "a block has too many owners", || {
            let scope = scope(0, crate::block::MOST_OWNERS - 2);
            std::mem::forget(scope.begin());
            let _entry = scope.push(call_of_nothing(1));
            eprintln!("as many as there may be");
            let _entry = scope.push(call_of_nothing(1));
            eprintln!("one more");
        });
        assert!(said.is_none_or(|said| said.contains("may be") && !said.contains("one more")));
    }

    // covers F-47
    #[test]
    fn a_task_that_begins_is_counted_as_an_owner() {
        let name = "scope::block::tests::a_task_that_begins_is_counted_as_an_owner";
        let said = assert_aborts(name, "a block has too many owners", || {
            std::mem::forget(scope(0, crate::block::MOST_OWNERS).begin());
            eprintln!("one more");
        });
        assert!(said.is_none_or(|said| !said.contains("one more")));
    }
}

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/scope.rs"]
mod models;
