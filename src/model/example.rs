//! A counter-example in words: what failed, and who did what before.

use std::fmt;
use std::panic::Location;

use super::engine;
use crate::sync::trace::{Event, What};

/// The most lines that tell who did what. If there are more, those of the model's own state stay.
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
        let (lines, left_out) = shortened(lines(&self.failure.events));
        f.write_str("what happened before, in its order:")?;
        if left_out > 0 {
            write!(f, "\n  … without {left_out} lines that say less")?;
        }
        let width = lines.iter().map(|line| line.thread.chars().count()).max().unwrap_or(0);
        for line in &lines {
            let Line { thread, place, .. } = line;
            let what = line.what_and_how_often();
            write!(f, "\n  {}", format!("{thread:width$}  {what:24} {place}").trim_end())?;
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

/// One line of the account: who did what, and where.
struct Line {
    thread: String,
    what: String,
    place: String,
    /// Whether the line is about the model's own state, is a note of its own, or says where a
    /// thread waits that never goes on. The other lines go first if there are too many.
    matters: bool,
    /// How often the thread did this, while no other line came between.
    times: usize,
}

impl Line {
    fn what_and_how_often(&self) -> String {
        match self.times {
            1 => self.what.clone(),
            times => format!("{} × {times}", self.what),
        }
    }
}

/// Says who did what, one line for each change of threads or verb.
fn lines(events: &[Event]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut at = 0;
    while let Some(event) = events.get(at) {
        let before = events[..at].iter().rev().find(|before| before.thread == event.thread);
        at += 1;
        let mut matters = false;
        let what = match &event.what {
            What::Calls(verb) => (*verb).to_owned(),
            What::Takes => String::from("takes the task of"),
            What::Ends => String::from("has run it"),
            What::Says(text) => {
                matters = true;
                text.clone()
            }
            What::Sleeps => match before.map(|before| &before.what) {
                Some(What::Calls(verb)) => {
                    matters = !events[at..].iter().any(|later| later.id == event.id);
                    format!("waits in {verb}")
                }
                // A worker that has nothing to do is no part of the story.
                _ => continue,
            },
            What::Locks(name, held) => {
                matters = name.is_some();
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
            What::Unlocks(name, left) => {
                matters = name.is_some();
                of(*name, "unlock", left.as_ref())
            }
        };
        let place = event.line.map(ToString::to_string).filter(|place| !is_internal(place));
        let (thread, place) = (event.thread.clone(), place.unwrap_or_default());
        match lines.last_mut() {
            Some(last) if (&last.thread, &last.what, &last.place) == (&thread, &what, &place) => {
                last.times += 1;
            }
            _ => lines.push(Line { thread, what, place, matters, times: 1 }),
        }
    }
    lines
}

/// Leaves lines out until few enough are left, and says how many. Those that do not matter go
/// before those that do, and the earlier before the later.
fn shortened(mut lines: Vec<Line>) -> (Vec<Line>, usize) {
    let left_out = lines.len().saturating_sub(MOST_LINES);
    for _ in 0..left_out {
        let first = lines.iter().position(|line| !line.matters).unwrap_or(0);
        lines.remove(first);
    }
    (lines, left_out)
}

/// Puts the name of a lock before what a thread does with it, and the value behind.
fn of(name: Option<&str>, does: &str, value: Option<&String>) -> String {
    match (name, value) {
        (Some(name), Some(value)) => format!("{name}.{does}: {value}"),
        (Some(name), None) => format!("{name}.{does}"),
        (None, _) => does.to_owned(),
    }
}
