//! Bindings of `agentcc_core::chain`.

use agentcc_core::chain;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyfunction]
pub(crate) fn chain_line<'py>(py: Python<'py>, prev: &[u8], payload: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    if !chain::is_one_line(payload) {
        return Err(PyValueError::new_err("a frame is one line: its JSON must contain neither newline nor NUL"));
    }
    PyBytes::new_with(py, chain::FRAME_BYTES + payload.len(), |line| {
        chain::write_line(line, prev, payload);
        Ok(())
    })
}
