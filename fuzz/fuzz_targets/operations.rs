//! A stream of operations on one long-lived pool, against what a sequential execution says of each.
#![no_main]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use millpond::{
    AsyncResult, Imap, PoolHandle, Progress, ReturnWhen, SubmitErrorKind, TaskError, ThreadPool,
    as_completed, wait,
};
use millpond_fuzz::{
    Fate, Fates, Gate, Held, InCallback, Item, Ledger, Plan, Several, Tag, Tags, Token, Watch, name, panicked,
};

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

/// The input of a stream: it counts what is pulled, and is no `Send`.
struct Input {
    plan: Arc<Plan>,
    watch: Arc<Watch>,
    ledger: Ledger,
    next: usize,
    end: Option<usize>,
    panics: bool,
    /// The most items that may be ahead.
    ahead: usize,
    pulled: Rc<Cell<usize>>,
    yielded: Rc<Cell<usize>>,
    _captured: Token,
}

impl Iterator for Input {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if self.end == Some(self.next) {
            if self.panics {
                resume_unwind(Box::new(self.ledger.token(u32::try_from(self.next).unwrap())));
            }
            return None;
        }
        let item = self.plan.item(&self.ledger, self.next, &self.watch);
        self.next += 1;
        self.pulled.set(self.next);
        let ahead = self.next - self.yielded.get();
        assert!(ahead <= self.ahead, "{ahead} items are ahead, and at most {} may be", self.ahead);
        Some(item)
    }
}

struct Open {
    imap: Imap<Input, Token, Token>,
    ordered: bool,
    plan: Arc<Plan>,
    watch: Arc<Watch>,
    end: Option<usize>,
    panics: bool,
    pulled: Rc<Cell<usize>>,
    yielded: Rc<Cell<usize>>,
    seen: BTreeSet<usize>,
    ended: bool,
}

impl Open {
    /// Compares what was yielded with what may come.
    fn check(&mut self, yielded: Option<Result<Token, TaskError<Token>>>) {
        let count = self.seen.len();
        let index = match yielded {
            None => {
                let all = self.end == Some(count) && !self.panics;
                assert!(self.ended || all, "the end after {count} results of {:?}", self.end);
                self.ended = true;
                return;
            }
            Some(_) if self.ended => panic!("something comes after the end"),
            Some(Err(TaskError::InputPanicked(panic))) => {
                assert!(self.panics && self.end == Some(count), "the input's panic comes last");
                assert_eq!(panicked(&panic) as usize, count);
                self.ended = true;
                return;
            }
            Some(outcome) => {
                let (fate, tag, item) = match &outcome {
                    Ok(value) => (Fate::Value, value.tag(), None),
                    Err(TaskError::Failed { error, item }) => (Fate::Fails, error.tag(), Some(*item)),
                    Err(TaskError::Panicked(panic)) => (
                        Fate::Panics,
                        panicked(panic),
                        Some(outcome.as_ref().err().and_then(TaskError::item)),
                    ),
                    Err(error) => panic!("a stream of a running pool yields no such error: {}", name(error)),
                };
                assert_eq!(self.plan.fate(tag as usize), fate, "item {tag}");
                assert!(item.is_none_or(|item| item == Some(tag as usize)), "item {tag} names {item:?}");
                tag as usize
            }
        };
        assert!(index < self.pulled.get() && (!self.ordered || index == count), "item {index} after {count}");
        assert!(self.seen.insert(index), "item {index} is yielded twice");
        assert_eq!(self.watch.times(index), 1, "item {index} is yielded and so has run");
        self.yielded.set(self.seen.len());
        let Progress { done, total } = self.imap.progress();
        assert_eq!((done, total), (self.seen.len(), self.pulled.get()));
    }

    /// Takes the rest, unless that would be too much.
    fn finish(&mut self) {
        while !self.ended && self.seen.len() < YIELDS {
            let next = self.imap.next();
            self.check(next);
        }
        if self.ended {
            assert!(self.imap.next().is_none(), "the end lasts");
        }
    }

