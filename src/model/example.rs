//! A counter-example in words: what failed, and who did what before.

use std::fmt;

use crate::sync::trace::{Event, What};

/// The most lines that tell who did what.
const MOST_LINES: usize = 18;

/// The first panic of an execution.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) message: String,
    /// Where the panic came from.
    pub(super) place: Option<String>,
    pub(super) events: Vec<Event>,
}

#[derive(Debug)]
pub(super) struct CounterExample {
    pub(super) execution: usize,
    /// Whether the second run failed in the same execution.
    pub(super) repeated: bool,
    pub(super) failure: Failure,
}

impl fmt::Display for CounterExample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the model failed in execution {}:", self.execution)?;
        for line in in_words(&self.failure) {
            writeln!(f, "  {line}")?;
        }
        if !self.repeated {
            return f.write_str(
                "A second run took another course. So the model depends on something that loom \
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
        Ok(())
    }
}

/// Says what failed: loom's own sentences in the reader's terms, and all others as they are.
fn in_words(failure: &Failure) -> Vec<String> {
    let message = &failure.message;
    if message.starts_with("deadlock; threads") {
        let mut words = vec![String::from("deadlock: each thread waits for another")];
        words.extend(blocked(message, &failure.events));
        return words;
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
    ["/loom-0.", "/rustc/"].into_iter().chain(own).any(|inside| line.contains(inside))
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
    let width = events.iter().map(|event| event.thread.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let before = events[..at].iter().rev().find(|before| before.thread == event.thread);
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
        };
        let place = event.line.map(ToString::to_string).filter(|place| !is_internal(place));
        let place = place.unwrap_or_default();
        lines.push(format!("{:width$}  {what:24} {place}", event.thread).trim_end().to_owned());
    }
    lines
}
