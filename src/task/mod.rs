#![doc = include_str!("README.md")]

mod batch;
mod block;
mod call;
mod entries;
mod error;
mod frame;
mod handle;
mod header;
mod host;
mod panic;
mod placed;
mod registry;
mod scope;
mod scope_queue;
mod scoped;
mod slab;
mod state;
mod stream;
mod turn;
mod unobserved;
mod unwind;
mod work;

pub(crate) use batch::{Batch, Cut, Map, MapResults, MapSlice, Mapping, Tokens};
pub use batch::{Each, Spread, Star};
pub(crate) use call::Call;
#[cfg(all(test, not(loom)))]
pub(crate) use call::call_of_nothing;
pub(crate) use entries::{Places, Uncounted};
pub(crate) use error::Reason;
pub use error::{SubmitError, SubmitErrorKind, TaskError, UnwrapOrResume};
pub(crate) use frame::is_asked;
pub(crate) use handle::ResultRef;
pub(crate) use header::{Header, Stale, TaskRef};
pub(crate) use host::{Host, STOP, WORK};
pub use panic::Panic;
pub(crate) use placed::Placed;
pub(crate) use registry::{register, unregister};
pub(crate) use scope::ScopeRef;
pub(crate) use scoped::Scoped;
use state::Duty;
pub(crate) use stream::{Flow, StreamRef, Waited, Window};
pub use unobserved::{Failure, Unobserved};
pub(crate) use unobserved::{UnobservedHook, unwatch, watch};
#[cfg(all(test, unix, not(loom)))]
pub(crate) use unwind::tests::assert_aborts;
pub(crate) use unwind::{Abort, call, check_count, drop_quietly, forget_panic};
pub use work::{Fallible, Notify, Plain, Run, Tell};
pub(crate) use work::{Job, Outcome, Work};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/cell.rs"]
mod models;
