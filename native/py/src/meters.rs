//! Rate limits on the road: what a worker has leased of each, taking from many at once, and the headers that tell of them.

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::cells::{Int, Moment, cell_class};

const PREFIX: &str = "x-ratelimit-";
const NAMES: [&str; KINDS + 1] = ["requests", "tokens", "input-tokens", "output-tokens", "concurrency"];
/// `requests`, `tokens`, `input_tokens`, `output_tokens`: the units of a meter. Gauges count `concurrency`.
const KINDS: usize = 4;
type Units = [i64; KINDS];

/// Units a minute.
#[pyclass(frozen, subclass, module = "gateway._native")]
#[derive(Default)]
pub struct Meter {
    have: Int,
    left: Int,
    amount: Int,
    burst: Int,
    told_at: Moment,
    used_at: Moment,
}

impl Meter {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate, as Python makes it")]
    fn left_at(&self, now: f64) -> i64 {
        let told_at = self.told_at.get();
        let refilled = if told_at == 0.0 { 0 } else { ((now - told_at) * self.amount.get() as f64 / 60.0) as i64 };
        let left = i128::from(self.left.get()) + i128::from(refilled) + i128::from(self.have.get());
        left.min(self.burst.get().into()).max(0) as i64
    }

    /// How long until it is full, as `OpenAI` writes it: `0s`, `250ms`, `17s`, `2m5s`. Rounded up.
    fn reset(&self, left: i64) -> String {
        let lacking = self.burst.get().saturating_sub(left).max(0).unsigned_abs();
        let per_minute = self.amount.get().max(1).unsigned_abs();
        let ms = lacking.saturating_mul(60_000).div_ceil(per_minute);
        match (ms, ms.div_ceil(1000)) {
            (0, _) => "0s".to_owned(),
            (1..1000, _) => format!("{ms}ms"),
            (_, s @ ..60) => format!("{s}s"),
            (_, s) => format!("{}m{}s", s / 60, s % 60),
        }
    }
}

cell_class! { Meter {
        have set_have i64, left set_left i64, amount set_amount i64, burst set_burst i64,
        told_at set_told_at f64, used_at set_used_at f64
    }
    fn remaining(&self, now: f64) -> i64 {
        self.left_at(now)
    }
}

/// Units at one moment.
#[pyclass(frozen, subclass, module = "gateway._native")]
#[derive(Default)]
pub struct Gauge {
    granted: Int,
    in_use: Int,
    left: Int,
    amount: Int,
    used_at: Moment,
}

impl Gauge {
    fn unopened(&self) -> i64 {
        self.left.get().saturating_add(self.granted.get()).saturating_sub(self.in_use.get()).max(0)
    }
}

cell_class! { Gauge {
        granted set_granted i64, in_use set_in_use i64, left set_left i64, amount set_amount i64, used_at set_used_at f64
    }
    fn remaining(&self) -> i64 {
        self.unopened()
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub struct MeterGroup {
    meters: Box<[(Py<Meter>, usize)]>,
    gauges: Box<[Py<Gauge>]>,
}

impl MeterGroup {
    /// `units` more, or fewer: below zero they are taken.
    fn add(&self, units: Units, opened: i64) {
        self.meters.iter().for_each(|(meter, kind)| meter.get().have.add(units[*kind]));
        self.gauges.iter().for_each(|gauge| gauge.get().in_use.add(opened));
    }
}

#[pymethods]
impl MeterGroup {
    #[new]
    fn new(meters: Vec<(Py<Meter>, usize)>, gauges: Vec<Py<Gauge>>) -> PyResult<Self> {
        if meters.iter().any(|(_, kind)| *kind >= KINDS) {
            return Err(PyValueError::new_err("a kind is 0 to 3"));
        }
        Ok(Self { meters: meters.into(), gauges: gauges.into() })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.meters.iter().try_for_each(|(meter, _)| visit.call(meter))?;
        self.gauges.iter().try_for_each(|gauge| visit.call(gauge))
    }

    fn take(&self, requests: i64, tokens: i64, input_tokens: i64, output_tokens: i64, now: f64) -> bool {
        let needs = [requests, tokens, input_tokens, output_tokens];
        if self.meters.iter().any(|(meter, kind)| meter.get().have.get() < needs[*kind])
            || self.gauges.iter().map(Py::get).any(|gauge| gauge.in_use.get() >= gauge.granted.get())
        {
            return false;
        }
        self.force(requests, tokens, input_tokens, output_tokens);
        self.meters.iter().for_each(|(meter, _)| meter.get().used_at.set(now));
        self.gauges.iter().for_each(|gauge| gauge.get().used_at.set(now));
        true
    }

    fn force(&self, requests: i64, tokens: i64, input_tokens: i64, output_tokens: i64) {
        self.add([requests, tokens, input_tokens, output_tokens].map(i64::saturating_neg), 1);
    }

    fn give_back(&self, requests: i64, tokens: i64, input_tokens: i64, output_tokens: i64) {
        self.add([requests, tokens, input_tokens, output_tokens], -1);
    }

    fn stamp(&self, headers: &Bound<'_, PyList>, now: f64) -> PyResult<()> {
        let py = headers.py();
        for at in (0..headers.len()).rev() {
            let pair = headers.get_item(at)?.cast_into::<PyTuple>()?;
            if pair.get_item(0)?.cast::<PyString>()?.to_str()?.starts_with(PREFIX) {
                headers.del_item(at)?;
            }
        }
        let mut least: [Option<(i64, &Meter)>; KINDS] = [None; KINDS];
        for (meter, kind) in &self.meters {
            let (meter, found) = (meter.get(), &mut least[*kind]);
            let left = meter.left_at(now);
            if found.is_none_or(|(least, _)| left < least) {
                *found = Some((left, meter));
            }
        }
        let names = names(py);
        for ([limit, remaining, reset], found) in names.iter().zip(least) {
            if let Some((left, meter)) = found {
                headers.append((limit, meter.amount.get().to_string()))?;
                headers.append((remaining, left.to_string()))?;
                headers.append((reset, meter.reset(left)))?;
            }
        }
        if let Some(gauge) = self.gauges.iter().map(Py::get).min_by_key(|gauge| gauge.unopened()) {
            let [limit, remaining, _] = &names[KINDS];
            headers.append((limit, gauge.amount.get().to_string()))?;
            headers.append((remaining, gauge.unopened().to_string()))?;
        }
        Ok(())
    }
}

/// Limit, remaining and reset of each of `NAMES`: made once.
fn names(py: Python<'_>) -> &'static [[Py<PyString>; 3]; KINDS + 1] {
    static MADE: PyOnceLock<[[Py<PyString>; 3]; KINDS + 1]> = PyOnceLock::new();
    MADE.get_or_init(py, || {
        NAMES.map(|name| {
            ["limit", "remaining", "reset"].map(|what| PyString::intern(py, &format!("{PREFIX}{what}-{name}")).unbind())
        })
    })
}
