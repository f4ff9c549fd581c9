//! A counter-example in words: what failed, and who did what before.

use std::fmt;
use std::panic::Location;

use super::engine;
use crate::sync::trace::{Event, What};

/// The most lines that tell who did what.
const MOST_LINES: usize = 16;

const DEADLOCK: &str = "deadlock: each thread waits for another";

/// The first panic of an execution.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    /// Where the panic came from.
    pub(super) place: Option<String>,
    pub(super) events: Vec<Event>,
    /// Which threads wait for a recorded type, and where.
    pub(super) waits: Vec<(String, &'static Location<'static>)>,
}

#[derive(Debug)]
pub(super) struct CounterExample {
    pub(super) execution: usize,
    pub(super) seed: Option<u64>,
    /// Whether the second run failed as the first.
    pub(super) repeated: bool,
    pub(super) failure: Failure,
}

impl fmt::Display for CounterExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (which, number) = (engine::EXECUTION, self.execution);
        writeln!(f, "the model failed in {which} {number}:")?;
        for line in in_words(&self.failure) {
            writeln!(f, "  {line}")?;
        }
        if !self.repeated {
            return f.write_str(
                "A second run took another course. So the model depends on something that it \
                 does not see, such as a clock, a random number, an address or a static.",
            );
        }
        let lines = lines(&self.failure.events);
        let hidden = lines.len().saturating_sub(MOST_LINES);
        f.write_str("what happened before, in its order:")?;
        if hidden > 0 {
            write!(f, "\n  … {hidden} earlier lines")?;
        }
        for line in &lines[hidden..] {
            write!(f, "\n  {line}")?;
        }
        if let Some(seed) = self.seed {
            write!(f, "\nto repeat it: Model::new().seed({seed}).max_executions({number})")?;
        }
        Ok(())
    }
}

/// Says what failed: loom's own sentences in the reader's terms, and all others as they are.
fn in_words(failure: &Failure) -> Vec<String> {
    let message = &failure.message;
    let waiting = || {
        let place = |(thread, at): &(String, _)| format!("{thread} is blocked at {at}");
        std::iter::once(String::from(DEADLOCK)).chain(failure.waits.iter().map(place))
    };
    if message.starts_with("deadlock! blocked tasks") {
        return waiting().collect();
    }
    if message.starts_with("blocks leaked") {
        return vec![String::from(
            "memory of tasks is left: a handle or a pool was forgotten, or a thread of the model \
             still has it",
        )];
    }
    if message.starts_with("deadlock; threads") {
        return waiting().chain(blocked(message, &failure.events)).collect();
    }
    if message.starts_with("exceeded max_steps bound") {
        return vec![String::from(
            "endless: a loop waits for another thread and does not sleep, or the model is longer \
             than Model::max_steps",
        )];
    }
    if message.contains("exceeded maximum number of branches") {
        return vec![String::from(
            "endless: a loop waits for another thread without loom's yield_now, or the model is \
             longer than Model::max_steps",
        )];
    }
    if message.contains("self.threads.len() < self.max()") {
        return vec![String::from(
            "too many threads: a model has five, the main one and the workers included",
        )];
    }
    let mut words: Vec<String> = message
        .lines()
        .filter(|line| !line.trim().is_empty() && !is_internal(line))
        .map(|line| line.trim_end().to_owned())
        .collect();
    if let Some(place) = failure.place.as_ref().filter(|place| !is_internal(place)) {
        words.push(format!("at {place}"));
    }
    words
}

/// Says whether a line or a path is about the insides of loom, of the standard library or of the
/// pool.
fn is_internal(line: &str) -> bool {
    const OWN_FILE: &str = "model/example.rs";
    let own = file!().strip_suffix(OWN_FILE).filter(|sources| *sources != "src/");
    ["/loom-0.", "/shuttle-", "/rustc/"].into_iter().chain(own).any(|inside| line.contains(inside))
}

/// Reads out of loom's message where the threads are blocked that wait outside of the pool.
fn blocked(message: &str, events: &[Event]) -> Vec<String> {
    let part = |text: &str, from: &str, to: &str| {
        let after = text.split_once(from)?.1;
        Some(after.split_once(to)?.0.to_owned())
    };
    message
        .split("(Id(")
        .skip(1)
        .filter_map(|thread| {
            let file = part(thread, "file: \"", "\"").filter(|file| !is_internal(file))?;
            let line = part(thread, "line: ", ",")?;
            let id: usize = thread.split_once(')')?.0.parse().ok()?;
            let known = events.iter().find(|event| event.id == id);
            let name = known.map_or(format!("thread {id}"), |event| event.thread.clone());
            Some(format!("{name} is blocked at {file}:{line}"))
        })
        .collect()
}

/// Says who did what, one line for each change of threads or verb.
fn lines(events: &[Event]) -> Vec<String> {
    let width = events.iter().map(|event| event.thread.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(event) = events.get(at) {
        let before = events[..at].iter().rev().find(|before| before.thread == event.thread);
        at += 1;
        let what = match &event.what {
            What::Calls(verb) => (*verb).to_owned(),
            What::Takes => String::from("takes the task of"),
            What::Ends => String::from("has run it"),
            What::Says(text) => text.clone(),
            What::Sleeps => match before.map(|before| &before.what) {
                Some(What::Calls(verb)) => format!("waits in {verb}"),
                // A worker that has nothing to do is no part of the story.
                _ => continue,
            },
            What::Locks(name, held) => {
                let mut what = of(*name, "lock", held.as_ref());
                // One line, if the thread gives the lock up before another event.
                let next = events.get(at).filter(|next| next.id == event.id);
                if let Some(What::Unlocks(_, left)) = next.map(|next| &next.what) {
                    at += 1;
                    if let Some(left) = left.as_ref().filter(|left| Some(*left) != held.as_ref()) {
                        what = format!("{what} → {left}");
                    }
                }
                what
            }
            What::Unlocks(name, left) => of(*name, "unlock", left.as_ref()),
        };
        let place = event.line.map(ToString::to_string).filter(|place| !is_internal(place));
        let place = place.unwrap_or_default();
        lines.push(format!("{:width$}  {what:24} {place}", event.thread).trim_end().to_owned());
    }
    lines
}

/// Puts the name of a lock before what a thread does with it, and the value behind.
fn of(name: Option<&str>, does: &str, value: Option<&String>) -> String {
    match (name, value) {
        (Some(name), Some(value)) => format!("{name}.{does}: {value}"),
        (Some(name), None) => format!("{name}.{does}"),
        (None, _) => does.to_owned(),
    }
}
