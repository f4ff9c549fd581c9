//! A slab of cells, I40: its memory goes once, after the last access to any of its cells.
//!
//! A negative control gives cells back by an operation of its own, with the step in question left out.

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
    unsafe { Slab::give_back(shared.0, cells, cell()) }
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
            fence(Ordering::Acquire);
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
fn i40_control_the_last_one_frees_without_a_fence() {
    control("I40 control: no fence before it is freed", Bound::None, Futex::Block, |_| {
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
