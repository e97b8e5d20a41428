//! A set of byte strings that is looked for in one pass.

use aho_corasick::{AhoCorasick, MatchKind};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct Needles(AhoCorasick);

impl Needles {
    pub(crate) fn is_in(&self, data: &[u8]) -> bool {
        self.0.is_match(data)
    }
}

#[pymethods]
impl Needles {
    #[new]
    fn new(needles: Vec<Vec<u8>>) -> PyResult<Self> {
        // leftmost matches may be searched for with vectors; which one is found first does not matter here
        let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(needles);
        built.map(Self).map_err(|e| PyValueError::new_err(e.to_string()))
    }

    /// Whether any of them is in `data`.
    fn any_in(&self, data: &[u8]) -> bool {
        self.is_in(data)
    }
}
