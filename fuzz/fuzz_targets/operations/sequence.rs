//! One sequence of operations: what it holds in hand, and each step of it.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use millpond::{AsyncResult, PoolHandle};
use millpond_fuzz::{Fates, Gate, Held, InCallback, Item, Ledger, Plan, Token, Watch};

use crate::handles::touch;
use crate::streams::Open;
use crate::{Calling, Mapping, Op, Touching, WORKERS};

pub(crate) type Audit = Box<dyn FnOnce() + Send>;

/// One sequence of operations, on a thread of its own: outside, or a worker.
pub(crate) struct Sequence {
    pub(crate) pool: PoolHandle,
    pub(crate) ledger: Ledger,
    pub(crate) depth: u8,
    pub(crate) calls: Vec<Held<Token, Token>>,
    pub(crate) plain_calls: Vec<Held<Token, Infallible>>,
    pub(crate) batches: Vec<Held<Vec<Token>, Token>>,
    pub(crate) plain_batches: Vec<Held<Vec<Token>, Infallible>>,
    pub(crate) streams: Vec<Open>,
    pub(crate) nested: Vec<AsyncResult<()>>,
    pub(crate) audits: Arc<Mutex<Vec<Audit>>>,
    /// Keeps all workers busy.
    pub(crate) hold: Option<Gate>,
    pub(crate) holds: u32,
}

impl Sequence {
    pub(crate) fn new(
        pool: PoolHandle,
        ledger: Ledger,
        depth: u8,
        audits: Arc<Mutex<Vec<Audit>>>,
    ) -> Self {
        Self {
            pool,
            ledger,
            depth,
            calls: Vec::new(),
            plain_calls: Vec::new(),
            batches: Vec::new(),
            plain_batches: Vec::new(),
            streams: Vec::new(),
            nested: Vec::new(),
            audits,
            hold: None,
            holds: 0,
        }
    }

    pub(crate) fn run(mut self, operations: Vec<Op>) {
        for operation in operations {
            self.step(operation);
        }
        self.release();
        self.calls.into_iter().for_each(Held::get);
        self.plain_calls.into_iter().for_each(Held::get);
        self.batches.into_iter().for_each(Held::get);
        self.plain_batches.into_iter().for_each(Held::get);
        for (at, mut stream) in self.streams.into_iter().enumerate() {
            // Every other one to its end, the others as they are.
            if at % 2 == 0 {
                stream.finish();
            }
            self.audits.lock().unwrap().push(Box::new(stream.audit()));
        }
        for nested in self.nested {
            nested.get().unwrap();
        }
    }

    pub(crate) fn release(&mut self) {
        if let Some(gate) = self.hold.take() {
            gate.open();
        }
    }

    pub(crate) fn watch(&self, plan: Plan) -> (Arc<Plan>, Arc<Watch>) {
        let watch = Watch::new(plan.len);
        let plan = Arc::new(plan);
        let audit = (Arc::clone(&plan), Arc::clone(&watch));
        self.audits.lock().unwrap().push(Box::new(move || audit.0.audit(&audit.1)));
        (plan, watch)
    }

    pub(crate) fn held<T, E>(
        &self,
        handle: AsyncResult<T, E>,
        plan: Arc<Plan>,
        watch: Arc<Watch>,
    ) -> Held<T, E> {
        Held { handle, plan, watch, hold: self.hold.is_some().then_some(self.holds) }
    }

    pub(crate) fn step(&mut self, operation: Op) {
        match operation {
            Op::Call { how, fates, bombs, next } => {
                let list = match how {
                    Calling::TryAsync => 0,
                    Calling::Async => 1,
                    Calling::Apply | Calling::TryApply | Calling::Spawn => {
                        return self.call(how, fates, bombs);
                    }
                };
                self.call(how, fates, bombs);
                self.touch_newest(list, next);
            }
            Op::Batch { how, len, fates, chunk, fail_fast, bombs, next } => {
                self.batch(how, usize::from(len), fates, chunk.get(), fail_fast, bombs);
                match how {
                    Mapping::Async if fail_fast => self.touch_newest(3, next),
                    Mapping::Async | Mapping::StarAsync => self.touch_newest(2, next),
                    Mapping::Map | Mapping::Starmap | Mapping::Slice | Mapping::Results => {}
                }
            }
            Op::Open { ordered, input, fates, chunk, buffer } => {
                self.open(ordered, input, fates, chunk.get(), buffer.get());
            }
            Op::Take { stream, how, count } => self.take(stream, how, count),
            Op::Touch { list, at, how } => self.touch(list, Some(at), how),
            Op::Group { skip, how, limit } => self.group(skip, how, limit.get()),
            Op::Scope { tasks, fates, handles, panics } => {
                self.scope(tasks % 24, fates, handles, panics)
            }
            Op::Nested { operations, wait } if self.depth < 2 => self.nest(operations.0, wait),
            // From a worker not all workers can be kept busy.
            Op::Hold if self.depth == 0 && self.hold.is_none() => self.hold(),
            Op::Release => self.release(),
            Op::Nested { .. } | Op::Hold => {}
        }
    }

