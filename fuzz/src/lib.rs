//! What the targets share: values whose drops are counted, functions whose outcomes are planned, and the oracle that says what
//! may become of a call or a batch.
//!
//! A planned panic goes through `resume_unwind`, which runs no panic hook. libFuzzer's hook aborts the process, so every other
//! panic, on whatever thread, is a finding at once: also a failed assertion inside of a task.

use std::convert::Infallible;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use millpond::{AsyncResult, Panic, Progress, TaskError};

/// Longer than any run takes on a loaded machine, and shorter than libFuzzer's time-out.
const PATIENCE: Duration = Duration::from_secs(25);

/// Keeps those who wait until it is opened.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub fn wait(&self) {
        drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// Counts the drops of its tokens.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Books>);

#[derive(Default)]
struct Books {
    /// The drops of each token, and how many tokens are left.
    drops: Mutex<(Vec<u8>, usize)>,
    none_left: Condvar,
}

/// A value whose drops are counted. It owns memory, so that a sanitizer sees a second drop, or a use after the first.
pub struct Token {
    ledger: Ledger,
    number: Box<usize>,
    tag: u32,
}

impl Ledger {
    pub fn token(&self, tag: u32) -> Token {
        let mut books = self.0.drops.lock().unwrap();
        books.0.push(0);
        books.1 += 1;
        Token { ledger: self.clone(), number: Box::new(books.0.len() - 1), tag }
    }

    /// Waits until every token has been dropped; a token that never is, is a finding.
    pub fn settle(&self) {
        let books = self.0.drops.lock().unwrap();
        let (books, _) = self.0.none_left.wait_timeout_while(books, PATIENCE, |books| books.1 > 0).unwrap();
        let wrong: Vec<_> = books.0.iter().enumerate().filter(|(_, drops)| **drops != 1).collect();
        assert!(wrong.is_empty(), "of {} values these were not dropped once: {wrong:?}", books.0.len());
    }
}

impl Token {
    pub fn tag(&self) -> u32 {
        self.tag
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        let mut books = self.ledger.0.drops.lock().unwrap();
        books.0[*self.number] += 1;
        assert!(books.0[*self.number] == 1, "value {} (tag {}) is dropped twice", self.number, self.tag);
        books.1 -= 1;
        if books.1 == 0 {
            self.ledger.0.none_left.notify_all();
        }
    }
}

/// Up to `MOST` of something, as many as the first byte says. (The derived vector asks for a bit before each, and so is mostly
/// short.)
#[derive(Clone, Debug)]
pub struct Several<T, const MOST: usize>(pub Vec<T>);

impl<'a, T: Arbitrary<'a>, const MOST: usize> Arbitrary<'a> for Several<T, MOST> {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let count = input.int_in_range(0..=MOST)?;
        let mut all = Vec::new();
        while all.len() < count && !input.is_empty() {
            all.push(input.arbitrary()?);
        }
        Ok(Self(all))
    }
}

/// How a call ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    Value,
    Fails,
    Panics,
}

/// How each of many calls ends, and how long it takes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Fates {
    every: u8,
    from: u8,
    how: u8,
    slow: u8,
}

impl Fates {
    pub fn of(self, index: usize) -> Fate {
        let (every, from) = (usize::from(self.every % 32), usize::from(self.from));
        if every == 0 || index < from || (index - from) % every != 0 {
            return Fate::Value;
        }
        match self.how % 3 {
            0 => Fate::Fails,
            1 => Fate::Panics,
            _ if (index - from) / every % 2 == 0 => Fate::Fails,
            _ => Fate::Panics,
        }
    }

    /// Longer than the pool takes for a short item, for a few of the items.
    fn is_slow(self, index: usize) -> bool {
        self.slow % 4 == 1 && index < 64 && index % (4 + usize::from(self.slow / 4)) == 0
    }
}

/// What is to become of a call or a batch.
pub struct Plan {
    pub len: usize,
    pub fates: Fates,
    /// The function returns no `Result`: what would fail panics.
    pub plain: bool,
    /// A call: its errors name no item.
    pub single: bool,
    pub chunk: Option<usize>,
    pub fail_fast: bool,
    /// Whether there are callbacks; if so, whether that for values and that for errors panics.
    pub callbacks: Option<(bool, bool)>,
}

