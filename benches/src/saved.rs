//! Reports on disk: whole after each row, so that a run that is cut short loses one row at most, and
//! can be gone on with.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::done::Done;
use crate::html;
use crate::json::{Everything, FORMAT};
use crate::machine::Circumstances;
use crate::race::{Plan, Race};

/// Where the reports of a run go.
#[derive(Debug)]
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
    pub(crate) fn save(
        &self,
        circumstances: &Circumstances,
        plan: &Plan,
        done: &[Done],
    ) -> Result<(), String> {
        if let Some(path) = self.json {
            replace(path, |file| Everything::new(circumstances, plan, done).write(file))?;
        }
        if let Some(path) = self.html {
            let page = html::page(circumstances, plan, done);
            replace(path, |mut file| file.write_all(page.as_bytes()))?;
        }
        Ok(())
    }
}

/// Writes a file beside the one that is meant and gives it that one's name once it is whole.
pub(crate) fn replace(
    path: &Path,
    write: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), String> {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".part");
    let part = path.with_file_name(name);
    let all = || {
        let file = File::create(&part)?;
        write(&file)?;
        file.sync_all()?;
        fs::rename(&part, path)
    };
    all().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// What an earlier run has measured.
#[derive(Debug)]
pub(crate) struct Saved {
    path: PathBuf,
    /// The whole document but for the rows.
    head: serde_json::Map<String, Value>,
    /// How long each row took, and how it went.
    pub(crate) rows: BTreeMap<String, (f64, Race)>,
}

impl Saved {
    /// # Errors
    ///
    /// If the file is not there, or is not what [`Reports::save`] writes.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
        let text = fs::read_to_string(path).map_err(|error| cannot(&error))?;
        let mut head: serde_json::Map<String, Value> =
            serde_json::from_str(&text).map_err(|error| cannot(&error))?;
        let rows = head.remove("rows").unwrap_or_default();
        let rows: Vec<Value> = serde_json::from_value(rows).map_err(|error| cannot(&error))?;
        let row = |row: Value| {
            let id = row["id"].as_str().unwrap_or_default().to_owned();
            let seconds = row["seconds"].as_f64().unwrap_or_default();
            Ok((id, (seconds, serde_json::from_value(row)?)))
        };
        let rows = rows.into_iter().map(row).collect::<Result<_, serde_json::Error>>();
        Ok(Self { path: path.to_owned(), head, rows: rows.map_err(|error| cannot(&error))? })
    }

    /// Where and how the run was measured.
    ///
    /// # Errors
    ///
    /// If the document does not say it, or is of another format.
    pub(crate) fn conditions(&self) -> Result<(Circumstances, Plan), String> {
        let path = self.path.display();
        let format = self.head.get("format").and_then(Value::as_u64);
        if format != Some(u64::from(FORMAT)) {
            return Err(format!("cannot read {path}: it is not of format {FORMAT}"));
        }
        let head = || Value::Object(self.head.clone());
        let cannot = |error: serde_json::Error| format!("cannot read {path}: {error}");
        let circumstances = serde_json::from_value(head()).map_err(cannot)?;
        Ok((circumstances, serde_json::from_value(head()).map_err(cannot)?))
    }

    /// The seed of the orders, which the run that goes on keeps.
    pub(crate) fn seed(&self) -> Option<u64> {
        self.head.get("seed").and_then(Value::as_u64)
    }

    /// When the run began.
    pub(crate) fn date(&self) -> Option<&str> {
        self.head.get("date").and_then(Value::as_str)
    }

    /// Whether a run in these circumstances, after this plan, goes on with this one.
    ///
    /// # Errors
    ///
    /// What is different; and that of a checkout with changes nobody can tell whether it is the same.
    pub(crate) fn same_as(&self, circumstances: &Circumstances, plan: &Plan) -> Result<(), String> {
        let now = serde_json::to_value(Everything::new(circumstances, plan, &[]))
            .map_err(|error| error.to_string())?;
        let (Value::Object(now), path) = (now, self.path.display()) else {
            return Err("the document is no object".to_owned());
        };
        for (key, now) in now.iter().filter(|(key, _)| !["date", "rows"].contains(&&***key)) {
            let then = self.head.get(key).unwrap_or(&Value::Null);
            if then != now {
                return Err(format!("cannot go on with {path}: {key} was {then} and is {now}"));
            }
        }
        match now["commit"].as_str() {
            Some(commit) if !commit.ends_with("-dirty") => Ok(()),
            _ => Err(format!(
                "cannot go on with {path}: only a commit without changes is known to be the same \
                 program as before"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::tests::PLAN;
    use crate::report::tests::done;

    /// A folder of this test alone, gone with the value.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("millpond-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("the folder for temporary files takes another");
            Self(path)
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

    #[test]
    fn what_is_saved_after_a_row_is_read_back_and_gone_on_with() {
        let folder = Folder::new("saved");
        let (json, html) = (folder.0.join("a.json"), folder.0.join("a.html"));
        let reports = Reports { json: Some(&json), html: Some(&html) };
        reports.save(&here(), &PLAN, &[]).expect("the folder takes it");
        reports.save(&here(), &PLAN, &[done("P1"), done("P2")]).expect("the folder takes it");
        let mut left: Vec<_> = fs::read_dir(&folder.0)
            .expect("it is there")
            .map(|entry| entry.expect("it can be read").file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["a.html", "a.json"], "no part of a file is left");
        let saved = Saved::read(&json).expect("it was written whole");
        saved.same_as(&here(), &PLAN).expect("nothing has changed");
        assert_eq!(saved.seed(), Some(PLAN.seed));
        let (seconds, race) = &saved.rows["P2"];
        assert_eq!((*seconds, race.turns["rayon"][5]["one"]), (1.0, 10.0));
        assert_eq!(race.absent["chili"], "sleeps");
    }

    #[test]
    fn a_run_that_is_not_the_same_is_not_gone_on_with() {
        let folder = Folder::new("other");
        let json = folder.0.join("a.json");
        let reports = Reports { json: Some(&json), html: None };
        reports.save(&here(), &PLAN, &[done("P1")]).expect("the folder takes it");
        let saved = Saved::read(&json).expect("it was written whole");
        let other = saved.same_as(&here(), &Plan { turns: 8, ..PLAN }).expect_err("other turns");
        assert!(other.ends_with("turns was 6 and is 8"), "{other}");
        let commit = Some("1111".to_owned());
        let other = saved.same_as(&Circumstances { commit, ..here() }, &PLAN).expect_err("commit");
        assert!(other.contains("commit was"), "{other}");
        let dirty = || Circumstances { commit: Some("0123-dirty".to_owned()), ..here() };
        reports.save(&dirty(), &PLAN, &[]).expect("the folder takes it");
        let saved = Saved::read(&json).expect("it was written whole");
        let same = saved.same_as(&dirty(), &PLAN).expect_err("nobody knows which changes");
        assert!(same.contains("a commit without changes"), "{same}");
    }

    #[test]
    fn a_report_that_cannot_be_written_leaves_the_one_before() {
        let folder = Folder::new("kept");
        let path = folder.0.join("a.json");
        replace(&path, |mut file| file.write_all(b"before")).expect("the folder takes it");
        let error = replace(&path, |mut file| {
            file.write_all(b"half of it")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(error.expect_err("it failed").ends_with("a.json: the disk is full"));
        assert_eq!(fs::read(&path).expect("it is there"), b"before");
        let nowhere = folder.0.join("not there").join("a.json");
        assert!(replace(&nowhere, |_| Ok(())).is_err());
    }
}
