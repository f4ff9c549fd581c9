// Runs a generated program. Compiled three times: with the specification as `millpond`, with the
// real pool under loom, and with the real pool under shuttle. `Shared` is that engine's lock.

use super::Step;
use millpond::{AsyncResult, TaskError, ThreadPool, Timeout};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What the main thread still has to ask for, oldest first.
struct Handles(VecDeque<AsyncResult<u32>>, VecDeque<AsyncResult<Vec<u32>>>);

fn word<T: std::fmt::Debug>(result: Result<T, TaskError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.to_string(),
    }
}

/// Runs the program on a pool of so many workers, and returns its outcome.
pub(super) fn run(workers: usize, steps: &[Step]) -> String {
    let pool = ThreadPool::new(workers).expect("few workers");
    let log = Arc::new(Shared::new(Vec::new()));
    let mut handles = Handles(<_>::default(), <_>::default());
    let mut seen: Vec<String> = Vec::new();
    for (number, step) in (0..).zip(steps) {
        seen.extend(take(&pool, &log, &mut handles, number, *step));
    }
    seen.extend(handles.0.into_iter().map(|handle| word(handle.get())));
    seen.extend(handles.1.into_iter().map(|handle| word(handle.get())));
    pool.close();
    pool.join().expect("it is closed or terminated");
    let marks = log.lock().expect("no task panics").clone();
    seen.push(format!("{marks:?}"));
    seen.join("; ")
}

/// Takes one step, and returns what the main thread sees of it.
fn take(
    pool: &ThreadPool,
    log: &Arc<Shared<Vec<u32>>>,
    handles: &mut Handles,
    number: u32,
    step: Step,
) -> Option<String> {
    let logged = |mark: u32| {
        let log = Arc::clone(log);
        move || log.lock().expect("no task panics").push(mark)
    };
    let submitted = match step {
        Step::Apply => pool.apply_async(move || number).ok(),
        Step::Mark => {
            let mark = logged(number);
            pool.apply_async(move || {
                mark();
                number
            })
            .ok()
        }
        Step::Callback => {
            let mark = logged(100 + number);
            pool.task(move || number).callback(move |_: &u32| mark()).apply_async().ok()
        }
        Step::Nested => {
            let inner = pool.handle();
            let outer = move || match inner.apply_async(move || number) {
                Ok(task) => task.get().unwrap_or(97),
                Err(_refused) => 98,
            };
            pool.apply_async(outer).ok()
        }
        Step::Halves => {
            let inner = pool.handle();
            let task = move || inner.fork_join(|| 1, || 2).map_or(99, |(one, two)| one + two);
            pool.apply_async(task).ok()
        }
        Step::MapAsync => match pool.map_async(move |x: u32| x + number, 0..2) {
            Ok(batch) => {
                handles.1.push_back(batch);
                return None;
            }
            Err(_refused) => None,
        },
        other => return look(pool, log, handles, number, other),
    };
    match submitted {
        Some(handle) => handles.0.push_back(handle),
        None => return Some(String::from("refused")),
    }
    None
}

/// Takes a step that submits nothing, or waits for what it submits.
fn look(
    pool: &ThreadPool,
    log: &Arc<Shared<Vec<u32>>>,
    handles: &mut Handles,
    number: u32,
    step: Step,
) -> Option<String> {
    let oldest = handles.0.front();
    let back = |handles: &mut Handles, taken: Result<_, Timeout<AsyncResult<u32>>>| match taken {
        Ok(result) => word(result),
        Err(Timeout(handle)) => {
            handles.0.push_front(handle);
            String::from("not yet")
        }
    };
    match step {
        Step::Ready => oldest.map(|handle| format!("ready {}", handle.ready())),
        Step::Cancel => oldest.map(|handle| format!("cancelled {}", handle.cancel())),
        Step::WaitNow => {
            oldest.map(|handle| format!("waited {}", handle.wait_timeout(Duration::ZERO)))
        }
        Step::Get => handles.0.pop_front().map(|handle| word(handle.get())),
        Step::TryGet => {
            let taken = handles.0.pop_front()?.try_get();
            Some(back(handles, taken))
        }
        Step::GetNow => {
            let taken = handles.0.pop_front()?.get_timeout(Duration::ZERO);
            Some(back(handles, taken))
        }
        Step::Progress => handles.1.front().map(|batch| format!("ready {}", batch.ready())),
        Step::Queued => Some(format!("queued {}", pool.queued())),
        Step::Map => Some(match pool.map(|x: u32| x + number, 0..2) {
            Ok(values) => format!("{values:?}"),
            Err(error) => error.to_string(),
        }),
        Step::Imap => match pool.imap(move |x: u32| x + number, 0..2) {
            Ok(stream) => Some(stream.map(word).collect::<Vec<_>>().join(",")),
            Err(_refused) => Some(String::from("refused")),
        },
        Step::Unordered => match pool.imap_unordered(move |x: u32| x + number, 0..2) {
            Ok(stream) => Some(stream.map(word).collect::<Vec<_>>().join(",")),
            Err(_refused) => Some(String::from("refused")),
        },
        Step::Scope => {
            let (first, second) = (Arc::clone(log), Arc::clone(log));
            let accepted = pool.scope(|scope| {
                let one = scope.spawn(move || first.lock().expect("no panic").push(200)).is_ok();
                let two = scope.spawn(move || second.lock().expect("no panic").push(201)).is_ok();
                (one, two)
            });
            Some(format!("scope {accepted:?}"))
        }
        Step::Close => {
            pool.close();
            None
        }
        Step::Terminate => {
            pool.terminate();
            None
        }
        _ => unreachable!("`take` has the steps that submit"),
    }
}
