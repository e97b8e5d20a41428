//! What admits a turn: budgets, rate limits and the upper bound of its cost, in one step.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

use crate::leases::{Hold, LeaseGroup};
use crate::meters::{MeterGroup, Taken};
use crate::reach::{Reach, TextReach, tokens};

/// What is counted of the turns of one caller with one deployment.
#[pyclass(frozen, module = "gateway._native")]
pub struct Admission {
    charge: Py<LeaseGroup>,
    limits: Option<Py<MeterGroup>>,
    text: Option<Py<TextReach>>,
    below_stage: i64,
    bytes_per_token: i64,
}

type Admitted = (Hold, i64, Option<Taken>, Option<Reach>, i64);

#[pymethods]
impl Admission {
    #[new]
    #[pyo3(signature = (charge, limits, text, *, below_stage, bytes_per_token))]
    fn new(
        charge: Py<LeaseGroup>,
        limits: Option<Py<MeterGroup>>,
        text: Option<Py<TextReach>>,
        below_stage: i64,
        bytes_per_token: i64,
    ) -> Self {
        Self { charge, limits, text, below_stage, bytes_per_token: bytes_per_token.max(1) }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.charge)?;
        visit.call(&self.limits)
    }

    #[getter]
    fn limits(&self, py: Python<'_>) -> Option<Py<MeterGroup>> {
        self.limits.as_ref().map(|limits| limits.clone_ref(py))
    }

    #[expect(clippy::too_many_arguments, reason = "one call in place of six")]
    fn admit(
        &self,
        py: Python<'_>,
        body: &[u8],
        max_output_tokens: &Bound<'_, PyAny>,
        has_output: bool,
        is_retry: bool,
        sunk_nusd: i64,
        now_ms: i64,
        now: f64,
    ) -> PyResult<Option<Admitted>> {
        let charge = self.charge.bind(py);
        let Some(learned_nusd) = charge.get().learned_nusd() else { return Ok(None) };
        if !charge.get().is_known_below(self.below_stage, now_ms) {
            return Ok(None);
        }
        let asked = tokens(max_output_tokens);
        let reach = self.text.as_ref().map(|text| text.get().of(body, asked, has_output));
        if reach.as_ref().is_some_and(|reach| reach.is_odd) {
            return Ok(None);
        }
        let most_nusd = reach.as_ref().map_or(0, |reach| reach.text_nusd.saturating_add(sunk_nusd));
        let expected_nusd = learned_nusd.saturating_add(sunk_nusd);
        let Some(hold) = LeaseGroup::hold(charge, most_nusd, expected_nusd) else { return Ok(None) };
        let taken = match &self.limits {
            None => None,
            Some(limits) => {
                let limits = limits.bind(py);
                let prompt_tokens = i64::try_from(body.len()).unwrap_or(i64::MAX) / self.bytes_per_token + 1;
                let taken = if limits.get().is_waited_for() {
                    None
                } else {
                    MeterGroup::take_turn(limits, prompt_tokens, asked, is_retry, now)?
                };
                if taken.is_none() {
                    hold.release();
                    return Ok(None);
                }
                taken
            }
        };
        let set_limit = reach.as_ref().filter(|reach| !reach.is_known).map_or(0, |reach| reach.output_tokens);
        Ok(Some((hold, expected_nusd, taken, reach, set_limit)))
    }
}
