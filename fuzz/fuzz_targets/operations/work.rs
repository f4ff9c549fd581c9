//! Calls and batches: each outcome against what a sequential execution says of it.

use millpond::{SubmitErrorKind, TaskError, star};
use millpond_fuzz::{Fate, Fates, Item, Plan, Watch, name, panicked};

use crate::sequence::Sequence;
use crate::{Calling, Mapping};

impl Sequence {
    pub(crate) fn call(&mut self, how: Calling, fates: Fates, bombs: Option<(bool, bool)>) {
        let plain = matches!(how, Calling::Apply | Calling::Async | Calling::Spawn);
        let callbacks = bombs.filter(|_| matches!(how, Calling::Async | Calling::TryAsync));
        let (plan, watch) = self.watch(Plan::call(fates, plain, callbacks));
        let item = plan.item(&self.ledger, 0, &watch);
        if matches!(how, Calling::Apply | Calling::TryApply) {
            self.release();
        }
        match how {
            Calling::Apply => plan.check(&self.pool.apply(|| item.act_plain()), &watch),
            Calling::TryApply => plan.check(&self.pool.try_apply(|| item.act()), &watch),
            Calling::Spawn => self.pool.spawn(move || drop(item.act_plain())).unwrap(),
            Calling::Async => {
                let handle = if callbacks.is_some() {
                    let task = self.pool.task(move || item.act_plain());
                    let task = task.callback(plan.on_value(&self.ledger, &watch));
                    task.error_callback(plan.on_error(&self.ledger, &watch)).apply_async().unwrap()
                } else {
                    self.pool.apply_async(move || item.act_plain()).unwrap()
                };
                self.plain_calls.push(self.held(handle, plan, watch));
            }
            Calling::TryAsync => {
                let handle = if callbacks.is_some() {
                    let task = self.pool.try_task(move || item.act());
                    let task = task.error_callback(plan.on_error(&self.ledger, &watch));
                    task.callback(plan.on_value(&self.ledger, &watch)).apply_async().unwrap()
                } else {
                    self.pool.try_apply_async(move || item.act()).unwrap()
                };
                self.calls.push(self.held(handle, plan, watch));
            }
        }
    }

    pub(crate) fn batch(
        &mut self,
        how: Mapping,
        len: usize,
        fates: Fates,
        mut chunk: Option<usize>,
        mut fail_fast: bool,
        bombs: Option<(bool, bool)>,
    ) {
        let callbacks = bombs.filter(|_| matches!(how, Mapping::Async | Mapping::StarAsync));
        let plain = match how {
            Mapping::Map | Mapping::Async => fail_fast,
            Mapping::Starmap | Mapping::StarAsync => false,
            Mapping::Slice | Mapping::Results => {
                (chunk, fail_fast) = (None, false);
                true
            }
        };
        // 0 is refused, and what comes back is submitted with another size.
        let zero = chunk == Some(0);
        let plan = Plan {
            len,
            fates,
            plain,
            single: false,
            chunk: chunk.map(|n| n.max(1)),
            fail_fast,
            callbacks,
        };
        let (plan, watch) = self.watch(plan);
        let items = plan.items(&self.ledger, &watch);
        let pool = self.pool.clone();
        macro_rules! sized {
            ($batch:expr) => {{
                let batch = $batch.fail_fast(fail_fast);
                if let Some(size) = chunk { batch.chunksize(size) } else { batch }
            }};
        }
        macro_rules! submitted {
            ($batch:expr) => {
                match $batch.map_async() {
                    Ok(handle) => {
                        assert!(!zero);
                        handle
                    }
                    Err(refused) => {
                        assert!(zero && refused.kind() == SubmitErrorKind::InvalidChunkSize);
                        refused.into_task().chunksize(1).map_async().unwrap()
                    }
                }
            };
        }
        macro_rules! with_callbacks {
            ($batch:expr) => {{
                let batch = $batch.callback(plan.on_value(&self.ledger, &watch));
                batch.error_callback(plan.on_error(&self.ledger, &watch))
            }};
        }
        let refused = |watch: &Watch| {
            assert!(zero);
            watch.nothing_may_run();
        };
        let three = |item: Item, x: u32, y: u8| {
            assert_eq!((x, y), (7, 9), "the elements of a tuple are the arguments");
            item.act()
        };
        let tuples = |items: Vec<Item>| items.into_iter().map(|item| (item, 7_u32, 9_u8));
        if !matches!(how, Mapping::Async | Mapping::StarAsync) {
            self.release();
        }
        match how {
            Mapping::Map if plain => match sized!(pool.batch(|item: Item| item.act_plain(), items))
                .map()
            {
                Err(TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)) => refused(&watch),
                outcome => plan.check(&outcome, &watch),
            },
            Mapping::Map => match sized!(pool.try_batch(|item: Item| item.act(), items)).map() {
                Err(TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)) => refused(&watch),
                outcome => plan.check(&outcome, &watch),
            },
            Mapping::Starmap => match sized!(pool.try_batch(star(three), tuples(items))).map() {
                Err(TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)) => refused(&watch),
                outcome => plan.check(&outcome, &watch),
            },
            Mapping::Slice => plan.check(&pool.map_slice(Item::act_plain, &items), &watch),
            Mapping::Results => {
                let results = pool.map_results(|item: Item| item.act_plain(), items).unwrap();
                assert_eq!(results.len(), len);
                for (index, result) in results.into_iter().enumerate() {
                    match (plan.fate(index), result) {
                        (Fate::Value, Ok(value)) => assert_eq!(value.tag() as usize, index),
                        (Fate::Panics, Err(error)) => {
                            assert_eq!(error.item(), Some(index));
                            let TaskError::Panicked(panic) = error else {
                                panic!("{}", name(&error))
                            };
                            assert_eq!(panicked(&panic) as usize, index);
                        }
                        _ => panic!("item {index} ended otherwise"),
                    }
                }
            }
            Mapping::Async if plain => {
                let batch = sized!(pool.batch(|item: Item| item.act_plain(), items));
                let handle = if callbacks.is_some() {
                    submitted!(with_callbacks!(batch))
                } else {
                    submitted!(batch)
                };
                self.plain_batches.push(self.held(handle, plan, watch));
            }
            Mapping::Async => {
                let batch = sized!(pool.try_batch(|item: Item| item.act(), items));
                let handle = if callbacks.is_some() {
                    submitted!(with_callbacks!(batch))
                } else {
                    submitted!(batch)
                };
                self.batches.push(self.held(handle, plan, watch));
            }
            Mapping::StarAsync => {
                let batch = sized!(pool.try_batch(star(three), tuples(items)));
                let handle = if callbacks.is_some() {
                    submitted!(with_callbacks!(batch))
                } else {
                    submitted!(batch)
                };
                self.batches.push(self.held(handle, plan, watch));
            }
        }
    }
}
