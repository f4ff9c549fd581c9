//! What is submitted to a pool that may end at any moment: what it accepts resolves, and what it
//! refuses comes back whole.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use arbitrary::Arbitrary;
use millpond::{AsyncResult, PoolHandle, SubmitErrorKind, TaskError};
use millpond_fuzz::{Ledger, Token};

use crate::Life;

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Submission {
    Call,
    Spawn,
    WithCallbacks,
    Batch {
        len: u8,
        chunk: u8,
    },
    Stream {
        len: u8,
        buffer: u8,
        take: u8,
    },
    /// A task that submits another.
    Nested,
    /// A task that closes or terminates its own pool.
    Closes,
    Terminates,
    Apply,
    Map(u8),
    Scope(u8),
}

/// A handle, and what is to come.
pub(crate) enum Accepted {
    Call(AsyncResult<Token>, u32, Arc<AtomicU8>),
    Told(AsyncResult<Token>, u32, Arc<AtomicU8>, Arc<[AtomicU8; 2]>),
    Batch(AsyncResult<Vec<Token>>, Arc<Vec<AtomicU8>>),
    Nested(AsyncResult<Option<AsyncResult<Token>>>, Arc<AtomicU8>),
    Silent(Arc<AtomicU8>),
}

/// Submits what is planned, from one thread.
pub(crate) struct Submitter<'a> {
    pub(crate) pool: PoolHandle,
    pub(crate) ledger: &'a Ledger,
    pub(crate) life: &'a Arc<Life>,
    pub(crate) accepted: Vec<Accepted>,
}

