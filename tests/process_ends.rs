//! Faults that end the process, each as documented and at once, and one that must not. Each runs in a process of its own.

#![cfg(unix)]

mod common;

use common::{Gate, alone, in_child, threads, until_threads};
use millpond::{BuildError, TaskError, ThreadPool};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

/// A child that is going to abort leaves no picture of its memory behind.
fn without_a_core(body: impl FnOnce()) {
    rlimit::setrlimit(rlimit::Resource::CORE, 0, 0).expect("less is always allowed");
    body();
}

/// Fails unless the process aborted, after it had said `word`.
#[track_caller]
fn assert_aborted(output: &Output, word: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{}: {said}", output.status);
    assert!(said.contains(word), "{said}");
}

// covers F-07
#[test]
fn a_panic_while_a_task_panics_ends_the_process() {
    let name = "a_panic_while_a_task_panics_ends_the_process";
    let output = in_child(name, || {
        without_a_core(|| {
            let pool = ThreadPool::new(1).unwrap();
            let task = || {
                let _bomb = Bomb;
                panic!("in the task");
            };
            let result: Result<(), _> = pool.apply_async(task).unwrap().get();
            eprintln!("survived: {result:?}");
        });
    });
    let Some(output) = output else { return };
    assert_aborted(&output, "in a drop");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("survived"));
}

// covers F-10
#[test]
fn a_panic_hook_that_panics_ends_the_process() {
    let name = "a_panic_hook_that_panics_ends_the_process";
    let output = in_child(name, || {
        without_a_core(|| {
            let pool = ThreadPool::new(1).unwrap();
            std::panic::set_hook(Box::new(|_| panic!("in the hook")));
            let result: Result<(), _> = pool.apply_async(|| panic!("in the task")).unwrap().get();
            eprintln!("survived: {result:?}");
        });
    });
    let Some(output) = output else { return };
    assert_aborted(&output, "panic");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("survived"));
}

// covers F-10
#[test]
fn a_panic_hook_that_blocks_holds_up_only_its_own_worker() {
    alone("a_panic_hook_that_blocks_holds_up_only_its_own_worker", || {
        let pool = ThreadPool::new(2).unwrap();
        let (entered, gate) = (Gate::new(), Gate::new());
        let (enter, pass) = (entered.clone(), gate.clone());
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |_| {
            enter.open();
            pass.wait();
        }));
        let held = pool.apply_async(|| panic!("in the task")).unwrap();
        entered.wait();
        let there = pool.apply(|| thread::current().id()).unwrap();
        let others: Vec<_> = pool.map(|_| thread::current().id(), 0..100).unwrap();
        assert!(others.into_iter().all(|worker| worker == there), "by the other worker");
        // Neither does the end of the pool wait for the hook.
        pool.terminate();
        assert!(!held.ready());
        gate.open();
        let error = held.get().map(|(): ()| ()).unwrap_err();
        assert!(matches!(error, TaskError::Panicked(_)), "{error}");
        pool.join().unwrap();
        std::panic::set_hook(before);
    });
}

/// The library's own folder.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command and fails unless it succeeds.
#[track_caller]
fn succeed(command: &mut Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Builds the library for aborting panics, in a folder of its own, and says in which folder it lies.
fn library_that_aborts() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("panic-abort");
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--lib", "--locked", "--offline", "-p", "millpond", "--target-dir"])
        .arg(&target);
    cargo
        .current_dir(root())
        .env("CARGO_PROFILE_DEV_PANIC", "abort")
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    succeed(&mut cargo);
    target.join("debug")
}

// covers F-11
#[test]
fn a_build_with_aborting_panics_compiles_and_aborts() {
    let folder = library_that_aborts();
    let program = folder.join("program");
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut rustc = Command::new(compiler);
    rustc.args(["--edition", "2024", "-C", "panic=abort", "-o"]).arg(&program);
    rustc.arg("--extern").arg(format!("millpond={}", folder.join("libmillpond.rlib").display()));
    rustc.arg("-L").arg(format!("dependency={}", folder.join("deps").display()));
    rustc.arg(root().join("tests/process_ends/program.rs"));
    succeed(&mut rustc);
    // As long as nothing panics it is a pool as any other.
    assert_eq!(
        String::from_utf8_lossy(&succeed(&mut Command::new(&program)).stdout),
        "42 [0, 1, 4] Err(Terminated)\n"
    );
    // The first panic of a task ends the process.
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -c 0; exec \"$0\" panic"]).arg(program);
    let output = shell.output().expect("a shell");
    assert_aborted(&output, "in the task");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}

// covers F-12
#[test]
fn a_thread_that_the_system_refuses_midway_leaves_nothing_behind() {
    alone("a_thread_that_the_system_refuses_midway_leaves_nothing_behind", || {
        const STACK: usize = if usize::BITS == 64 { 1 << 30 } else { 1 << 28 };
        let before = threads();
        let page = 4096;
        let size = || {
            let sizes =
                std::fs::read_to_string("/proc/self/statm").expect("Linux says how large it is");
            let pages = sizes.split(' ').next().and_then(|pages| pages.parse::<usize>().ok());
            pages.expect("a number of pages") * page
        };
        // Room for about three stacks, nothing of which is ever touched.
        let (soft, hard) = rlimit::getrlimit(rlimit::Resource::AS).unwrap();
        let size_before = size();
        rlimit::setrlimit(rlimit::Resource::AS, (size_before + 4 * STACK - STACK / 2) as u64, hard)
            .unwrap();
        let (initializer, exit) = (Arc::new(()), Arc::new(()));
        let (held, also_held) = (Arc::clone(&initializer), Arc::clone(&exit));
        let builder = ThreadPool::builder().workers(8).stack_size(STACK);
        let builder =
            builder.initializer(move |_| _ = &held).on_worker_exit(move |_| _ = &also_held);
        let error = builder.build().unwrap_err();
        let BuildError::Spawn { started, .. } = error else { panic!("{error}") };
        assert!((1..8).contains(&started), "{started} had been started");
        rlimit::setrlimit(rlimit::Resource::AS, soft, hard).unwrap();
        // Who joins a thread frees its stack.
        assert!(size() < size_before + STACK, "they were joined");
        until_threads(before);
        assert_eq!(
            (Arc::strong_count(&initializer), Arc::strong_count(&exit)),
            (1, 1),
            "and the hooks"
        );
        assert_eq!(
            ThreadPool::new(2).unwrap().apply(|| 1).unwrap(),
            1,
            "the next pool is none the worse"
        );
    });
}

// covers F-16
#[test]
fn a_thread_local_that_panics_when_its_worker_ends_ends_the_process() {
    thread_local! {
        static LOCAL: Bomb = const { Bomb };
    }
    let name = "a_thread_local_that_panics_when_its_worker_ends_ends_the_process";
    let output = in_child(name, || {
        without_a_core(|| {
            let pool = ThreadPool::new(1).unwrap();
            pool.apply(|| LOCAL.with(|_| ())).unwrap();
            pool.close();
            let joined = pool.join();
            eprintln!("survived: {joined:?}");
        });
    });
    let Some(output) = output else { return };
    assert_aborted(&output, "thread local panicked on drop");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("survived"));
}