/// What has become of it so far.
pub struct Watch {
    ran: Vec<AtomicU8>,
    /// Who began which item, in the order of beginning.
    turns: Mutex<Vec<(ThreadId, usize)>>,
    told_value: AtomicU8,
    told_error: AtomicU8,
    /// `cancel` has said that it kept something from starting.
    cancelled: AtomicBool,
    /// Nothing may have begun: it was cancelled while every worker was busy, or refused.
    untouched: AtomicBool,
}

impl Watch {
    pub fn new(len: usize) -> Arc<Self> {
        Arc::new(Self {
            ran: (0..len).map(|_| AtomicU8::new(0)).collect(),
            turns: Mutex::default(),
            told_value: AtomicU8::new(0),
            told_error: AtomicU8::new(0),
            cancelled: AtomicBool::new(false),
            untouched: AtomicBool::new(false),
        })
    }

    fn begins(&self, index: usize) {
        self.turns.lock().unwrap().push((thread::current().id(), index));
        assert!(self.ran[index].fetch_add(1, Ordering::Relaxed) == 0, "item {index} runs twice");
    }

    pub fn times(&self, index: usize) -> u8 {
        self.ran[index].load(Ordering::Relaxed)
    }

    /// It was refused, or is known to have been cancelled before anything of it began.
    pub fn nothing_may_run(&self) {
        self.untouched.store(true, Ordering::Relaxed);
    }
}

/// One call: an argument, and what the function makes of it.
pub struct Item {
    index: usize,
    fate: Fate,
    slow: bool,
    watch: Arc<Watch>,
    argument: Token,
}

impl Item {
    pub fn new(ledger: &Ledger, index: usize, fate: Fate, slow: bool, watch: &Arc<Watch>) -> Self {
        let argument = ledger.token(u32::try_from(index).unwrap());
        Self { index, fate, slow, watch: Arc::clone(watch), argument }
    }

    /// The function.
    pub fn act(&self) -> Result<Token, Token> {
        self.watch.begins(self.index);
        if self.slow {
            let began = Instant::now();
            while began.elapsed() < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
        }
        let outcome = self.argument.ledger.token(self.argument.tag);
        match self.fate {
            Fate::Value => Ok(outcome),
            Fate::Fails => Err(outcome),
            Fate::Panics => resume_unwind(Box::new(outcome)),
        }
    }

    /// The same where it cannot fail.
    pub fn act_plain(&self) -> Token {
        self.act().unwrap_or_else(|_| unreachable!("a plain function's plan has no failures"))
    }
}

/// The payload of a callback's planned panic.
pub struct InCallback;

impl Plan {
    pub fn call(fates: Fates, plain: bool, callbacks: Option<(bool, bool)>) -> Self {
        Self { len: 1, fates, plain, single: true, chunk: None, fail_fast: false, callbacks }
    }

    pub fn fate(&self, index: usize) -> Fate {
        match self.fates.of(index) {
            Fate::Fails if self.plain => Fate::Panics,
            fate => fate,
        }
    }

    pub fn item(&self, ledger: &Ledger, index: usize, watch: &Arc<Watch>) -> Item {
        Item::new(ledger, index, self.fate(index), self.fates.is_slow(index), watch)
    }

    pub fn items(&self, ledger: &Ledger, watch: &Arc<Watch>) -> Vec<Item> {
        (0..self.len).map(|index| self.item(ledger, index, watch)).collect()
    }

    fn fails_anywhere(&self) -> bool {
        (0..self.len).any(|index| self.fate(index) != Fate::Value)
    }

