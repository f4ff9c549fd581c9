//! The three files of a report, made in one go or made again, and two reports compared.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use crate::compare;
use crate::html;
use crate::page;
use crate::run::judge_again;
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
    write(&out.join("report.md"), &markdown(&read(&json)?)?)?;
    Ok(code)
}

/// Makes report.html and report.md again from a run's document, in the folder or beside the document.
///
/// # Errors
///
/// If the document cannot be read, or a file cannot be written.
pub(crate) fn render(file: &Path, out: Option<&Path>) -> Result<ExitCode, String> {
    let (page, markdown) = rendered(file)?;
    let out = out.or_else(|| file.parent()).unwrap_or(Path::new(""));
    make(out)?;
    write(&out.join("report.html"), &page)?;
    write(&out.join("report.md"), &markdown)?;
    Ok(ExitCode::SUCCESS)
}

/// The page and the Markdown of a run's document.
fn rendered(file: &Path) -> Result<(String, String), String> {
    let saved = Saved::read(file)?;
    let (circumstances, plan) = saved.conditions()?;
    let page = html::page(&circumstances, &plan, &judge_again(&plan, saved.rows));
    Ok((page, markdown(&read(file)?)?))
}

/// Compares two runs. True if a ratio has become worse.
///
/// # Errors
///
/// If a document cannot be read, or the two cannot be compared.
pub(crate) fn compare(old: &Path, new: &Path, threshold: f64) -> Result<(String, bool), String> {
    let compared = compare::compare(&read(old)?, &read(new)?, threshold)?;
    Ok((compared.page, compared.is_worse))
}

fn markdown(document: &str) -> Result<String, String> {
    page::page(document, "report.json")
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
    use std::path::PathBuf;

    fn committed() -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/benchmarks");
        let files = fs::read_dir(folder).expect("the folder is committed");
        let mut json: Vec<_> = files
            .map(|file| file.expect("it can be read").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"))
            .collect();
        json.sort();
        json.pop().expect("a run is committed")
    }

    #[test]
    fn the_committed_run_is_rendered_the_same_each_time_and_is_no_worse_than_itself() {
        let file = committed();
        let (page, markdown) = rendered(&file).expect("the committed run");
        assert_eq!(
            (&page, &markdown),
            (&rendered(&file).expect("again").0, &rendered(&file).expect("again").1)
        );
        assert!(page.contains("id=\"P1\"") && markdown.contains("### P1"));
        let (_, is_worse) = compare(&file, &file, 0.05).expect("a run and itself");
        assert!(!is_worse);
    }

    #[test]
    fn the_published_page_is_what_the_committed_run_renders_to() {
        let file = committed();
        let published = fs::read_to_string(file.with_extension("html")).expect("it is committed");
        let (page, _) = rendered(&file).expect("the committed run");
        assert!(page == published, "run: cargo report render, and commit its report.html");
    }

    #[test]
    fn a_file_that_is_not_there_or_no_run_is_refused_in_one_line() {
        for file in ["no-such-file.json", "Cargo.toml"] {
            let why = rendered(Path::new(file)).expect_err("no run");
            assert!(
                why.starts_with(&format!("cannot read {file}: ")) && !why.contains('\n'),
                "{why}"
            );
        }
    }
}
