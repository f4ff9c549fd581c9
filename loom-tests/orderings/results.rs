//! What became of the mutants: to a file as it happens, and counted in the end.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::sites::Mutant;
use crate::{Refusal, refused};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Killed,
    Allowed,
    Survived,
}

pub(crate) struct Fate<'a> {
    pub(crate) mutant: Mutant<'a>,
    pub(crate) verdict: Verdict,
    /// By which model and why it was killed, or how many could not kill it.
    pub(crate) how: String,
}

pub(crate) struct Results {
    file: Mutex<File>,
    path: PathBuf,
    verbose: bool,
}

impl Results {
    pub(crate) fn create(path: &Path, verbose: bool) -> Result<Self, Refusal> {
        let file = Mutex::new(refused(File::create(path), "write", path)?);
        Ok(Self { file, path: path.to_owned(), verbose })
    }

    pub(crate) fn place(&self) -> impl fmt::Display {
        self.path.display()
    }

    pub(crate) fn add(&self, fate: &Fate<'_>) {
        let Fate { mutant, verdict, how } = fate;
        let line = format!("{}: {mutant}\n    {how}", format!("{verdict:?}").to_lowercase());
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            eprintln!("orderings: cannot write {}: {error}", self.path.display());
        }
        if self.verbose || *verdict == Verdict::Survived {
            println!("{line}");
        }
    }
}

#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) mutants: usize,
    pub(crate) killed: usize,
    pub(crate) allowed: usize,
    pub(crate) survived: usize,
}

impl Tally {
    pub(crate) fn of(fates: &[Fate<'_>]) -> Self {
        let count = |verdict| fates.iter().filter(|fate| fate.verdict == verdict).count();
        Self {
            mutants: fates.len(),
            killed: count(Verdict::Killed),
            allowed: count(Verdict::Allowed),
            survived: count(Verdict::Survived),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mutants, killed, allowed, survived } = self;
        write!(
            f,
            "orderings: {mutants} mutants, {killed} killed, {allowed} allowed, {survived} survived"
        )
    }
}
