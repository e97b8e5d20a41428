//! The JSON peek.

use std::ops::Range;

use agentcc_core::json;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyTuple};

use crate::errors::json_error;

/// Below this a scan is faster than giving the GIL away and getting it back.
pub(crate) const RELEASE_GIL_BYTES: usize = 1 << 20;

#[pyfunction]
#[pyo3(signature = (body, keys, max_depth = 512))]
pub(crate) fn scan_object<'py>(
    py: Python<'py>,
    body: &Bound<'py, PyBytes>,
    keys: Vec<PyBackedBytes>,
    max_depth: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let wanted: Vec<&[u8]> = keys.iter().map(|key| &**key).collect();
    let bytes = body.as_bytes();
    let scan = || json::scan_object(bytes, &wanted, max_depth);
    let spans = if bytes.len() > RELEASE_GIL_BYTES { py.detach(scan) } else { scan() };
    let spans = spans.map_err(|e| json_error(py, &e))?;
    let flat: Vec<isize> = spans.into_iter().flat_map(|span| <[isize; 2]>::from(ends(span))).collect();
    PyTuple::new(py, flat)
}

#[pyfunction]
pub(crate) fn find_path(body: &Bound<'_, PyBytes>, path: Vec<PyBackedBytes>) -> (isize, isize) {
    let keys: Vec<&[u8]> = path.iter().map(|key| &**key).collect();
    ends(json::find_path(body.as_bytes(), &keys))
}

#[pyfunction]
pub(crate) fn conversation_digest<'py>(
    body: &Bound<'py, PyBytes>,
    system: &[u8],
    items: &[u8],
    seed: u64,
) -> Option<Bound<'py, PyBytes>> {
    let digest = json::conversation_digest(body.as_bytes(), system, items, seed)?;
    Some(PyBytes::new(body.py(), &digest))
}

#[pyfunction]
pub(crate) fn last_items<'py>(body: &Bound<'py, PyBytes>, items: &[u8], count: usize) -> Vec<Bound<'py, PyBytes>> {
    let (py, bytes) = (body.py(), body.as_bytes());
    json::last_items(bytes, items, count).into_iter().map(|span| PyBytes::new(py, &bytes[span])).collect()
}

/// Offsets fit: Python's objects are at most `isize::MAX` bytes long.
fn ends(span: Option<Range<usize>>) -> (isize, isize) {
    span.map_or((-1, -1), |s| (s.start.cast_signed(), s.end.cast_signed()))
}
