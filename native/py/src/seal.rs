//! Bindings of `agentcc_core::seal`.

use agentcc_core::seal;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyclass(frozen, module = "gateway._native")]
pub struct Sealer(seal::Sealer);

#[pymethods]
impl Sealer {
    #[new]
    fn new(key: &[u8]) -> PyResult<Self> {
        seal::Sealer::new(key).map(Self).ok_or_else(|| PyValueError::new_err("the key must be 32 bytes"))
    }

    fn seal<'py>(&self, py: Python<'py>, label: &[u8], text: &[u8]) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.seal(label, text))
    }

    fn open<'py>(&self, py: Python<'py>, label: &[u8], sealed: &[u8]) -> Option<Bound<'py, PyBytes>> {
        self.0.open(label, sealed).map(|text| PyBytes::new(py, &text))
    }
}