    /// What is done with a handle right after the submission, when the work may be anywhere.
    pub(crate) fn touch_newest(&mut self, list: u8, how: Option<Touching>) {
        if let Some(how) = how {
            self.touch(list, None, how);
        }
    }

    pub(crate) fn touch(&mut self, list: u8, at: Option<u8>, how: Touching) {
        if matches!(how, Touching::Wait | Touching::Get) {
            self.release();
        }
        let hold = self.hold.is_some().then_some(self.holds);
        match list % 4 {
            0 => touch(&mut self.calls, at, how, hold),
            1 => touch(&mut self.plain_calls, at, how, hold),
            2 => touch(&mut self.batches, at, how, hold),
            _ => touch(&mut self.plain_batches, at, how, hold),
        }
    }

    pub(crate) fn hold(&mut self) {
        let (gate, begun) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..WORKERS {
            let (gate, begun) = (gate.clone(), Arc::clone(&begun));
            let hold = move || {
                begun.fetch_add(1, Ordering::Relaxed);
                gate.wait();
            };
            self.pool.spawn(hold).unwrap();
        }
        while begun.load(Ordering::Relaxed) < WORKERS {
            std::thread::yield_now();
        }
        self.holds += 1;
        self.hold = Some(gate);
    }

    pub(crate) fn scope(&mut self, tasks: u8, fates: Fates, handles: u8, panics: bool) {
        self.release();
        let plans: Vec<_> = (0..tasks)
            .map(|task| {
                let fate = fates.of(usize::from(task));
                let watch = Watch::new(1);
                (fate, Item::new(&self.ledger, 0, fate, false, &watch), watch)
            })
            .collect();
        let cells: Vec<_> = (0..tasks).map(|_| AtomicU8::new(0)).collect();
        let cancelled: Vec<_> = (0..tasks).map(|_| AtomicU8::new(0)).collect();
        let mut kept = Vec::new();
        let body = catch_unwind(AssertUnwindSafe(|| {
            self.pool.scope(|s| {
                for (at, ((_, item, _), cell)) in plans.iter().zip(&cells).enumerate() {
                    let work = || {
                        cell.fetch_add(1, Ordering::Relaxed);
                        item.act()
                    };
                    match handles.wrapping_add(u8::try_from(at).unwrap()) % 6 {
                        0 => s.spawn(move || drop(work())).unwrap(),
                        1 => drop(s.try_apply_async(work).unwrap()),
                        2 => drop(s.try_apply_async(work).unwrap().get()),
                        3 => {
                            let handle = s.try_apply_async(work).unwrap();
                            cancelled[at].store(u8::from(handle.cancel()), Ordering::Relaxed);
                        }
                        4 => s.spawn(move || s.spawn(move || drop(work())).unwrap()).unwrap(),
                        // It may outlive the scope.
                        _ => kept.push(s.apply_async(move || drop(work())).unwrap()),
                    }
                }
                if panics {
                    resume_unwind(Box::new(InCallback));
                }
            });
        }));
        assert_eq!(body.is_err(), panics, "the body's panic goes on, and no task's");
        assert!(kept.iter().all(AsyncResult::ready), "a scope ends after its tasks");
        for (at, (_, _, watch)) in plans.iter().enumerate() {
            let runs = 1 - cancelled[at].load(Ordering::Relaxed);
            assert_eq!(
                (cells[at].load(Ordering::Relaxed), watch.times(0)),
                (runs, runs),
                "task {at}"
            );
        }
    }

    pub(crate) fn nest(&mut self, operations: Vec<Op>, wait: bool) {
        if wait {
            self.release();
        }
        let (ledger, depth, audits) =
            (self.ledger.clone(), self.depth + 1, Arc::clone(&self.audits));
        let nested = move || {
            let pool = PoolHandle::current().expect("inside of a task");
            Self::new(pool, ledger, depth, audits).run(operations);
        };
        if wait {
            self.pool.apply(nested).unwrap();
        } else {
            self.nested.push(self.pool.apply_async(nested).unwrap());
        }
    }
}
