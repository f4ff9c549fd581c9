//! A stream of operations on one long-lived pool, against what a sequential execution says of each.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use millpond::ThreadPool;
use millpond_fuzz::{Fates, Ledger, Several};

#[path = "operations/handles.rs"]
mod handles;
#[path = "operations/sequence.rs"]
mod sequence;
#[path = "operations/streams.rs"]
mod streams;
#[path = "operations/work.rs"]
mod work;

use sequence::Sequence;

const WORKERS: usize = 3;
const OPERATIONS: usize = 24;
/// As many as a stream is asked for, at most; more lie ahead of it.
const YIELDS: usize = 400;
const ITEMS: usize = YIELDS + 4096;
const SHORT: Duration = Duration::from_micros(200);

static POOL: LazyLock<ThreadPool> = LazyLock::new(|| ThreadPool::new(WORKERS).unwrap());

#[derive(Arbitrary, Debug)]
enum Op {
    Call {
        how: Calling,
        fates: Fates,
        bombs: Option<(bool, bool)>,
        next: Option<Touching>,
    },
    Batch {
        how: Mapping,
        len: u8,
        fates: Fates,
        chunk: Size,
        fail_fast: bool,
        bombs: Option<(bool, bool)>,
        next: Option<Touching>,
    },
    Open {
        ordered: bool,
        input: Source,
        fates: Fates,
        chunk: Size,
        buffer: Size,
    },
    Take {
        stream: u8,
        how: Taking,
        count: u8,
    },
    Touch {
        list: u8,
        at: u8,
        how: Touching,
    },
    Group {
        skip: u8,
        how: Grouping,
        limit: Limit,
    },
    Scope {
        tasks: u8,
        fates: Fates,
        handles: u8,
        panics: bool,
    },
    Nested {
        operations: Several<Op, 6>,
        wait: bool,
    },
    Hold,
    Release,
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Debug)]
enum Calling {
    Apply,
    TryApply,
    Async,
    TryAsync,
    Spawn,
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Debug)]
enum Mapping {
    Map,
    Starmap,
    Slice,
    Results,
    Async,
    StarAsync,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    Default,
    Zero,
    Some(u8),
    Large(u8),
}

impl Size {
    fn get(self) -> Option<usize> {
        match self {
            Self::Default => None,
            Self::Zero => Some(0),
            Self::Some(size) => Some(1 + usize::from(size % 70)),
            // Rare: for a stream it is a million places.
            Self::Large(u8::MAX) => Some(usize::MAX),
            Self::Large(size) => Some(70 + 16 * usize::from(size)),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Source {
    Of(u8),
    Long(u16),
    Endless,
    Panics(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Taking {
    Next,
    Poll,
    InTime,
    Rest,
    Drop,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Touching {
    Wait,
    WaitShort,
    Look,
    Poll,
    Get,
    TryGet,
    GetZero,
    GetShort,
    Cancel,
    Drop,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Grouping {
    First,
    FirstException,
    All,
    AsCompleted(u8),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Limit {
    None,
    Zero,
    Short,
}

impl Limit {
    fn get(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Zero => Some(Duration::ZERO),
            Self::Short => Some(SHORT),
        }
    }
}

fuzz_target!(|operations: Several<Op, OPERATIONS>| {
    let (ledger, audits) = (Ledger::default(), Arc::default());
    Sequence::new(POOL.handle(), ledger.clone(), 0, Arc::clone(&audits)).run(operations.0);
    // Also of what nobody waits for any more.
    ledger.settle();
    for audit in std::mem::take(&mut *audits.lock().unwrap()) {
        audit();
    }
});
