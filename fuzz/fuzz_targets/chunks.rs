//! Chunk arithmetic: Python's default, and what batches and streams make of any length, size and
//! number of workers.
#![no_main]

use std::sync::{Arc, LazyLock};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use millpond::{TaskError, ThreadPool, default_chunksize, star};
use millpond_fuzz::{Fate, Fates, Item, Ledger, Plan, Tag, Token, Watch, name, panicked};

const WORKERS: usize = 4;

/// Of one worker, of two, of three and of four.
static POOLS: LazyLock<[ThreadPool; WORKERS]> =
    LazyLock::new(|| std::array::from_fn(|index| ThreadPool::new(index + 1).unwrap()));

#[derive(Arbitrary, Debug)]
struct Input {
    sizes: (usize, usize),
    workers: u8,
    len: u16,
    size: Size,
    fates: Fates,
    fail_fast: bool,
    how: How,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Size {
    /// The pool cuts as it sees fit.
    Own,
    Python,
    Of(u8),
    Near(u8),
    Any(usize),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum How {
    Map,
    MapAsync,
    Starmap,
    Slice,
    Results,
    Stream { ordered: bool, buffer: u8 },
}

/// `divmod(items, 4 * workers)`, and one more if something is left: what Python does, in numbers
/// that cannot overflow.
fn python(items: usize, workers: usize) -> usize {
    let (items, parts) = (items as u128, 4 * workers as u128);
    usize::try_from(items / parts + u128::from(items % parts > 0)).unwrap()
}

fn arithmetic((items, workers): (usize, usize)) {
    // No pool has no workers; it must be a number all the same.
    let _ = default_chunksize(items, 0);
    for workers in [workers.max(1), workers % 64 + 1, workers % 70_000 + 1] {
        for items in
            [items, items % 10_000, items % (8 * workers.min(10_000)), usize::MAX - items % 8]
        {
            let chunk = default_chunksize(items, workers);
            assert_eq!(chunk, python(items, workers), "{items} items, {workers} workers");
            // About four chunks per worker, and never more.
            assert!(items == 0 || items.div_ceil(chunk) as u128 <= 4 * workers as u128);
        }
    }
}

fn batch(pool: &ThreadPool, ledger: &Ledger, plan: Plan, how: How) {
    let watch = Watch::new(plan.len);
    let items = plan.items(ledger, &watch);
    let plan = Arc::new(plan);
    macro_rules! sized {
        ($batch:expr) => {{
            let batch = $batch.fail_fast(plan.fail_fast);
            if let Some(size) = plan.chunk { batch.chunksize(size) } else { batch }
        }};
    }
    match how {
        How::Map => {
            plan.check(&sized!(pool.try_batch(|item: Item| item.act(), items)).map(), &watch)
        }
        How::MapAsync => {
            let handle =
                sized!(pool.try_batch(|item: Item| item.act(), items)).map_async().unwrap();
            plan.check(&handle.get(), &watch);
        }
        How::Starmap => {
            let pairs = items.into_iter().zip(0_u32..);
            let work = |item: Item, number: u32| {
                let outcome = item.act();
                let tag = outcome.as_ref().map_or_else(Tag::tag, Tag::tag);
                assert_eq!(tag, number, "the elements of a tuple stay together");
                outcome
            };
            plan.check(&sized!(pool.try_batch(star(work), pairs)).map(), &watch);
        }
        How::Slice => {
            plan.check(&pool.map_slice(Item::act_plain, &items), &watch);
            drop(items);
        }
        How::Results => {
            let results = pool.map_results(|item: Item| item.act_plain(), items).unwrap();
            assert_eq!(results.len(), plan.len);
            for (index, result) in results.into_iter().enumerate() {
                check_own(&plan, index, &result, index);
            }
        }
        How::Stream { .. } => unreachable!("it is no batch"),
    }
    ledger.settle();
    plan.audit(&watch);
}

/// An item's own outcome, of a stream or of `map_results`.
fn check_own<E: Tag>(
    plan: &Plan,
    index: usize,
    outcome: &Result<Token, TaskError<E>>,
    place: usize,
) {
    let (fate, tag, item) = match outcome {
        Ok(value) => (Fate::Value, value.tag(), None),
        Err(TaskError::Failed { error, item }) => (Fate::Fails, error.tag(), *item),
        Err(error @ TaskError::Panicked(panic)) => (Fate::Panics, panicked(panic), error.item()),
        Err(error) => panic!("nothing ends so here: {}", name(error)),
    };
    assert_eq!((plan.fate(index), index), (fate, tag as usize), "at place {place}");
    assert!(outcome.is_ok() || item == Some(index), "{item:?} is named for {index}");
}

fn stream(pool: &ThreadPool, ledger: &Ledger, plan: Plan, ordered: bool, buffer: Option<usize>) {
    let watch = Watch::new(plan.len);
    let items = plan.items(ledger, &watch);
    let mut stream = pool.try_stream(|item: Item| item.act(), items);
    if let Some(size) = plan.chunk {
        stream = stream.chunksize(size);
    }
    if let Some(size) = buffer {
        stream = stream.buffersize(size);
    }
    let imap = if ordered { stream.imap() } else { stream.imap_unordered() }.unwrap();
    let mut seen = vec![false; plan.len];
    let mut count = 0;
    for outcome in imap {
        let tag = match &outcome {
            Ok(value) | Err(TaskError::Failed { error: value, .. }) => value.tag(),
            Err(TaskError::Panicked(panic)) => panicked(panic),
            Err(error) => panic!("nothing ends so here: {}", name(error)),
        };
        let index = tag as usize;
        check_own(&plan, index, &outcome, count);
        assert!(!ordered || index == count, "item {index} comes at {count}");
        assert!(!std::mem::replace(&mut seen[index], true), "item {index} comes twice");
        count += 1;
    }
    assert_eq!(count, plan.len);
    ledger.settle();
    assert!(
        (0..plan.len).all(|index| watch.times(index) == 1),
        "a failure takes no other item with it"
    );
}

fuzz_target!(|input: Input| {
    let Input { sizes, workers, len, size, fates, mut fail_fast, how } = input;
    arithmetic(sizes);
    let workers = 1 + usize::from(workers) % WORKERS;
    // Mostly short, sometimes a few thousand.
    let len = if len % 16 == 0 { usize::from(len / 16) } else { usize::from(len / 16 % 200) };
    let mut chunk = match size {
        Size::Own => None,
        Size::Python => Some(default_chunksize(len, workers).max(1)),
        Size::Of(size) => Some(1 + usize::from(size)),
        Size::Near(beyond) => Some((len + usize::from(beyond % 5)).saturating_sub(2).max(1)),
        Size::Any(size) => Some(size.max(1)),
    };
    let plain = matches!(how, How::Slice | How::Results);
    if plain {
        (chunk, fail_fast) = (None, false);
    }
    // A stream allocates its window at once: a million places are for the other target.
    if matches!(how, How::Stream { .. }) {
        chunk = chunk.map(|size| size.min(5_000));
    }
    let plan = Plan { len, fates, plain, single: false, chunk, fail_fast, callbacks: None };
    let (pool, ledger) = (&POOLS[workers - 1], Ledger::default());
    match how {
        How::Stream { ordered, buffer } => {
            stream(pool, &ledger, plan, ordered, (buffer > 0).then_some(usize::from(buffer)));
        }
        _ => batch(pool, &ledger, plan, how),
    }
});
