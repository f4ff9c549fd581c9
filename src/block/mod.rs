#![doc = include_str!("README.md")]

mod call;
mod depot;
mod entries;
mod error;
pub(crate) mod frame;
mod full;
mod function;
mod gate;
mod handle;
mod header;
#[cfg(not(any(
    all(any(loom, millpond_loom), feature = "loom", not(all(test, loom))),
    all(millpond_shuttle, feature = "shuttle")
)))]
#[cfg_attr(all(loom, feature = "loom"), allow(dead_code, reason = "other models have a stand-in"))]
mod injector;
pub(crate) mod memory;
mod offers;
mod owners;
mod panic;
mod placed;
mod pool_view;
pub(crate) mod registry;
mod slab;
mod span;
mod state;
mod thread_cache;
mod turn;
mod unobserved;
mod unwind;
mod watched;
mod work;

pub(crate) use call::Call;
#[cfg(all(test, not(loom)))]
pub(crate) use call::call_of_nothing;
pub(crate) use entries::{Entries, Places, Taken, Uncounted};
pub(crate) use error::Reason;
pub use error::{SubmitError, SubmitErrorKind, TaskError};
pub(crate) use frame::is_asked;
pub use full::PoolFull;
pub(crate) use function::{Each, Fallible, Plain};
pub(crate) use function::{Notify, Tell};
pub(crate) use gate::{By, Gate, Gated, StartBy, StartIf};
pub(crate) use handle::ResultRef;
pub(crate) use header::{
    Access, Header, Owner, Published, ResultTable, Stale, TaskRef, VTable, discharge, publish,
};
pub(crate) use offers::{HalfState, Latch, Offers};
#[cfg(all(test, unix, not(loom)))]
pub(crate) use owners::MOST_OWNERS;
pub(crate) use owners::Owners;
pub use panic::Panic;
pub(crate) use placed::Placed;
pub(crate) use pool_view::{Nobody, PoolView, STOP, WORK, stop_reason};
pub(crate) use registry::{register, unregister};
pub(crate) use span::{Spanned, in_span, out_of_span};
pub(crate) use state::{Claim, Kind, State};
pub(crate) use turn::Turn;
pub use unobserved::Unobserved;
pub(crate) use unobserved::{UnobservedCallback, unwatch, watch};
#[cfg(all(test, unix, not(loom)))]
pub(crate) use unwind::tests::assert_aborts;
pub(crate) use unwind::{Abort, catch_panic, check_count, drop_quietly, forget_panic};
pub(crate) use watched::Watched;
pub(crate) use work::{Job, Outcome, Work, call_back, drop_error, drop_outcome, end_of};

#[cfg(any(
    all(any(loom, millpond_loom), feature = "loom"),
    all(millpond_shuttle, feature = "shuttle")
))]
pub(crate) use crate::sync::deque::Injector;
#[cfg(not(any(
    all(any(loom, millpond_loom), feature = "loom"),
    all(millpond_shuttle, feature = "shuttle")
)))]
pub(crate) use injector::Injector;

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/cell.rs"]
mod models;
