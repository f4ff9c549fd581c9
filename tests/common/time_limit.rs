//! A test that hangs fails: the process ends and says which test it was. Plain `cargo test` has no time limits.
//!
//! A thread that starts before `main` looks now and then at the process's threads. The runner gives each test a thread of its
//! own with the test's name, so a thread of such a name that has been there for too long is a test that hangs. The limit is
//! for hangs alone: no test says by it how fast anything is. Nothing has to be called; `mod common` is enough.

use std::cell::Cell;
use std::collections::HashMap;
use std::ffi::c_void;
use std::process::Command;
use std::time::{Duration, Instant};

/// Several times what the longest test takes on a loaded machine.
const LIMIT: Duration = Duration::from_secs(180);
/// Another limit, in seconds: for machines on which everything is slow.
const VARIABLE: &str = "MILLPOND_TEST_LIMIT";

/// What runs before `main`. Not under Miri, which finds a deadlock by itself.
#[cfg_attr(not(miri), used)]
// SAFETY: the section holds the addresses of functions of this type, which are called once with the process's memory and
// threads in place.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = start;

extern "C" fn start() {
    // A number with glibc, and a pointer with musl.
    let mut thread = std::mem::MaybeUninit::<libc::pthread_t>::uninit();
    // SAFETY: `thread` is a place for a thread's id, no attributes are those by default, and `watch` uses no argument.
    let refused = unsafe {
        libc::pthread_create(thread.as_mut_ptr(), std::ptr::null(), watch, std::ptr::null_mut())
    };
    assert_eq!(refused, 0, "the system refused a thread");
}

fn limit() -> Duration {
    let seconds = std::env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
    let limit = seconds.map_or(LIMIT, Duration::from_secs);
    // A process that a test has started must fail before the test does, which then shows what it has said.
    if super::is_child() { limit - limit / 8 } else { limit }
}

std::thread_local! {
    static WATCHES: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is the one that watches. What it allocates is none of the test's.
pub(crate) fn watches() -> bool {
    WATCHES.get()
}

extern "C" fn watch(_: *mut c_void) -> *mut c_void {
    WATCHES.set(true);
    let limit = limit();
    let mut first_seen = HashMap::new();
    loop {
        // Rarely: the looks must not disturb tests that measure.
        std::thread::sleep((limit / 4).min(Duration::from_secs(5)));
        let now = Instant::now();
        let there = names();
        first_seen.retain(|thread, _| there.contains(thread));
        let mut late = Vec::new();
        for thread in there {
            let (_, name) = &thread;
            if now - *first_seen.entry(thread.clone()).or_insert(now) > limit {
                late.push(name.clone());
            }
        }
        if late.is_empty() {
            continue;
        }
        let hanging: Vec<_> = tests()
            .into_iter()
            .filter(|test| late.iter().any(|name| test.starts_with(name)))
            .collect();
        if !hanging.is_empty() {
            eprintln!(
                "\nnot ended after {limit:?} (see tests/common/time_limit.rs): {}",
                hanging.join(", ")
            );
            std::process::abort();
        }
    }
}

/// The threads of this process: their numbers and the first 15 bytes of their names.
fn names() -> Vec<(String, String)> {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux lists its threads");
    let name = |path: std::path::PathBuf| {
        // One that has ended meanwhile has none.
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        Some((path.file_name()?.to_string_lossy().into_owned(), name.trim_end().to_owned()))
    };
    threads.flatten().filter_map(|thread| name(thread.path())).collect()
}

/// The tests that this process can run.
fn tests() -> Vec<String> {
    let program = std::env::current_exe().expect("a test knows its program");
    let output = Command::new(program).arg("--list").output().expect("the program starts again");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().filter_map(|line| line.strip_suffix(": test").map(str::to_owned)).collect()
}
