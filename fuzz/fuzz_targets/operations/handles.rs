//! Handles: one of them, or several at a time, each outcome against its plan.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use millpond::{ReturnWhen, TaskError, as_completed, wait};
use millpond_fuzz::{Fate, Held, Plan, Tag, Tags, Token, Watch, name};

use crate::sequence::Sequence;
use crate::{Grouping, SHORT, Touching};

impl Sequence {
    pub(crate) fn group(&mut self, skip: u8, how: Grouping, limit: Option<Duration>) {
        // A cancelled one says nothing of itself by which it could be known again, and neither does
        // a callback's panic.
        let (group, rest): (Vec<_>, Vec<_>) =
            self.calls.drain(..).enumerate().partition(|(at, held)| {
                *at >= usize::from(skip % 4)
                    && held.plan.callbacks.is_none()
                    && !held.handle.cancelled()
            });
        self.calls = rest.into_iter().map(|(_, held)| held).collect();
        if limit.is_none() {
            self.release();
        }
        let plans: Vec<_> = group
            .iter()
            .map(|(_, h)| (Arc::clone(&h.plan), Arc::clone(&h.watch), h.hold))
            .collect();
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
                    assert!(handle.1.ready(), "it is done when it comes");
                    outcomes.push(handle.1.get());
                }
                return distribute(&outcomes, &plans);
            }
        };
        let waited = wait(handles, when, limit);
        assert_eq!(waited.done.len() + waited.not_done.len(), total);
        assert!(waited.done.iter().all(|(_, handle)| handle.ready()));
        if limit.is_none() {
            let failed = waited.done.iter().any(|(_, handle)| handle.successful() == Ok(false));
            let enough = match when {
                ReturnWhen::FirstCompleted => !waited.done.is_empty(),
                ReturnWhen::FirstException => failed,
                ReturnWhen::AllCompleted => false,
            };
            assert!(enough || waited.not_done.is_empty(), "{when:?}: it has waited for enough");
        }
        let mut outcomes: Vec<_> =
            waited.done.into_iter().map(|(_, handle)| handle.get()).collect();
        if limit.is_none() || self.hold.is_none() {
            self.release();
            outcomes.extend(waited.not_done.into_iter().map(|(_, handle)| handle.get()));
        }
        distribute(&outcomes, &plans);
    }
}

/// Does something with one of the handles, or with the newest.
pub(crate) fn touch<T, E>(
    list: &mut Vec<Held<T, E>>,
    at: Option<u8>,
    how: Touching,
    hold: Option<u32>,
) where
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
        Touching::Get
        | Touching::TryGet
        | Touching::GetZero
        | Touching::GetShort
        | Touching::Drop => {}
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

/// Outcomes that have lost their handles' order are those of these calls, each at most once.
fn distribute(
    outcomes: &[Result<Token, TaskError<Token>>],
    plans: &[(Arc<Plan>, Arc<Watch>, Option<u32>)],
) {
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

trait PollOnce: Future {
    fn poll_once(self: Pin<&mut Self>) -> Poll<Self::Output> {
        self.poll(&mut Context::from_waker(Waker::noop()))
    }
}

impl<F: Future> PollOnce for F {}
