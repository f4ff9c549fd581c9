//@
use millpond::{AsyncResult, PoolHandle, ThreadPool};
use std::panic::{RefUnwindSafe, UnwindSafe};

fn survives_a_panic<T: UnwindSafe + RefUnwindSafe>() {}

fn main() {
    survives_a_panic::<ThreadPool>();
    survives_a_panic::<PoolHandle>();
    survives_a_panic::<AsyncResult<u32>>();
}
