//! The scratch copy of the repository, in which every ordering can be weakened, and the models built from it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sites::Site;
use crate::{Refusal, refused};

/// Brings the copy up to date, builds its models, and returns their executable.
pub(crate) fn build(root: &Path, scratch: &Path, sites: &[Site]) -> Result<PathBuf, Refusal> {
    let copy = scratch.join("src-copy");
    let files = tracked(root)?;
    for file in &files {
        let source = root.join(file);
        let content = refused(fs::read(&source), "read", &source)?;
        let content = match sites.iter().any(|site| &site.file == file) {
            true => mutable(file, String::from_utf8(content).expect("it was parsed"), sites)
                .into_bytes(),
            false if file == "src/sync/mod.rs" => {
                [&content, &b"\npub(crate) mod mutant;\n"[..]].concat()
            }
            false => content,
        };
        write(&copy.join(file), &content)?;
    }
    write(&copy.join("src/sync/mutant.rs"), include_bytes!("mutant.rs"))?;
    remove_others(&copy, &files)?;
    cargo(&copy, &scratch.join("build"))
}

/// What git tracks, and what it would.
fn tracked(root: &Path) -> Result<BTreeSet<String>, Refusal> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot run git: {error}"))?;
    if !git.status.success() {
        return Err(format!("git ls-files: {}", String::from_utf8_lossy(&git.stderr)));
    }
    let files = String::from_utf8(git.stdout).map_err(|_| "a file name is not UTF-8")?;
    Ok(files
        .split_terminator('\0')
        .filter(|file| root.join(file).is_file())
        .map(str::to_owned)
        .collect())
}

/// The source with each site that can be weaker asking `mutant.rs`.
fn mutable(file: &str, mut source: String, sites: &[Site]) -> String {
    // From the end, so that the positions before stay what they are.
    let mutable = |site: &&Site| site.file == file && !site.weaker().is_empty();
    for site in sites.iter().filter(mutable).rev() {
        let Site { id, bytes, .. } = site;
        if site.is_fence {
            // The parenthesis behind the name.
            source.insert_str(bytes.end + 1, &format!("{id}, "));
            source.replace_range(bytes.clone(), "crate::sync::mutant::fence");
        } else {
            let asking = format!("crate::sync::mutant::ordering({id}, {})", &source[bytes.clone()]);
            source.replace_range(bytes.clone(), &asking);
        }
    }
    source
}

/// Leaves a file alone that says this already, so that cargo does not build it anew.
fn write(path: &Path, content: &[u8]) -> Result<(), Refusal> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let folder = path.parent().expect("a file lies in a folder");
    refused(fs::create_dir_all(folder), "make", folder)?;
    refused(fs::write(path, content), "write", path)
}

/// Removes the sources of an earlier copy that are in the repository no longer.
fn remove_others(copy: &Path, files: &BTreeSet<String>) -> Result<(), Refusal> {
    let mut folders = vec![copy.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in refused(fs::read_dir(&folder), "list", &folder)? {
            let path = refused(entry, "list", &folder)?.path();
            let name = path
                .strip_prefix(copy)
                .expect("it lies below")
                .to_string_lossy()
                .replace('\\', "/");
            if path.is_dir() {
                folders.push(path);
            } else if !files.contains(&name) && name != "src/sync/mutant.rs" {
                refused(fs::remove_file(&path), "remove", &path)?;
            }
        }
    }
    Ok(())
}

fn cargo(copy: &Path, target: &Path) -> Result<PathBuf, Refusal> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    eprintln!("orderings: building the models of {}", copy.display());
    let built = Command::new(cargo)
        .args(["test", "--locked", "-p", "loom-tests", "--lib", "--no-run", "--message-format"])
        .arg("json-render-diagnostics")
        .env("CARGO_TARGET_DIR", target)
        .current_dir(copy)
        .output()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if !built.status.success() {
        return Err(format!("the copy does not build\n{}", String::from_utf8_lossy(&built.stderr)));
    }
    let said = String::from_utf8_lossy(&built.stdout);
    let executable =
        said.lines().find_map(|line| line.split_once(r#""executable":""#)?.1.split_once('"'));
    executable.map(|(path, _)| path.into()).ok_or_else(|| "cargo names no executable".into())
}
