//! Spots in a text, by the forms of digits and the names of values.

use agentcc_core::spots::{self, Class, Form};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct Spots(spots::Spots);

#[pymethods]
impl Spots {
    #[new]
    fn new(
        forms: Vec<(u32, Vec<Vec<u8>>, bool)>,
        number: u32,
        names: Vec<Vec<u8>>,
        least_bytes: usize,
    ) -> PyResult<Self> {
        let forms = forms.into_iter().map(|(number, classes, is_bound)| {
            let classes = classes.iter().map(|bytes| class(bytes)).collect();
            Form { number, classes, is_bound }
        });
        let built = spots::Spots::new(forms.collect(), number, &names, least_bytes);
        built.map(Self).map_err(|e| PyValueError::new_err(format!("{e:?}")))
    }

    fn find(&self, text: &Bound<'_, PyBytes>) -> Vec<(u32, usize, usize)> {
        self.0.find(text.as_bytes()).iter().map(|spot| (spot.number, spot.start, spot.end)).collect()
    }
}

fn class(bytes: &[u8]) -> Class {
    let mut class = [false; 256];
    for &byte in bytes {
        class[usize::from(byte)] = true;
    }
    class
}
