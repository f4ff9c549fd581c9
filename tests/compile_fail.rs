//! What the types reject: each file of tests/compile_fail must not compile, for the errors whose codes its first line names,
//! and those of tests/compile_pass must. Many of them are mistakes at which Python's pool raises later or hangs.
//!
//! Only the codes are compared, not the compiler's words, so that the tests pass with any compiler.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with the compiled library, and the library: the newest, should several be there.
fn library() -> (PathBuf, PathBuf) {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    let newest = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with("libmillpond-") && name.ends_with(".rlib")
        })
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    (folder, newest.expect("the tests are linked with it"))
}

/// The codes of the errors that compiling this file gives, in order.
fn codes(file: &Path, (folder, library): &(PathBuf, PathBuf)) -> Vec<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .args(["--edition", "2024", "--emit", "metadata", "--error-format", "json", "--out-dir"])
        .arg(std::env::temp_dir())
        .arg("--extern")
        .arg(format!("millpond={}", library.display()))
        .arg("-L")
        .arg(folder)
        .arg(file)
        .output()
        .expect("the compiler runs");
    let said = String::from_utf8(output.stderr).expect("JSON is text");
    let codes =
        said.lines().filter(|line| line.contains(r#""level":"error""#)).filter_map(|line| {
            // {"$message_type":"diagnostic","message":…,"code":{"code":"E0277",…}: the first code is the message's own.
            let (_, after) = line.split_once(r#""code":{"code":""#)?;
            after.split_once('"').map(|(code, _)| code.to_owned())
        });
    codes.collect()
}

/// Compiles each file of the folder and compares.
fn compile_all(folder: &str) {
    let library = library();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut wrong = Vec::new();
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        files += 1;
        let source = std::fs::read_to_string(&file).unwrap();
        let expected = source.lines().next().and_then(|line| line.strip_prefix("//@"));
        let expected = expected.unwrap_or_else(|| panic!("{}: no expectation", file.display()));
        let (mut expected, mut found) =
            (expected.split_whitespace().collect::<Vec<_>>(), codes(&file, &library));
        expected.sort_unstable();
        found.sort_unstable();
        if expected != found {
            wrong.push(format!("{}: expected {expected:?}, found {found:?}", file.display()));
        }
    }
    assert!(files > 0 && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_types_reject_every_mistake_of_compile_fail() {
    compile_all("compile_fail");
}

// covers F-51
#[test]
fn the_types_allow_every_program_of_compile_pass() {
    compile_all("compile_pass");
}
