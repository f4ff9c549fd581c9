//! The file by which a probe sees that the node takes jobs.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// The file, until the node has said that it takes no more jobs.
pub(super) struct Ready(Mutex<Option<PathBuf>>);

impl Ready {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self(Mutex::new(file))
    }

    /// Writes the file, unless it is to be gone already.
    pub(super) fn on(&self) -> io::Result<()> {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.as_ref().map_or(Ok(()), |file| fs::write(file, "ready\n"))
    }

    /// Removes the file for good.
    pub(super) fn off(&self) {
        let file = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It may not have been written yet.
        file.map(fs::remove_file);
    }
}
