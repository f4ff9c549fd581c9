//! A slab of cells, I40: its memory goes once, after the last access to any of its cells. Or another thread takes the
//! empty slab from the depot: one thread alone, and after the last access too.
//!
//! A negative control gives cells back, keeps or takes by an operation of its own, with the step in question left out.
//! In a model the depot has one place.

use super::*;
use crate::models::harness::{Bound, Futex, check, control, spawn};
use std::sync::Arc;

fn cell() -> Layout {
    Layout::new::<u64>()
}

/// The address of a slab, for other threads.
struct Shared(NonNull<Slab>);

// SAFETY: an address; what it points to is atomic or checked by the model.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

fn shared() -> Arc<Shared> {
    Arc::new(Shared(Slab::create(cell())))
}

fn give_back(shared: &Shared, cells: u32) {
    // SAFETY: the models give back each cell once.
    unsafe { Slab::give_back(shared.0, cells, cell(), None) }
}

/// Uses a cell, as a block does whose every access is a touch of what may be freed.
fn use_cell(shared: &Shared) {
    // SAFETY: the cell has not been given back, so the slab is alive.
    unsafe { shared.0.as_ref() }.alive.touch();
}

/// Two calls of one slab are freed on two threads, while the thread that submitted them ends.
fn two_owners(back: impl Fn(&Shared, u32) + Copy + Send + 'static) {
    let slab = shared();
    let others = [(); 2].map(|()| {
        let slab = Arc::clone(&slab);
        spawn(move || {
            use_cell(&slab);
            back(&slab, 1);
        })
    });
    back(&slab, CELLS - 2);
    for other in others {
        other.join().expect("an owner returns");
    }
}

#[test]
fn i40_two_calls_of_one_slab_beside_the_end_of_their_thread() {
    check("I40 owner ‖ owner ‖ end of the thread", Bound::None, Futex::Block, |_| {
        two_owners(give_back)
    });
}

/// The steps of `give_back`, with other orderings.
fn with_orderings(shared: &Shared, cells: u32, release: Ordering, acquire: bool) {
    // SAFETY: as in `give_back`.
    let head = unsafe { shared.0.as_ref() };
    if head.left.fetch_sub(cells, release) == cells {
        if acquire {
            let _ = head.left.load(Ordering::Acquire);
        }
        head.alive.end();
        // SAFETY: all cells are back.
        unsafe { heap::dealloc(shared.0.cast(), Slab::layout(cell())) };
    }
}

#[test]
fn i40_control_the_count_goes_down_too_weakly() {
    control("I40 control: a Relaxed count", Bound::None, Futex::Block, |_| {
        two_owners(|slab, cells| with_orderings(slab, cells, Ordering::Relaxed, true));
    });
}

#[test]
fn i40_control_the_last_one_frees_without_a_look() {
    control("I40 control: no acquire before it is freed", Bound::None, Futex::Block, |_| {
        two_owners(|slab, cells| with_orderings(slab, cells, Ordering::Release, false));
    });
}

#[test]
fn i40_control_nobody_gives_back_what_was_not_handed_out() {
    control("I40 control: a thread ends and leaves its cells", Bound::None, Futex::Block, |_| {
        let slab = shared();
        let other = Arc::clone(&slab);
        let owner = spawn(move || {
            use_cell(&other);
            give_back(&other, 1);
        });
        owner.join().expect("the owner returns");
    });
}

#[test]
fn i40_control_a_count_of_those_handed_out() {
    control("I40 control: the count begins with the first call", Bound::None, Futex::Block, |_| {
        let slab = shared();
        // SAFETY: nobody else knows it yet.
        unsafe { slab.0.as_ref() }.left.store(1, Ordering::Relaxed);
        let other = Arc::clone(&slab);
        let owner = spawn(move || {
            use_cell(&other);
            give_back(&other, 1);
        });
        // The submitter counts the second call as it hands it out, which may be too late.
        // SAFETY: that is what the control is about.
        let head = unsafe { slab.0.as_ref() };
        head.alive.touch();
        head.left.fetch_add(1, Ordering::Relaxed);
        use_cell(&slab);
        give_back(&slab, 1);
        owner.join().expect("the owner returns");
    });
}

/// How a thread keeps an empty slab, and how it takes one.
type Keep = fn(&Empty, NonNull<Slab>) -> bool;
type Take = fn(&Empty) -> Option<NonNull<Slab>>;

/// Opens a slab, uses its cells, and gives them back.
fn open_and_give_back(depot: &Empty) {
    let slab = Shared(Slab::open(cell(), Some(depot), 0));
    use_cell(&slab);
    // SAFETY: all cells are this thread's.
    unsafe { Slab::give_back(slab.0, CELLS, cell(), Some(depot)) };
}

