//! Everybody who is asked.

use crate::python;

/// A peer, whether it takes part in a row or not.
#[derive(Debug)]
pub(crate) struct Known {
    /// As the report calls it. What it does in more than one way has this name and more behind it.
    pub(crate) name: &'static str,
    /// Its crate, as the lock file calls it.
    pub(crate) package: Option<&'static str>,
    /// Why it takes no part in a row that does not say: for those that are no general pools.
    pub(crate) elsewhere: Option<&'static str>,
}

impl Known {
    const fn pool(name: &'static str, package: &'static str) -> Self {
        Self { name, package: Some(package), elsewhere: None }
    }

    const fn special(name: &'static str, package: Option<&'static str>, why: &'static str) -> Self {
        Self { name, package, elsewhere: Some(why) }
    }

    /// Whether a contestant, or somebody absent, is this peer: by its name, or by a name that goes on with another word.
    pub(crate) fn is(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.name);
        rest.is_some_and(|rest| {
            !rest.starts_with(|next: char| next == '_' || next.is_alphanumeric())
        })
    }
}

/// All of them.
pub(crate) const KNOWN: &[Known] = &[
    Known::pool("rayon", "rayon"),
    Known::pool("threadpool", "threadpool"),
    Known::pool("tokio spawn", "tokio"),
    Known::pool("tokio spawn_blocking", "tokio"),
    Known::pool("futures ThreadPool", "futures"),
    Known::pool("async-executor", "async-executor"),
    Known::pool("blocking", "blocking"),
    Known::pool("rusty_pool", "rusty_pool"),
    Known::pool("lagoon", "lagoon"),
    Known::pool("executors work-stealing", "executors"),
    Known::pool("executors channel", "executors"),
    Known::pool("affinitypool", "affinitypool"),
    Known { name: python::THREAD_POOL, package: None, elsewhere: None },
    Known { name: python::EXECUTOR, package: None, elsewhere: None },
    Known::special("std::thread", None, "is no pool"),
    Known::special(
        "crossbeam scope",
        Some("crossbeam-utils"),
        "is no pool: its threads end with the scope",
    ),
    Known::special("chili", Some("chili"), "takes no single tasks: it has fork/join alone"),
    Known::special(
        "paralight",
        Some("paralight"),
        "takes no single tasks: it has parallel iterators alone",
    ),
    Known::special(
        "orx-parallel",
        Some("orx-parallel"),
        "its tasks return nothing and end with a scope: it is made for parallel iterators",
    ),
    Known::special("pariter", Some("pariter"), "takes no single tasks: it has streams alone"),
    Known::special("forte", None, "its 1.0.0-beta.2 asks for Rust 1.96"),
    Known::special(
        "oneTBB",
        None,
        "a C++ library: these benches are built with the Rust toolchain alone",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_goes_on_is_the_same_peer_only_after_a_whole_word() {
        let is = |known: &str, name: &str| {
            KNOWN.iter().find(|peer| peer.name == known).is_some_and(|peer| peer.is(name))
        };
        assert!(
            is("rayon", "rayon") && is("rayon", "rayon::join") && is("rayon", "rayon, one channel")
        );
        assert!(is("tokio spawn", "tokio spawn, one channel"));
        assert!(!is("tokio spawn", "tokio spawn_blocking"));
        assert!(!is("CPython ThreadPool", "CPython ThreadPoolExecutor"));
    }
}
