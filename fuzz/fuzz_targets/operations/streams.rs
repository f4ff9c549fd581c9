//! Streams: their input, which counts what is pulled, and each result against what may come.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use millpond::{Imap, Progress, SubmitErrorKind, TaskError};
use millpond_fuzz::{Fate, Fates, Item, Ledger, Plan, Token, Watch, name, panicked};

use crate::sequence::Sequence;
use crate::{ITEMS, SHORT, Source, Taking, WORKERS, YIELDS};

/// The input of a stream: it counts what is pulled, and is no `Send`.
pub(crate) struct Input {
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

pub(crate) struct Open {
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
    pub(crate) fn check(&mut self, yielded: Option<Result<Token, TaskError<Token>>>) {
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
                    Err(TaskError::Failed { error, item }) => {
                        (Fate::Fails, error.tag(), Some(*item))
                    }
                    Err(TaskError::Panicked(panic)) => (
                        Fate::Panics,
                        panicked(panic),
                        Some(outcome.as_ref().err().and_then(TaskError::item)),
                    ),
                    Err(error) => {
                        panic!("a stream of a running pool yields no such error: {}", name(error))
                    }
                };
                assert_eq!(self.plan.fate(tag as usize), fate, "item {tag}");
                assert!(
                    item.is_none_or(|item| item == Some(tag as usize)),
                    "item {tag} names {item:?}"
                );
                tag as usize
            }
        };
        assert!(
            index < self.pulled.get() && (!self.ordered || index == count),
            "item {index} after {count}"
        );
        assert!(self.seen.insert(index), "item {index} is yielded twice");
        assert_eq!(self.watch.times(index), 1, "item {index} is yielded and so has run");
        self.yielded.set(self.seen.len());
        let Progress { done, total } = self.imap.progress();
        assert_eq!((done, total), (self.seen.len(), self.pulled.get()));
    }

    /// Takes the rest, unless that would be too much.
    pub(crate) fn finish(&mut self) {
        while !self.ended && self.seen.len() < YIELDS {
            let next = self.imap.next();
            self.check(next);
        }
        if self.ended {
            assert!(self.imap.next().is_none(), "the end lasts");
        }
    }

    pub(crate) fn audit(self) -> impl FnOnce() + Send {
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

impl Sequence {
    pub(crate) fn open(
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
            // However large the look-ahead is said to be, no more is pulled than there are places
            // to count.
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
        let begin = |stream: millpond::Stream<_, _>| {
            if ordered { stream.imap() } else { stream.imap_unordered() }
        };
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

    pub(crate) fn take(&mut self, stream: u8, how: Taking, count: u8) {
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
}