    fn audit(self) -> impl FnOnce() + Send {
        let Self { imap, watch, pulled, seen, ended, .. } = self;
        drop(imap);
        let pulled = pulled.get();
        move || {
            for index in 0..pulled {
                let must = ended || seen.contains(&index);
                assert!(!must || watch.times(index) == 1, "item {index} has run");
            }
            assert!((pulled..ITEMS).all(|index| watch.times(index) == 0));
        }
    }
}

type Audit = Box<dyn FnOnce() + Send>;

/// One sequence of operations, on a thread of its own: outside, or a worker.
struct Sequence {
    pool: PoolHandle,
    ledger: Ledger,
    depth: u8,
    calls: Vec<Held<Token, Token>>,
    plain_calls: Vec<Held<Token, std::convert::Infallible>>,
    batches: Vec<Held<Vec<Token>, Token>>,
    plain_batches: Vec<Held<Vec<Token>, std::convert::Infallible>>,
    streams: Vec<Open>,
    nested: Vec<AsyncResult<()>>,
    audits: Arc<Mutex<Vec<Audit>>>,
    /// Keeps all workers busy.
    hold: Option<Gate>,
    holds: u32,
}

impl Sequence {
    fn new(pool: PoolHandle, ledger: Ledger, depth: u8, audits: Arc<Mutex<Vec<Audit>>>) -> Self {
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

    fn run(mut self, operations: Vec<Op>) {
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

    fn release(&mut self) {
        if let Some(gate) = self.hold.take() {
            gate.open();
        }
    }

    fn watch(&self, plan: Plan) -> (Arc<Plan>, Arc<Watch>) {
        let watch = Watch::new(plan.len);
        let plan = Arc::new(plan);
        let audit = (Arc::clone(&plan), Arc::clone(&watch));
        self.audits.lock().unwrap().push(Box::new(move || audit.0.audit(&audit.1)));
        (plan, watch)
    }

    fn held<T, E>(&self, handle: AsyncResult<T, E>, plan: Arc<Plan>, watch: Arc<Watch>) -> Held<T, E> {
        Held { handle, plan, watch, hold: self.hold.is_some().then_some(self.holds) }
    }

    fn step(&mut self, operation: Op) {
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
            Op::Scope { tasks, fates, handles, panics } => self.scope(tasks % 24, fates, handles, panics),
            Op::Nested { operations, wait } if self.depth < 2 => self.nest(operations.0, wait),
            // From a worker not all workers can be kept busy.
            Op::Hold if self.depth == 0 && self.hold.is_none() => self.hold(),
            Op::Release => self.release(),
            Op::Nested { .. } | Op::Hold => {}
        }
    }

    /// What is done with a handle right after the submission, when the work may be anywhere.
    fn touch_newest(&mut self, list: u8, how: Option<Touching>) {
        if let Some(how) = how {
            self.touch(list, None, how);
        }
    }

    fn touch(&mut self, list: u8, at: Option<u8>, how: Touching) {
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

    fn hold(&mut self) {
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

    fn call(&mut self, how: Calling, fates: Fates, bombs: Option<(bool, bool)>) {
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

    fn batch(
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
        let plan =
            Plan { len, fates, plain, single: false, chunk: chunk.map(|n| n.max(1)), fail_fast, callbacks };
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
        let star = |items: Vec<Item>| items.into_iter().map(|item| (item, 7_u32, 9_u8));
        if !matches!(how, Mapping::Async | Mapping::StarAsync) {
            self.release();
        }
        match how {
            Mapping::Map if plain => match sized!(pool.batch(|item: Item| item.act_plain(), items)).map() {
                Err(TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)) => refused(&watch),
                outcome => plan.check(&outcome, &watch),
            },
            Mapping::Map => match sized!(pool.try_batch(|item: Item| item.act(), items)).map() {
                Err(TaskError::NotSubmitted(SubmitErrorKind::InvalidChunkSize)) => refused(&watch),
                outcome => plan.check(&outcome, &watch),
            },
            Mapping::Starmap => match sized!(pool.try_star_batch(three, star(items))).map() {
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
                            let TaskError::Panicked(panic) = error else { panic!("{}", name(&error)) };
                            assert_eq!(panicked(&panic) as usize, index);
                        }
                        _ => panic!("item {index} ended otherwise"),
                    }
                }
            }
            Mapping::Async if plain => {
                let batch = sized!(pool.batch(|item: Item| item.act_plain(), items));
                let handle =
                    if callbacks.is_some() { submitted!(with_callbacks!(batch)) } else { submitted!(batch) };
                self.plain_batches.push(self.held(handle, plan, watch));
            }
            Mapping::Async => {
                let batch = sized!(pool.try_batch(|item: Item| item.act(), items));
                let handle =
                    if callbacks.is_some() { submitted!(with_callbacks!(batch)) } else { submitted!(batch) };
                self.batches.push(self.held(handle, plan, watch));
            }
            Mapping::StarAsync => {
                let batch = sized!(pool.try_star_batch(three, star(items)));
                let handle =
                    if callbacks.is_some() { submitted!(with_callbacks!(batch)) } else { submitted!(batch) };
                self.batches.push(self.held(handle, plan, watch));
            }
        }
    }

