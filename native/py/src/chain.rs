//! Bindings of `agentcc_core::chain`.

use std::io;
use std::path::PathBuf;

use agentcc_core::chain;
use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;

/// With its `errno`, by which the journal tells a full disk from the rest; `PyO3`'s own conversion leaves it out.
fn os_error(error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, error.to_string())),
        None => PyOSError::new_err(error.to_string()),
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub struct ChainFile(chain::ChainFile);

#[pymethods]
impl ChainFile {
    #[new]
    fn new(path: PathBuf) -> PyResult<Self> {
        chain::ChainFile::open(&path).map(Self).map_err(|error| os_error(&error))
    }

    /// The GIL is kept: the write takes under a microsecond, and giving up the lock costs the winning of it back.
    fn append(&self, prev: &str, payload: &[u8]) -> PyResult<(String, usize, usize)> {
        let line = chain::line(prev.as_bytes(), payload);
        let hash = String::from_utf8_lossy(&line[..chain::HASH_BYTES]).into_owned();
        let written = self.0.write(&line).map_err(|error| os_error(&error))?;
        Ok((hash, written, line.len()))
    }
}