    /// The callback for values, which counts its calls.
    pub fn on_value<T>(&self, ledger: &Ledger, watch: &Arc<Watch>) -> impl FnOnce(&T) + Send + 'static {
        let (panics, watch, captured) =
            (self.callbacks.is_some_and(|(panics, _)| panics), Arc::clone(watch), ledger.token(0));
        move |_| {
            let _captured = captured;
            watch.told_value.fetch_add(1, Ordering::Relaxed);
            if panics {
                resume_unwind(Box::new(InCallback));
            }
        }
    }

    /// The callback for errors, which counts its calls.
    pub fn on_error<E>(
        &self,
        ledger: &Ledger,
        watch: &Arc<Watch>,
    ) -> impl FnOnce(&TaskError<E>) + Send + 'static {
        let (panics, watch, captured) =
            (self.callbacks.is_some_and(|(_, panics)| panics), Arc::clone(watch), ledger.token(0));
        move |_| {
            let _captured = captured;
            watch.told_error.fetch_add(1, Ordering::Relaxed);
            if panics {
                resume_unwind(Box::new(InCallback));
            }
        }
    }

    /// Whether this is an outcome that a sequential execution, in some order of the chunks, could give.
    pub fn check<T: Tags, E: Tag>(&self, outcome: &Result<T, TaskError<E>>, watch: &Watch) {
        let (value_bomb, error_bomb) = self.callbacks.unwrap_or((false, false));
        match outcome {
            Ok(values) => {
                assert!(!value_bomb, "a callback panicked and nobody says so");
                self.check_success(watch);
                let expected = 0..u32::try_from(self.len).unwrap();
                assert!(values.tags().into_iter().eq(expected), "values in order: {:?}", values.tags());
            }
            Err(TaskError::CallbackPanicked { panic, cause: None }) => {
                assert!(value_bomb && panic.downcast_ref::<InCallback>().is_some(), "{panic}");
                self.check_success(watch);
            }
            Err(TaskError::CallbackPanicked { panic, cause: Some(cause) }) => {
                assert!(error_bomb && panic.downcast_ref::<InCallback>().is_some(), "{panic}");
                self.check_error(cause, watch);
            }
            Err(error) => {
                assert!(!error_bomb, "an error callback panicked and nobody says so");
                self.check_error(error, watch);
            }
        }
        if self.callbacks.is_some() {
            self.check_told(watch);
        }
    }

    fn check_success(&self, watch: &Watch) {
        assert!(!watch.cancelled.load(Ordering::Relaxed), "a value of what was kept from starting");
        assert!(!self.fails_anywhere(), "a value although an item fails");
    }

    fn check_error<E: Tag>(&self, error: &TaskError<E>, watch: &Watch) {
        let (item, tag) = match error {
            TaskError::Cancelled => {
                assert!(watch.cancelled.load(Ordering::Relaxed) && self.len > 0, "nobody has cancelled it");
                return;
            }
            TaskError::Failed { error, item } => {
                let tag = error.tag();
                assert_eq!(self.fate(tag as usize), Fate::Fails);
                (*item, tag)
            }
            TaskError::Panicked(panic) => {
                let tag = panicked(panic);
                assert_eq!(self.fate(tag as usize), Fate::Panics);
                (error.item(), tag)
            }
            _ => panic!("nothing ends so here: {}", name(error)),
        };
        let index = tag as usize;
        assert_eq!(item, (!self.single).then_some(index), "it names its item");
        assert_eq!(watch.times(index), 1, "item {index} has failed and so has run");
        let chunk = self.chunk.unwrap_or(1);
        let before = index / chunk * chunk..index;
        assert!(
            before.clone().all(|i| self.fate(i) == Fate::Value),
            "{index} stands behind a failure: {before:?}"
        );
    }

    fn check_told(&self, watch: &Watch) {
        let fails = watch.cancelled.load(Ordering::Relaxed) || self.fails_anywhere();
        let told = [&watch.told_value, &watch.told_error].map(|told| told.load(Ordering::Relaxed));
        assert_eq!(told, [u8::from(!fails), u8::from(fails)], "calls back, value and error");
    }

    /// When all is done, whatever became of the handle: what has run, and who was told.
    pub fn audit(&self, watch: &Watch) {
        let cancelled = watch.cancelled.load(Ordering::Relaxed);
        let untouched = watch.untouched.load(Ordering::Relaxed);
        let may_skip = untouched || cancelled || (self.fail_fast && self.fails_anywhere());
        let turns = watch.turns.lock().unwrap();
        let chunk = self.chunk.unwrap_or(1).min(self.len.max(1));
        for first in (0..self.len).step_by(chunk) {
            let members = first..self.len.min(first + chunk);
            let failure = members.clone().find(|index| self.fate(*index) != Fate::Value);
            let run = first..failure.map_or(members.end, |index| index + 1);
            let ran = members.clone().filter(|index| watch.times(*index) == 1);
            if may_skip && watch.times(first) == 0 {
                assert_eq!(ran.count(), 0, "a chunk is done from its beginning or not at all: {members:?}");
                continue;
            }
            assert!(!untouched, "{first} has run although nothing could");
            assert!(ran.eq(run.clone()), "of the chunk {members:?} exactly {run:?} run");
            // By one worker, one after the other, with nothing of the same batch's between.
            if chunk > 1 {
                let (who, _) = turns.iter().find(|(_, index)| *index == first).unwrap();
                let its = turns.iter().filter(|(thread, _)| thread == who).map(|(_, index)| *index);
                assert!(
                    its.skip_while(|index| *index != first).take(run.len()).eq(run.clone()),
                    "{run:?} in a row"
                );
            }
        }
        if self.callbacks.is_some() && !untouched {
            self.check_told(watch);
        }
    }
}

