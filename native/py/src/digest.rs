//! The quick digest.

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::json::RELEASE_GIL_BYTES;

#[pyfunction]
pub(crate) fn digest<'py>(data: &Bound<'py, PyBytes>, seed: u64) -> Bound<'py, PyBytes> {
    let (py, bytes) = (data.py(), data.as_bytes());
    let of_all = || agentcc_core::digest::digest(bytes, seed);
    let hash = if bytes.len() > RELEASE_GIL_BYTES { py.detach(of_all) } else { of_all() };
    PyBytes::new(py, &hash)
}