/// Frees what the depot has kept.
fn end(depot: &Empty) {
    while let Some(slab) = depot.take() {
        // SAFETY: it is empty, and no other thread is left.
        unsafe { Slab::free(slab, cell()) };
    }
}

/// The last cell of a slab is freed on one of two threads, while the submitter opens its next slab.
#[test]
fn i40_an_emptied_slab_is_opened_by_the_thread_that_submits() {
    check("I40 owner ‖ owner, open", Bound::None, Futex::Block, |outcomes| {
        let (slab, depot) = (shared(), Arc::new(Empty::new()));
        let (theirs, place) = (Arc::clone(&slab), Arc::clone(&depot));
        let other = spawn(move || {
            use_cell(&theirs);
            // SAFETY: the cell is this thread's.
            unsafe { Slab::give_back(theirs.0, 1, cell(), Some(&place)) };
        });
        use_cell(&slab);
        // SAFETY: the other cells are this thread's.
        unsafe { Slab::give_back(slab.0, CELLS - 1, cell(), Some(&depot)) };
        let next = Slab::open(cell(), Some(&depot), 0);
        outcomes.insert(if next == slab.0 { "the emptied slab" } else { "a new slab" });
        use_cell(&Shared(next));
        // SAFETY: no cell of the new slab was handed out.
        unsafe { Slab::give_back(next, CELLS, cell(), Some(&depot)) };
        other.join().expect("the owner returns");
        end(&depot);
    });
}

#[test]
fn i40_three_threads_open_and_empty_slabs() {
    check("I40 open, empty ‖ open, empty ‖ free", Bound::Usual, Futex::Block, |_| {
        let depot = Arc::new(Empty::new());
        let others = [(); 2].map(|()| {
            let depot = Arc::clone(&depot);
            spawn(move || (0..2).for_each(|_| open_and_give_back(&depot)))
        });
        end(&depot);
        others.into_iter().for_each(|other| other.join().expect("a thread returns"));
        end(&depot);
    });
}

/// A thread takes what is kept, beside another that keeps a slab and takes what is kept.
fn kept_and_taken(keep: Keep, take: Take) {
    let (depot, slab) = (Arc::new(Empty::new()), Slab::create(cell()));
    let own = |slab: NonNull<Slab>| {
        // SAFETY: the slab is alive, or the model fails.
        unsafe { slab.as_ref() }.alive.own();
    };
    let theirs = Arc::clone(&depot);
    let other = spawn(move || _ = take(&theirs).map(own));
    own(slab);
    assert!(keep(&depot, slab), "I40: nobody else keeps one");
    _ = take(&depot).map(own);
    other.join().expect("the taker returns");
    // SAFETY: no other thread is left.
    unsafe { Slab::free(slab, cell()) };
}

#[test]
fn i40_a_slab_that_is_kept_is_taken_once() {
    check("I40 keep, take ‖ take", Bound::None, Futex::Block, |_| {
        kept_and_taken(Empty::keep, Empty::take);
    });
}

#[test]
fn i40_control_a_slab_is_kept_without_release() {
    control("I40 control: kept without Release", Bound::None, Futex::Block, |_| {
        kept_and_taken(
            |depot, slab| {
                depot.0[0].store(slab.as_ptr(), Ordering::Relaxed);
                true
            },
            Empty::take,
        );
    });
}

#[test]
fn i40_control_a_slab_is_taken_without_acquire() {
    control("I40 control: taken without Acquire", Bound::None, Futex::Block, |_| {
        kept_and_taken(Empty::keep, |depot| {
            NonNull::new(depot.0[0].swap(std::ptr::null_mut(), Ordering::Relaxed))
        });
    });
}

#[test]
fn i40_control_a_slab_is_taken_in_two_steps() {
    control("I40 control: a look, then a take", Bound::None, Futex::Block, |_| {
        kept_and_taken(Empty::keep, |depot| {
            let slab = NonNull::new(depot.0[0].load(Ordering::Acquire));
            depot.0[0].store(std::ptr::null_mut(), Ordering::Relaxed);
            slab
        });
    });
}

#[test]
fn i40_control_a_slab_is_kept_before_it_is_empty() {
    control("I40 control: kept with a cell handed out", Bound::None, Futex::Block, |_| {
        let (slab, depot) = (shared(), Arc::new(Empty::new()));
        let theirs = Arc::clone(&slab);
        let other = spawn(move || use_cell(&theirs));
        assert!(depot.keep(slab.0));
        let next = Slab::open(cell(), Some(&depot), 0);
        use_cell(&Shared(next));
        other.join().expect("the owner returns");
        // SAFETY: no other thread is left.
        unsafe { Slab::free(next, cell()) };
    });
}