/// The tag of a planned panic's payload.
pub fn panicked(panic: &Panic) -> u32 {
    panic.downcast_ref::<Token>().expect("a planned panic").tag()
}

/// An error without what it carries.
pub fn name<E>(error: &TaskError<E>) -> &'static str {
    match error {
        TaskError::Failed { .. } => "failed",
        TaskError::Panicked(_) => "panicked",
        TaskError::CallbackPanicked { .. } => "a callback panicked",
        TaskError::InputPanicked(_) => "the input panicked",
        TaskError::Terminated => "terminated",
        TaskError::Cancelled => "cancelled",
        TaskError::Broken(_) => "broken",
        TaskError::WouldDeadlock => "would deadlock",
        TaskError::NotSubmitted(_) => "not submitted",
        _ => "something else",
    }
}

/// What an error of a planned function says of itself.
pub trait Tag {
    fn tag(&self) -> u32;
}

impl Tag for Token {
    fn tag(&self) -> u32 {
        self.tag
    }
}

impl Tag for Infallible {
    fn tag(&self) -> u32 {
        match *self {}
    }
}

/// What a value of a planned call or batch says of itself.
pub trait Tags {
    fn tags(&self) -> Vec<u32>;
}

impl Tags for Token {
    fn tags(&self) -> Vec<u32> {
        vec![self.tag]
    }
}

impl Tags for Vec<Token> {
    fn tags(&self) -> Vec<u32> {
        self.iter().map(Token::tag).collect()
    }
}

/// A handle, and what is to become of it.
pub struct Held<T, E> {
    pub handle: AsyncResult<T, E>,
    pub plan: Arc<Plan>,
    pub watch: Arc<Watch>,
    /// The hold during which it was submitted.
    pub hold: Option<u32>,
}

impl<T: Tags, E: Tag> Held<T, E> {
    /// Compares the outcome with the plan.
    pub fn check(plan: &Plan, watch: &Watch, outcome: &Result<T, TaskError<E>>) {
        plan.check(outcome, watch);
    }

    pub fn get(self) {
        let outcome = self.handle.get();
        self.plan.check(&outcome, &self.watch);
    }

    /// Cancels it. `queued`: no worker can have seen it.
    pub fn cancel(&self, queued: bool) {
        let before = self.watch.cancelled.load(Ordering::Relaxed);
        let kept = self.handle.cancel();
        if kept {
            assert!(self.plan.len > 0, "an empty batch is done from the beginning");
            self.watch.cancelled.store(true, Ordering::Relaxed);
        }
        if self.plan.len == 0 {
            assert!(self.handle.ready());
        } else if queued {
            assert_eq!(kept, !before, "nobody can have begun it, and it can be kept from starting once");
            assert!(self.handle.ready() && self.handle.cancelled());
            self.watch.nothing_may_run();
        } else if self.plan.single {
            assert!(!(kept && before), "one call cannot be kept from starting twice");
        }
    }

    /// What can be seen without taking the outcome.
    pub fn look(&self, queued: bool)
    where
        T: Sync,
        E: Sync,
    {
        let ready = self.handle.ready();
        let Progress { done, total } = self.handle.progress();
        assert_eq!(total, self.plan.len);
        assert!(done <= total && (!ready || done == total), "{done} of {total}, ready: {ready}");
        let cancelled = self.watch.cancelled.load(Ordering::Relaxed);
        if queued && !cancelled && total > 0 {
            assert!(!ready && done == 0, "no worker can have done anything");
        }
        if let Some(outcome) = self.handle.peek() {
            self.plan.check(outcome, &self.watch);
            assert_eq!(self.handle.successful(), Ok(outcome.is_ok()));
            // Also if the error callback that was told of it panicked.
            let by_cancel = match outcome {
                Err(TaskError::CallbackPanicked { cause: Some(cause), .. }) => {
                    matches!(**cause, TaskError::Cancelled)
                }
                outcome => matches!(outcome, Err(TaskError::Cancelled)),
            };
            assert_eq!(self.handle.cancelled(), by_cancel);
        } else {
            assert!(!ready, "what is ready can be looked at");
        }
    }
}
