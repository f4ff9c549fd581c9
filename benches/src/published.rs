//! The three files of a report, made in one go or made again; two reports compared; and what is
//! committed of a run.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::brief::brief;
use crate::compare;
use crate::document::Document;
use crate::html;
use crate::page::page;
use crate::readme;
use crate::saved::{Reports, Saved, replace};

/// Measures, and writes report.json, report.html and report.md into the folder.
///
/// # Errors
///
/// If nothing could be measured, or a file cannot be written.
pub(crate) fn measure(
    out: &Path,
    run: impl FnOnce(Reports<'_>) -> Result<ExitCode, String>,
) -> Result<ExitCode, String> {
    make(out)?;
    let (json, html) = (out.join("report.json"), out.join("report.html"));
    let code = run(Reports { json: Some(&json), html: Some(&html) })?;
    write(&out.join("report.md"), &brief(&Saved::read(&json)?.document))?;
    Ok(code)
}

/// Makes report.html and report.md again from a run's document, in the folder or beside the document.
///
/// # Errors
///
/// If the document cannot be read, or a file cannot be written.
pub(crate) fn render(file: &Path, out: Option<&Path>) -> Result<ExitCode, String> {
    let document = Saved::read(file)?.document;
    let beside = file.parent().unwrap_or(Path::new(""));
    // The page has a link to its figures only where it stands beside them.
    let json = name(file).filter(|_| out.is_none_or(|out| out == beside));
    let out = out.unwrap_or(beside);
    make(out)?;
    write(&out.join("report.html"), &html::page(&document, json))?;
    write(&out.join("report.md"), &brief(&document))?;
    Ok(ExitCode::SUCCESS)
}

/// Compares two runs. True if a ratio has become worse.
///
/// # Errors
///
/// If a document cannot be read, or the two cannot be compared.
pub(crate) fn compare(old: &Path, new: &Path, threshold: f64) -> Result<(String, bool), String> {
    let [old, new] = [Saved::read(old)?, Saved::read(new)?];
    let compared = compare::compare(&old.document, &new.document, threshold)?;
    Ok((compared.page, compared.is_worse))
}

/// Makes all that is committed of a run, in the checkout: its JSON and its page in docs/benchmarks,
/// docs/performance.md, and the table of the README. Returns what it wrote.
///
/// # Errors
///
/// If the document cannot be read or is not fit to be published, or a file cannot be written.
pub(crate) fn publish(file: &Path, checkout: &Path) -> Result<String, String> {
    let document = Saved::read(file)?.document;
    fit(&document).map_err(|why| format!("cannot publish {}: {why}", file.display()))?;
    let readme = checkout.join("README.md");
    let table = readme::with_table(&read(&readme)?, &document)?;
    let day = document.circumstances.date.get(..10).unwrap_or("undated");
    let json = format!("benchmarks/{day}.json");
    let docs = checkout.join("docs");
    let mut written = String::new();
    for (path, text) in [
        (docs.join(&json), read(file)?),
        (
            docs.join(&json).with_extension("html"),
            html::page(&document, Some(&format!("{day}.json"))),
        ),
        (docs.join("performance.md"), page(&document, &json)),
        (readme, table),
    ] {
        write(&path, &text)?;
        written.push_str(&format!("{}\n", path.display()));
    }
    Ok(written)
}

/// Whether a run is one that others can repeat.
fn fit(document: &Document) -> Result<(), String> {
    if document.plan.quick {
        return Err("it was a quick look, with few rows and few peers".to_owned());
    }
    match document.circumstances.commit.as_deref() {
        None => Err("it does not say of which commit it is".to_owned()),
        Some(commit) if commit.ends_with("-dirty") => {
            Err("it is of a checkout with changes, which others do not have".to_owned())
        }
        Some(_) => Ok(()),
    }
}

fn name(file: &Path) -> Option<&str> {
    file.file_name()?.to_str()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn make(folder: &Path) -> Result<(), String> {
    if folder.as_os_str().is_empty() {
        return Ok(());
    }
    fs::create_dir_all(folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    replace(path, |mut file| file.write_all(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::tests::{document, text};
    use crate::saved::tests::Folder;
    use std::path::PathBuf;

    fn checkout() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// The documents that are committed, the newest last.
    fn committed() -> Vec<PathBuf> {
        let files = fs::read_dir(checkout().join("docs/benchmarks")).expect("it is committed");
        let mut json: Vec<_> = files
            .map(|file| file.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        json.sort();
        json
    }

    fn newest() -> PathBuf {
        committed().pop().expect("a run is committed")
    }

    /// Also those of before something was added, which is then missing.
    #[test]
    fn every_committed_run_is_read_by_the_types_that_write_one() {
        for file in committed() {
            let document = Saved::read(&file).expect("a document").document;
            let again = Document::read(&text(&document)).expect("it was just written");
            assert!(document == again && document.rows.len() > 20, "{}", file.display());
        }
    }

    /// Cargo ignores an alias that has the name of a command of its own.
    #[test]
    fn cargo_knows_every_alias_of_the_workspace() {
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.arg("--list").current_dir(checkout());
        let listed = cargo.output().expect("cargo lists its commands").stdout;
        let listed = String::from_utf8(listed).expect("words");
        let config = read(&checkout().join(".cargo/config.toml")).expect("the aliases");
        let mut aliases = 0;
        for name in config.lines().filter_map(|line| line.split_once(" = \"")).map(|(name, _)| name)
        {
            let known = listed.lines().map(str::trim).any(|line| {
                line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with("alias:"))
            });
            assert!(known, "cargo has a command of its own of this name: {name}");
            aliases += 1;
        }
        assert!(aliases >= 5, "the aliases are there");
    }

    /// What is published is what `cargo bench-report publish` makes of the committed run, byte for
    /// byte.
    #[test]
    fn what_is_published_is_made_from_the_committed_run() {
        let folder = Folder::new("published");
        let (file, checkout) = (newest(), checkout());
        fs::create_dir_all(folder.0.join("docs/benchmarks")).expect("the folder takes it");
        fs::copy(checkout.join("README.md"), folder.0.join("README.md")).expect("a copy");
        let written = publish(&file, &folder.0).expect("the committed run is fit");
        for path in written.lines() {
            let name = Path::new(path).strip_prefix(&folder.0).expect("within the folder");
            let [new, there] = [Path::new(path), &checkout.join(name)]
                .map(|path| read(path).unwrap_or_else(|why| panic!("{why}")));
            let how =
                "run: cargo bench-report publish docs/benchmarks/DATE.json, and commit the files";
            assert!(new == there, "{}: {how}", name.display());
        }
        assert_eq!(written.lines().count(), 4);
    }

    #[test]
    fn a_run_that_others_cannot_repeat_is_not_published() {
        let folder = Folder::new("unfit");
        let why = |change: &dyn Fn(&mut Document)| {
            let mut document = document(&["P1"]);
            document.circumstances.commit = Some("0123".to_owned());
            change(&mut document);
            let file = folder.0.join("a.json");
            fs::write(&file, text(&document)).expect("the folder takes it");
            publish(&file, &folder.0).expect_err("there is no README either")
        };
        assert!(why(&|_| ()).contains("README.md"));
        assert!(why(&|document| document.plan.quick = true).ends_with("few peers"));
        assert!(why(&|document| document.circumstances.commit = None).contains("which commit"));
        let dirty = why(&|document| document.circumstances.commit = Some("0123-dirty".to_owned()));
        assert!(dirty.contains("with changes"), "{dirty}");
        assert_eq!(folder.names(), ["a.json"], "nothing was written");
    }

    #[test]
    fn a_run_is_no_worse_than_itself() {
        let (_, is_worse) = compare(&newest(), &newest(), 0.05).expect("a run and itself");
        assert!(!is_worse);
    }

    #[test]
    fn a_page_has_a_link_to_its_figures_only_beside_them() {
        let folder = Folder::new("link");
        let file = folder.0.join("run.json");
        fs::write(&file, text(&document(&["P1"]))).expect("the folder takes it");
        let page = |out: Option<&Path>| {
            render(&file, out).expect("it is a document");
            let page = out.unwrap_or(&folder.0).join("report.html");
            read(&page).expect("it was just written").contains("href=\"run.json\"")
        };
        assert!(page(None));
        assert!(!page(Some(&folder.0.join("elsewhere"))));
    }

    #[test]
    fn a_file_that_is_not_there_or_no_run_is_refused_in_one_line() {
        for file in ["no-such-file.json", "Cargo.toml"] {
            let why = Saved::read(Path::new(file)).expect_err("no run");
            assert!(
                why.starts_with(&format!("cannot read {file}: ")) && !why.contains('\n'),
                "{why}"
            );
        }
    }
}
