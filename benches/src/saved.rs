//! Reports on disk: whole after each row, so that a run that is cut short loses one row at most, and
//! can be gone on with.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::document::Document;
use crate::html;
use crate::machine::Circumstances;
use crate::race::Plan;

/// Where the reports of a run go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reports<'a> {
    pub(crate) json: Option<&'a Path>,
    pub(crate) html: Option<&'a Path>,
}

impl Reports<'_> {
    /// Replaces each report by one of what is done so far.
    ///
    /// # Errors
    ///
    /// If one cannot be written: what was there before is still there then.
    pub(crate) fn save(&self, document: &Document) -> Result<(), String> {
        if let Some(path) = self.json {
            replace(path, |file| document.write(file))?;
        }
        if let Some(path) = self.html {
            let json = self.json.and_then(Path::file_name).and_then(|name| name.to_str());
            let page = html::page(document, json);
            replace(path, |mut file| file.write_all(page.as_bytes()))?;
        }
        Ok(())
    }
}

/// Held while a file is written, and by an interrupt, which so comes before a file or after it.
static WRITING: Mutex<()> = Mutex::new(());

/// Ends the process, between two files.
pub(crate) fn end(code: i32) -> ! {
    let _between = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    std::process::exit(code)
}

/// Writes a file beside the one that is meant and gives it that one's name once it is whole. If
/// anything fails, nothing is left but what was there before.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), String> {
    let _whole = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".part");
    let part = path.with_file_name(name);
    let all = || {
        let file = File::create(&part)?;
        write(&file)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    all().map_err(|error| {
        _ = fs::remove_file(&part);
        format!("cannot write {}: {error}", path.display())
    })
}

/// What an earlier run has measured.
#[derive(Debug)]
pub(crate) struct Saved {
    path: PathBuf,
    pub(crate) document: Document,
}

