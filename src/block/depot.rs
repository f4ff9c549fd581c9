//! A depot: a few places for empty pieces of memory, until a thread needs one.
//!
//! A thread that has emptied a piece **keeps** it: it puts the piece into a free place. A
//! thread that needs a piece **takes** one. Any thread may do either at any time, and none
//! waits for another. A piece goes into a place and out of it by one exchange each. The
//! exchange that takes a piece leaves the place free, so one thread alone gets the piece.

use std::ptr::{self, NonNull};

use crate::sync::{AtomicPtr, Ordering};

/// The places of a depot, each with the address of a piece or with none.
pub(crate) struct Depot<T, const PLACES: usize>(pub(super) [AtomicPtr<T>; PLACES]);

impl<T, const PLACES: usize> Depot<T, PLACES> {
    #[allow(dead_code, reason = "a build for models has a stand-in for the injector")]
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())))
    }

    /// Keeps a piece that is the caller's alone, and says whether there was a place for it. If
    /// there was, the piece is no longer the caller's.
    #[must_use = "without a place the piece is still the caller's"]
    pub(crate) fn keep(&self, piece: NonNull<T>) -> bool {
        self.0.iter().any(|place| {
            place.load(Ordering::Relaxed).is_null()
                // edge DEPOT release: all that was done with the piece → the thread that takes
                // it.
                && place
                    .compare_exchange(
                        ptr::null_mut(),
                        piece.as_ptr(),
                        Ordering::Release,
                        Ordering::Relaxed,
                    )
                    .is_ok()
        })
    }

    /// Takes a piece, if one is kept. From then on it is the caller's alone.
    pub(crate) fn take(&self) -> Option<NonNull<T>> {
        self.0.iter().find_map(|place| {
            if place.load(Ordering::Relaxed).is_null() {
                return None;
            }
            // edge DEPOT acquire: all that was done with the piece → this thread.
            NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire))
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_depot_keeps_as_many_pieces_as_it_has_places_and_gives_each_once() {
        let depot = Depot::<u8, 2>::new();
        assert_eq!(depot.take(), None);
        let mut pieces = [1, 2, 3];
        let [a, b, c] = pieces.each_mut().map(NonNull::from);
        assert!(depot.keep(a) && depot.keep(b) && !depot.keep(c));
        assert_eq!(depot.take(), Some(a));
        assert!(depot.keep(c));
        assert_eq!([depot.take(), depot.take(), depot.take()], [Some(c), Some(b), None]);
    }
}
