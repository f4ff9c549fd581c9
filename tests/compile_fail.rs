//! What the types reject: each file of tests/compile_fail must not compile, for the reason that stands beside it. Many of these
//! are mistakes at which Python's pool raises later or hangs.
//!
//! The reasons are the compiler's words: after a new compiler, `TRYBUILD=overwrite cargo test --test compile_fail`.

#[test]
fn what_the_types_reject() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

#[test]
fn f51_handles_are_unwind_safe() {
    trybuild::TestCases::new().pass("tests/compile_pass/f51_*.rs");
}
