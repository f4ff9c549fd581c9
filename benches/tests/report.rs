//! The program itself, in processes of its own: what it refuses in one line, and what it leaves behind
//! then. Nothing is measured here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of one test alone, gone with the value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("millpond-report-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files takes another");
        Self(path)
    }

    /// A file of this folder.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("the folder takes it");
        path
    }

    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(&self.0).expect("it is there");
        let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
        let mut names: Vec<_> = files.map(|file| name(file.expect("it can be read"))).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

fn report<'a>(args: impl IntoIterator<Item = &'a str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_targets"));
    command.args(args).output().expect("the program can be started")
}

/// It must fail with exit code 2 and one line on standard error, before there is a table of figures.
fn refused<'a>(args: impl IntoIterator<Item = &'a str>) -> String {
    let Output { status, stdout, stderr } = report(args);
    let said = String::from_utf8_lossy(&stderr).trim_end().to_owned();
    let told = String::from_utf8_lossy(&stdout).contains('│');
    assert_eq!((status.code(), told), (Some(2), false), "{said}");
    assert!(said.starts_with("error: ") && !said.contains('\n'), "{said}");
    said
}

fn path(path: &Path) -> &str {
    path.to_str().expect("the folder's name is text")
}

/// The newest run that is committed.
fn committed() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks");
    let files = fs::read_dir(folder).expect("it is committed");
    let all = files.map(|file| file.expect("it can be read").path());
    let json = all.filter(|path| path.extension().is_some_and(|end| end == "json"));
    json.max().expect("a run is committed")
}

#[test]
fn a_row_that_there_is_not_is_named_and_nothing_is_written() {
    let folder = Folder::new("row");
    let out = folder.0.join("out");
    let said = refused(["measure", "--only", "P99", "--out", path(&out)]);
    assert!(said.contains("there is no row or group \"P99\"; there are P1, P2,"), "{said}");
    assert!(fs::read_dir(&out).is_ok_and(|mut files| files.next().is_none()), "nothing in it");
}

#[test]
fn a_folder_that_cannot_be_written_is_named_before_anything_is_measured() {
    let folder = Folder::new("folder");
    let file = folder.file("a file", "");
    let said = refused(["measure", "--out", path(&file.join("below"))]);
    assert!(said.contains("cannot make the folder") && said.contains("a file"), "{said}");
    let said = refused(["--only", "P13", "--json", path(&file.join("a.json"))]);
    assert!(said.contains("cannot write") && said.contains("a.json"), "{said}");
    // Where a folder stands, no file can be put.
    fs::create_dir_all(folder.0.join("out/report.json/taken")).expect("the folder takes it");
    let said = refused(["measure", "--only", "P13", "--out", path(&folder.0.join("out"))]);
    assert!(said.contains("cannot write") && said.contains("report.json"), "{said}");
    let left = fs::read_dir(folder.0.join("out")).expect("it is there").count();
    assert_eq!(left, 1, "no part of a file is left");
}

#[test]
fn a_python_that_does_not_run_is_named() {
    let folder = Folder::new("python");
    let out = folder.0.join("out");
    let said = refused(["measure", "--out", path(&out), "--python", "/no/such/python"]);
    assert_eq!(said, "error: no Python runs as /no/such/python");
}

#[test]
fn a_file_that_is_no_run_is_refused_by_every_command_and_nothing_is_written() {
    let folder = Folder::new("json");
    let whole = fs::read_to_string(committed()).expect("it is committed");
    let half = folder.file("half.json", &whole[..whole.len() / 2]);
    let other = folder.file("other.json", "{\"format\": 1}");
    let gone = folder.0.join("gone.json");
    let good = committed();
    for (file, why) in [
        (&half, "EOF while parsing"),
        (&other, "it has format 1, and this program reads 2"),
        (&gone, "No such file"),
    ] {
        let out = folder.0.join("out");
        for args in [
            vec!["render", path(file), "--out", path(&out)],
            vec!["compare", path(file), path(&good)],
            vec!["compare", path(&good), path(file)],
            vec!["publish", path(file)],
            vec!["measure", "--resume", "--json", path(file)],
            vec!["page", path(file)],
        ] {
            // `measure` has its file in its folder.
            let said = if args[0] == "measure" {
                refused(["--resume", "--json", path(file)])
            } else {
                refused(args)
            };
            assert!(said.contains(why) && said.contains(path(file)), "{said}");
        }
    }
    assert_eq!(folder.names(), ["half.json", "other.json"], "nothing was written");
}

#[test]
fn a_run_is_rendered_into_a_folder_and_stays_as_it_is() {
    let folder = Folder::new("render");
    let done = report(["render", path(&committed()), "--out", path(&folder.0)]);
    assert!(done.status.success());
    assert_eq!(folder.names(), ["report.html", "report.md"]);
}

#[test]
fn a_ratio_that_was_doctored_is_named_and_the_exit_code_says_so() {
    let folder = Folder::new("compare");
    let good = committed();
    let same = report(["compare", path(&good), path(&good)]);
    assert_eq!(same.status.code(), Some(0));
    let text = fs::read_to_string(&good).expect("it is committed");
    let mut run: Value = serde_json::from_str(&text).expect("it is JSON");
    let rows = run["rows"].as_array_mut().expect("an array");
    let row = rows.iter_mut().find(|row| row["id"] == "P10").expect("the row is there");
    for end in ["low", "median", "high"] {
        let ratio = &mut row["measures"][0]["judged"][0]["ratio"][end];
        *ratio = (ratio.as_f64().expect("a number") * 4.0).into();
    }
    let worse = folder.file("worse.json", &run.to_string());
    let said = report(["compare", path(&good), path(&worse)]);
    let page = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(1), "{page}");
    let lines: Vec<_> = page.lines().filter(|line| line.contains("**worse**")).collect();
    assert!(matches!(lines[..], [line] if line.starts_with("| P10 | wall |")), "{lines:?}");
    // The other way round it has become better, which is no failure.
    assert_eq!(report(["compare", path(&worse), path(&good)]).status.code(), Some(0));
}