    fn open(
        &mut self,
        ordered: bool,
        source: Source,
        fates: Fates,
        chunk: Option<usize>,
        buffer: Option<usize>,
    ) {
        let (end, panics) = match source {
            Source::Of(len) => (Some(usize::from(len)), false),
            Source::Long(len) => (Some(usize::from(len) % YIELDS), false),
            Source::Endless => (None, false),
            Source::Panics(len) => (Some(usize::from(len)), true),
        };
        // Not audited as a batch is: what runs depends on what is taken.
        let plan = Plan {
            len: ITEMS,
            fates,
            plain: false,
            single: false,
            chunk: None,
            fail_fast: false,
            callbacks: None,
        };
        let (plan, watch) = (Arc::new(plan), Watch::new(ITEMS));
        let (pulled, yielded) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let sizes = (chunk.map(|n| n.max(1)), buffer.map(|n| n.max(1)));
        let ahead = match sizes {
            (_, Some(buffer)) => buffer,
            (Some(chunk), None) => chunk.saturating_mul(4 * WORKERS).max(64),
            (None, None) => 1024,
        };
        let input = Input {
            plan: Arc::clone(&plan),
            watch: Arc::clone(&watch),
            ledger: self.ledger.clone(),
            next: 0,
            // However large the look-ahead is said to be, no more is pulled than there are places to count.
            end: end.or((ahead > 4096).then_some(ITEMS)),
            panics,
            ahead,
            pulled: Rc::clone(&pulled),
            yielded: Rc::clone(&yielded),
            _captured: self.ledger.token(0),
        };
        let end = input.end;
        let captured = self.ledger.token(0);
        let each = move |item: Item| {
            let _captured = &captured;
            item.act()
        };
        let mut stream = self.pool.try_stream(each, input);
        if let Some(size) = chunk {
            stream = stream.chunksize(size);
        }
        if let Some(size) = buffer {
            stream = stream.buffersize(size);
        }
        let begin =
            |stream: millpond::Stream<_, _>| if ordered { stream.imap() } else { stream.imap_unordered() };
        let mut attempt = begin(stream);
        if let Err(refused) = attempt {
            assert!(chunk == Some(0) || buffer == Some(0));
            let kind = if chunk == Some(0) {
                SubmitErrorKind::InvalidChunkSize
            } else {
                SubmitErrorKind::InvalidBufferSize
            };
            assert_eq!(refused.kind(), kind);
            let mut stream = refused.into_task();
            if chunk == Some(0) {
                stream = stream.chunksize(1);
            }
            if buffer == Some(0) {
                stream = stream.buffersize(1);
            }
            attempt = begin(stream);
        } else {
            assert!(chunk != Some(0) && buffer != Some(0), "a size of 0 is refused");
        }
        let imap = attempt.unwrap();
        self.streams.push(Open {
            imap,
            ordered,
            plan,
            watch,
            end,
            panics,
            pulled,
            yielded,
            seen: BTreeSet::new(),
            ended: false,
        });
    }