impl Submitter<'_> {
    /// A call that counts its run.
    fn call(&self, tag: u32) -> (impl FnOnce() -> Token + Send + 'static, Arc<AtomicU8>) {
        let (ledger, argument, life) =
            (self.ledger.clone(), self.ledger.token(tag), Arc::clone(self.life));
        let ran = Arc::new(AtomicU8::new(0));
        let counts = Arc::clone(&ran);
        let call = move || {
            assert!(counts.fetch_add(1, Ordering::Relaxed) == 0, "a call runs twice");
            life.ran.fetch_add(1, Ordering::Relaxed);
            ledger.token(argument.tag())
        };
        (call, ran)
    }

    /// What was refused is whole: it can still be called.
    fn given_back(
        &self,
        kind: SubmitErrorKind,
        call: impl FnOnce() -> Token,
        tag: u32,
        ran: &AtomicU8,
    ) {
        self.life.refused(kind);
        assert_eq!(ran.load(Ordering::Relaxed), 0, "what was refused has not run");
        assert_eq!(call().tag(), tag);
    }

    pub(crate) fn submit(&mut self, submission: Submission, tag: u32) {
        match submission {
            Submission::Call => {
                let (call, ran) = self.call(tag);
                match self.pool.apply_async(call) {
                    Ok(handle) => self.accepted.push(Accepted::Call(handle, tag, ran)),
                    Err(refused) => self.given_back(refused.kind(), refused.into_task(), tag, &ran),
                }
            }
            Submission::Spawn => {
                let (call, ran) = self.call(tag);
                match self.pool.spawn(move || drop(call())) {
                    Ok(()) => self.accepted.push(Accepted::Silent(ran)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        refused.into_task()();
                        assert_eq!(ran.load(Ordering::Relaxed), 1, "it is given back whole");
                    }
                }
            }
            Submission::WithCallbacks => {
                let (call, ran) = self.call(tag);
                let told = Arc::new([AtomicU8::new(0), AtomicU8::new(0)]);
                let (value, error) = (Arc::clone(&told), Arc::clone(&told));
                let (one, other) = (self.ledger.token(0), self.ledger.token(0));
                let task = self.pool.task(call).callback(move |_: &Token| {
                    let _one = one;
                    value[0].fetch_add(1, Ordering::Relaxed);
                });
                let task = task.error_callback(move |_: &TaskError<Infallible>| {
                    let _other = other;
                    error[1].fetch_add(1, Ordering::Relaxed);
                });
                match task.apply_async() {
                    Ok(handle) => self.accepted.push(Accepted::Told(handle, tag, ran, told)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        let again = refused
                            .into_task()
                            .apply_async()
                            .expect_err("an ended pool stays ended");
                        self.life.refused(again.kind());
                        drop(again);
                        let counts =
                            [&told[0], &told[1], &ran].map(|count| count.load(Ordering::Relaxed));
                        assert_eq!(counts, [0; 3], "nobody is told of what was refused");
                    }
                }
            }
            Submission::Batch { len, chunk } => {
                let ran: Arc<Vec<_>> = Arc::new((0..len).map(|_| AtomicU8::new(0)).collect());
                let (counts, ledger) = (Arc::clone(&ran), self.ledger.clone());
                let items: Vec<_> =
                    (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
                let named = self.life.named;
                let each = move |item: Token| {
                    assert!(
                        !named
                            || thread::current()
                                .name()
                                .is_some_and(|name| name.starts_with("life-"))
                    );
                    let before = counts[item.tag() as usize].fetch_add(1, Ordering::Relaxed);
                    assert!(before == 0, "an item runs twice");
                    ledger.token(item.tag())
                };
                let batch = self.pool.batch(each, items);
                let batch = if chunk > 0 { batch.chunksize(usize::from(chunk)) } else { batch };
                match batch.map_async() {
                    Ok(handle) => self.accepted.push(Accepted::Batch(handle, ran)),
                    Err(refused) => {
                        self.life.refused(refused.kind());
                        assert!(ran.iter().all(|count| count.load(Ordering::Relaxed) == 0));
                        // Unread, or with all of its items: the last of them would be missed
                        // otherwise.
                        let back = format!("{:?}", refused.into_task());
                        let all = format!("items: Some({len})");
                        assert!(back.contains("items: None") || back.contains(&all), "{back}");
                    }
                }
            }
            Submission::Stream { len, buffer, take } => self.stream(len, buffer, take),
            Submission::Nested => {
                let (inner, ran) = self.call(tag);
                let (captured, life) = (self.ledger.token(tag), Arc::clone(self.life));
                let outer = move || {
                    let _captured = captured;
                    match PoolHandle::current().expect("inside of a task").apply_async(inner) {
                        Ok(handle) => Some(handle),
                        Err(refused) => {
                            // A closed pool lets its own tasks submit.
                            let broken =
                                life.may_break && refused.kind() == SubmitErrorKind::Broken;
                            assert!(
                                broken || life.terminated.load(Ordering::SeqCst),
                                "{:?}",
                                refused.kind()
                            );
                            None
                        }
                    }
                };
                match self.pool.apply_async(outer) {
                    Ok(handle) => self.accepted.push(Accepted::Nested(handle, ran)),
                    Err(refused) => self.life.refused(refused.kind()),
                }
            }
            Submission::Closes | Submission::Terminates => {
                let (life, terminates) =
                    (Arc::clone(self.life), matches!(submission, Submission::Terminates));
                let end = move || {
                    let pool = PoolHandle::current().expect("inside of a task");
                    life.ending.store(true, Ordering::SeqCst);
                    if terminates {
                        life.terminated.store(true, Ordering::SeqCst);
                        pool.terminate();
                    } else {
                        pool.close();
                    }
                };
                if let Err(refused) = self.pool.spawn(end) {
                    self.life.refused(refused.kind());
                }
            }
            Submission::Apply => {
                let (call, ran) = self.call(tag);
                match self.pool.apply(call) {
                    Ok(value) => assert_eq!((value.tag(), ran.load(Ordering::Relaxed)), (tag, 1)),
                    Err(error) => {
                        self.life.discarded(&error);
                        assert_eq!(ran.load(Ordering::Relaxed), 0);
                    }
                }
            }
            Submission::Map(len) => {
                let items: Vec<_> =
                    (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
                match self.pool.map(|item: Token| self.ledger.token(item.tag()), items) {
                    Ok(values) => assert!(values.iter().map(Token::tag).eq(0..u32::from(len))),
                    Err(error) => self.life.discarded(&error),
                }
            }
            Submission::Scope(tasks) => {
                let cells: Vec<_> = (0..tasks % 16).map(|_| AtomicU8::new(0)).collect();
                let mut handles = Vec::new();
                self.pool.scope(|s| {
                    for cell in &cells {
                        let captured = self.ledger.token(0);
                        let work = move || {
                            let _captured = captured;
                            cell.fetch_add(1, Ordering::Relaxed);
                        };
                        match s.apply_async(work) {
                            Ok(handle) => handles.push((cell, handle)),
                            Err(refused) => self.life.refused(refused.kind()),
                        }
                    }
                });
                for (cell, handle) in handles {
                    assert!(handle.ready(), "a scope ends after its tasks");
                    match handle.get() {
                        Ok(()) => assert_eq!(cell.load(Ordering::Relaxed), 1),
                        Err(error) => {
                            self.life.discarded(&error);
                            assert_eq!(cell.load(Ordering::Relaxed), 0);
                        }
                    }
                }
            }
        }
    }

    /// Opens a stream and takes some of its results; whatever happens to the pool, it ends or says
    /// why.
    fn stream(&self, len: u8, buffer: u8, take: u8) {
        let input: Vec<_> = (0..u32::from(len)).map(|index| self.ledger.token(index)).collect();
        let ledger = self.ledger.clone();
        let stream = self.pool.stream(move |item: Token| ledger.token(item.tag()), input);
        let stream = if buffer > 0 { stream.buffersize(usize::from(buffer)) } else { stream };
        let imap = match stream.imap() {
            Ok(imap) => imap,
            Err(refused) => return self.life.refused(refused.kind()),
        };
        let mut count = 0;
        let mut error = None;
        let wanted = if take % 4 == 0 { usize::MAX } else { usize::from(take) };
        for outcome in imap.take(wanted) {
            assert!(error.is_none(), "one error, and then the end");
            match outcome {
                Ok(value) => assert_eq!(value.tag(), count),
                Err(why) => {
                    self.life.discarded(&why);
                    error = Some(why);
                    continue;
                }
            }
            count += 1;
        }
        let all = count == u32::from(len) || count as usize == wanted;
        assert!(all || error.is_some(), "the end after {count} of {len}, and nobody says why");
    }
}

/// Every handle resolves, with its value if nobody has discarded it. `joined`: the pool's end was
/// waited for.
pub(crate) fn resolve(accepted: Accepted, life: &Life, joined: bool) {
    let once = |ran: &AtomicU8| ran.load(Ordering::Relaxed) == 1;
    match accepted {
        Accepted::Call(handle, tag, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(value) => assert!(value.tag() == tag && once(&ran)),
                Err(error) => {
                    life.discarded(&error);
                    assert!(!once(&ran), "what was discarded has not run");
                }
            }
        }
        Accepted::Told(handle, tag, ran, told) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            let outcome = handle.get();
            let told = [&told[0], &told[1]].map(|count| count.load(Ordering::Relaxed));
            match outcome {
                Ok(value) => {
                    assert!(value.tag() == tag && once(&ran) && told == [1, 0], "{told:?}")
                }
                Err(error) => {
                    life.discarded(&error);
                    assert!(!once(&ran) && told == [0, 1], "{told:?}");
                }
            }
        }
        Accepted::Batch(handle, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(values) => {
                    assert!(values.iter().map(|value| value.tag() as usize).eq(0..ran.len()));
                    assert!(ran.iter().all(once), "each item has run");
                }
                Err(error) => life.discarded(&error),
            }
        }
        Accepted::Nested(handle, ran) => {
            assert!(!joined || handle.ready(), "join waits for all that was accepted");
            match handle.get() {
                Ok(None) => assert!(!once(&ran)),
                Ok(Some(inner)) => {
                    assert!(!joined || inner.ready(), "and for what that has submitted");
                    match inner.get() {
                        Ok(_) => assert!(once(&ran)),
                        Err(error) => {
                            life.discarded(&error);
                            assert!(!once(&ran));
                        }
                    }
                }
                Err(error) => life.discarded(&error),
            }
        }
        Accepted::Silent(ran) => {
            let may_discard = life.terminated.load(Ordering::SeqCst) || life.may_break;
            assert!(!joined || may_discard || once(&ran), "join waits for what nobody waits for");
        }
    }
}