impl Saved {
    /// # Errors
    ///
    /// If the file is not there, or is not what [`Reports::save`] writes.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let cannot = |why: String| format!("cannot read {}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| cannot(error.to_string()))?;
        let document = Document::read(&text).map_err(cannot)?;
        Ok(Self { path: path.to_owned(), document })
    }

    /// Whether a run in these circumstances, after this plan, goes on with this one.
    ///
    /// # Errors
    ///
    /// What is different; or that it is another program, of a checkout with changes, so that it cannot
    /// be known to be the same.
    pub(crate) fn same_as(&self, now: &Circumstances, plan: &Plan) -> Result<(), String> {
        let head = |all: &Document| serde_json::to_value(Document { rows: vec![], ..all.clone() });
        let now = Document::new(now.clone(), *plan, vec![]);
        let heads = head(&self.document).and_then(|then| Ok((then, head(&now)?)));
        let (mut then, mut now) = heads.map_err(|error| error.to_string())?;
        let path = self.path.display();
        let program = |head: &Value| head["provenance"]["program"].as_str().map(str::to_owned);
        let commit = |head: &Value| head["commit"].as_str().map(str::to_owned);
        let same_program = program(&then).is_some() && program(&then) == program(&now);
        let clean = commit(&now).is_some_and(|commit| !commit.ends_with("-dirty"));
        for head in [&mut then, &mut now] {
            // The hour and the load are others each time. Of the program there is more to say.
            head["date"] = Value::Null;
            if let Some(provenance) = head["provenance"].as_object_mut() {
                provenance.remove("load");
                provenance.remove("program");
            }
        }
        for (key, now) in now.as_object().into_iter().flatten() {
            if then[key] != *now && !(key == "commit" && same_program) {
                let then = &then[key];
                return Err(format!("cannot go on with {path}: {key} was {then} and is {now}"));
            }
        }
        if same_program || clean {
            return Ok(());
        }
        Err(format!(
            "cannot go on with {path}: it was another program, and only a commit without changes is \
             known to be the same"
        ))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::document::tests::{PLAN, document};

    /// A folder of one test alone, gone with the value.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("millpond-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("the folder for temporary files takes another");
            Self(path)
        }

        pub(crate) fn names(&self) -> Vec<String> {
            let files = fs::read_dir(&self.0).expect("it is there");
            let name = |file: io::Result<fs::DirEntry>| file.expect("it can be read").file_name();
            let mut names: Vec<_> =
                files.map(|file| name(file).to_string_lossy().into_owned()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            _ = fs::remove_dir_all(&self.0);
        }
    }

    fn here() -> Circumstances {
        let commit = Some("0123456789abcdef0123456789abcdef01234567".to_owned());
        Circumstances { commit, ..Circumstances::now(None) }
    }

    fn saved(circumstances: &Circumstances) -> Saved {
        let document = Document { circumstances: circumstances.clone(), ..document(&["P1"]) };
        Saved { path: "a.json".into(), document }
    }

    #[test]
    fn what_is_saved_after_a_row_is_read_back_and_gone_on_with() {
        let folder = Folder::new("saved");
        let (json, html) = (folder.0.join("a.json"), folder.0.join("a.html"));
        let reports = Reports { json: Some(&json), html: Some(&html) };
        let document = Document { circumstances: here(), ..document(&["P1", "P2"]) };
        let first = Document { rows: document.rows[..1].to_vec(), ..document.clone() };
        reports.save(&first).expect("the folder takes it");
        reports.save(&document).expect("the folder takes it");
        assert_eq!(folder.names(), ["a.html", "a.json"], "no part of a file is left");
        let saved = Saved::read(&json).expect("it was written whole");
        saved.same_as(&here(), &PLAN).expect("nothing has changed");
        assert_eq!(saved.document, document);
    }

    #[test]
    fn a_run_that_is_not_the_same_is_not_gone_on_with() {
        let before = saved(&here());
        let other = before.same_as(&here(), &Plan { turns: 8, ..PLAN }).expect_err("other turns");
        assert!(other.ends_with("turns was 6 and is 8"), "{other}");
        let mut other = here();
        other.machine.cores += 1;
        let why = before.same_as(&other, &PLAN).expect_err("another machine");
        assert!(why.contains("machine was"), "{why}");
    }

    /// The same program, whatever the checkout looks like by now; or else the same commit, whole.
    #[test]
    fn the_program_is_the_same_by_its_hash_or_by_its_commit() {
        let with = |commit: &str, program: &str| {
            let mut all = Circumstances { commit: Some(commit.to_owned()), ..here() };
            let provenance = all.provenance.as_mut().expect("it is there");
            provenance.program = Some(program.to_owned());
            all
        };
        let same = |one: [&str; 2], other: [&str; 2]| {
            saved(&with(one[0], one[1])).same_as(&with(other[0], other[1]), &PLAN)
        };
        assert_eq!(same(["1111", "aa"], ["1111", "aa"]), Ok(()));
        assert_eq!(same(["1111", "aa"], ["1111-dirty", "aa"]), Ok(()));
        assert_eq!(same(["1111", "aa"], ["1111", "bb"]), Ok(()));
        let why = same(["1111-dirty", "aa"], ["1111-dirty", "bb"]).expect_err("another program");
        assert!(why.contains("a commit without changes"), "{why}");
        let why = same(["1111", "aa"], ["2222", "bb"]).expect_err("another commit");
        assert!(why.contains("commit was"), "{why}");
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_the_one_before_and_no_part() {
        let folder = Folder::new("kept");
        let path = folder.0.join("a.json");
        replace(&path, |mut file| file.write_all(b"before")).expect("the folder takes it");
        let error = replace(&path, |mut file| {
            file.write_all(b"half of it")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(error.expect_err("it failed").ends_with("a.json: the disk is full"));
        assert_eq!(fs::read(&path).expect("it is there"), b"before");
        assert_eq!(folder.names(), ["a.json"]);
        let nowhere = folder.0.join("not there").join("a.json");
        assert!(replace(&nowhere, |_| Ok(())).is_err());
    }
}