    fn take(&mut self, stream: u8, how: Taking, count: u8) {
        if self.streams.is_empty() {
            return;
        }
        let at = usize::from(stream) % self.streams.len();
        if matches!(how, Taking::Next | Taking::Rest) {
            self.release();
        }
        let count = match how {
            Taking::InTime => usize::from(count % 4),
            _ => usize::from(count),
        };
        let open = &mut self.streams[at];
        match how {
            Taking::Rest => return open.finish(),
            Taking::Drop => {
                let open = self.streams.swap_remove(at);
                return self.audits.lock().unwrap().push(Box::new(open.audit()));
            }
            Taking::Next | Taking::Poll | Taking::InTime => {}
        }
        for _ in 0..count {
            if open.seen.len() >= YIELDS {
                break;
            }
            let limit = match how {
                Taking::Poll => Duration::ZERO,
                Taking::InTime => SHORT,
                _ => {
                    let next = open.imap.next();
                    open.check(next);
                    continue;
                }
            };
            if let Ok(next) = open.imap.next_timeout(limit) {
                open.check(next);
            }
        }
    }

    fn group(&mut self, skip: u8, how: Grouping, limit: Option<Duration>) {
        // A cancelled one says nothing of itself by which it could be known again, and neither does a callback's panic.
        let (group, rest): (Vec<_>, Vec<_>) = self.calls.drain(..).enumerate().partition(|(at, held)| {
            *at >= usize::from(skip % 4) && held.plan.callbacks.is_none() && !held.handle.cancelled()
        });
        self.calls = rest.into_iter().map(|(_, held)| held).collect();
        if limit.is_none() {
            self.release();
        }
        let plans: Vec<_> =
            group.iter().map(|(_, h)| (Arc::clone(&h.plan), Arc::clone(&h.watch), h.hold)).collect();
        let handles: Vec<_> = group.into_iter().map(|(_, held)| held.handle).collect();
        let total = handles.len();
        let when = match how {
            Grouping::First => ReturnWhen::FirstCompleted,
            Grouping::FirstException => ReturnWhen::FirstException,
            Grouping::All => ReturnWhen::AllCompleted,
            Grouping::AsCompleted(count) => {
                let mut outcomes = Vec::new();
                let mut completed = as_completed(handles);
                for _ in 0..count {
                    let next = match limit {
                        None => completed.next(),
                        Some(limit) => match completed.next_timeout(limit) {
                            Ok(next) => next,
                            Err(_) => continue,
                        },
                    };
                    let Some(handle) = next else {
                        assert_eq!(outcomes.len(), total, "all of them have come");
                        break;
                    };
                    assert!(handle.ready(), "it is done when it comes");
                    outcomes.push(handle.get());
                }
                return distribute(&outcomes, &plans);
            }
        };
        let waited = wait(handles, when, limit);
        assert_eq!(waited.done.len() + waited.not_done.len(), total);
        assert!(waited.done.iter().all(AsyncResult::ready));
        if limit.is_none() {
            let failed = waited.done.iter().any(|handle| handle.successful() == Ok(false));
            let enough = match when {
                ReturnWhen::FirstCompleted => !waited.done.is_empty(),
                ReturnWhen::FirstException => failed,
                ReturnWhen::AllCompleted => false,
            };
            assert!(enough || waited.not_done.is_empty(), "{when:?}: it has waited for enough");
        }
        let mut outcomes: Vec<_> = waited.done.into_iter().map(AsyncResult::get).collect();
        if limit.is_none() || self.hold.is_none() {
            self.release();
            outcomes.extend(waited.not_done.into_iter().map(AsyncResult::get));
        }
        distribute(&outcomes, &plans);
    }

