#![doc = include_str!("README.md")]

mod batch;
mod block;
mod call;
mod error;
mod frame;
mod handle;
mod header;
mod items;
mod mapping;
mod pace;
mod panic;
mod ranges;
mod state;
mod unwind;
mod work;

pub(crate) use batch::{Batch, Cut};
pub(crate) use call::Call;
pub(crate) use error::Reason;
pub use error::{SubmitError, SubmitErrorKind, TaskError};
pub(crate) use handle::ResultRef;
pub(crate) use header::{Header, Host, TaskRef};
pub(crate) use mapping::{Map, Mapping};
pub use mapping::{Each, Spread, Star};
pub use panic::Panic;
use state::Duty;
pub(crate) use unwind::{Abort, call, drop_quietly, forget_panic};
pub use work::{Fallible, Notify, Plain, Run, Tell};
pub(crate) use work::{Job, Outcome, Work};

#[cfg(all(test, loom, feature = "loom"))]
#[path = "../../loom-tests/models/cell.rs"]
mod models;