    fn scope(&mut self, tasks: u8, fates: Fates, handles: u8, panics: bool) {
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
            assert_eq!((cells[at].load(Ordering::Relaxed), watch.times(0)), (runs, runs), "task {at}");
        }
    }

    fn nest(&mut self, operations: Vec<Op>, wait: bool) {
        if wait {
            self.release();
        }
        let (ledger, depth, audits) = (self.ledger.clone(), self.depth + 1, Arc::clone(&self.audits));
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

/// Outcomes that have lost their handles' order are those of these calls, each at most once.
fn distribute(outcomes: &[Result<Token, TaskError<Token>>], plans: &[(Arc<Plan>, Arc<Watch>, Option<u32>)]) {
    let mut left: Vec<_> = plans.iter().map(|(plan, watch, _)| (plan.fate(0), watch)).collect();
    for outcome in outcomes {
        let fate = match outcome {
            Ok(_) => Fate::Value,
            Err(TaskError::Failed { item: None, .. }) => Fate::Fails,
            Err(TaskError::Panicked(_)) => Fate::Panics,
            Err(error) => panic!("no call of the group ends so: {}", name(error)),
        };
        let at = left.iter().position(|(planned, watch)| *planned == fate && watch.times(0) == 1);
        left.swap_remove(at.expect("as many outcomes of a kind as calls"));
    }
}

/// Does something with one of the handles, or with the newest.
fn touch<T, E>(list: &mut Vec<Held<T, E>>, at: Option<u8>, how: Touching, hold: Option<u32>)
where
    T: Tags + Sync,
    E: Tag + Sync,
{
    if list.is_empty() {
        return;
    }
    let at = at.map_or(list.len() - 1, |at| usize::from(at) % list.len());
    let queued = hold.is_some() && list[at].hold == hold;
    let held = &mut list[at];
    match how {
        Touching::Wait => {
            assert!(held.handle.wait() && held.handle.ready());
            return held.look(false);
        }
        Touching::WaitShort => {
            let done = held.handle.wait_timeout(SHORT);
            assert!(!done || held.handle.ready());
            return;
        }
        Touching::Look => return held.look(queued),
        Touching::Cancel => return held.cancel(queued),
        Touching::Poll => {
            match Pin::new(&mut held.handle).poll_once() {
                Poll::Pending => return,
                Poll::Ready(outcome) => Held::check(&held.plan, &held.watch, &outcome),
            }
            // Polled to the end: only to be dropped.
            drop(list.swap_remove(at));
            return;
        }
        Touching::Get | Touching::TryGet | Touching::GetZero | Touching::GetShort | Touching::Drop => {}
    }
    let Held { handle, plan, watch, hold: epoch } = list.swap_remove(at);
    let attempt = match how {
        Touching::Get => Ok(handle.get()),
        Touching::TryGet => handle.try_get(),
        Touching::GetZero => handle.get_timeout(Duration::ZERO),
        Touching::GetShort => handle.get_timeout(SHORT),
        _ => return handle.detach(),
    };
    match attempt {
        Ok(outcome) => plan.check(&outcome, &watch),
        Err(millpond::Timeout(handle)) => list.push(Held { handle, plan, watch, hold: epoch }),
    }
}

trait PollOnce: Future {
    fn poll_once(self: Pin<&mut Self>) -> Poll<Self::Output> {
        self.poll(&mut Context::from_waker(Waker::noop()))
    }
}

impl<F: Future> PollOnce for F {}

fuzz_target!(|operations: Several<Op, OPERATIONS>| {
    let (ledger, audits) = (Ledger::default(), Arc::default());
    Sequence::new(POOL.handle(), ledger.clone(), 0, Arc::clone(&audits)).run(operations.0);
    // Also of what nobody waits for any more.
    ledger.settle();
    for audit in std::mem::take(&mut *audits.lock().unwrap()) {
        audit();
    }
});
