//! Rate limits on the road: what a worker has leased of each, taking from many at once, and the headers that tell of them.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::cells::{Flag, Int, Moment, cell_class};

/// How long units may be held and yet be given back: later they have drained in the store.
const HELD_S: f64 = 0.25;
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

    /// How long until it is full, rounded up.
    fn reset_ms(&self, left: i64) -> i64 {
        let lacking = self.burst.get().saturating_sub(left).max(0);
        let per_minute = self.amount.get().max(1).unsigned_abs();
        let ms = lacking.unsigned_abs().saturating_mul(60_000).div_ceil(per_minute);
        i64::try_from(ms).unwrap_or(i64::MAX)
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

/// A time as `OpenAI` writes it: `0s`, `250ms`, `17s`, `2m5s`. Rounded up.
fn written(ms: i64) -> String {
    match (ms, ms.unsigned_abs().div_ceil(1000)) {
        (0, _) => "0s".to_owned(),
        (1..1000, _) => format!("{ms}ms"),
        (_, s @ ..60) => format!("{s}s"),
        (_, s) => format!("{}m{}s", s / 60, s % 60),
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

#[pyclass(frozen, subclass, module = "gateway._native")]
pub struct MeterGroup {
    meters: Box<[(Py<Meter>, usize)]>,
    gauges: Box<[Py<Gauge>]>,
    touched: Py<PyList>,
    is_touched: Flag,
    output_tokens: Int,
    waiting: Int,
    pairs: [[Pair; 3]; KINDS + 1],
}

impl MeterGroup {
    /// `units` more, or fewer: below zero they are taken.
    fn add(&self, units: Units, opened: i64) {
        self.meters.iter().for_each(|(meter, kind)| meter.get().have.add(units[*kind]));
        self.gauges.iter().for_each(|gauge| gauge.get().in_use.add(opened));
    }

    fn take_units(&self, needs: Units, now: f64) -> bool {
        if self.meters.iter().any(|(meter, kind)| meter.get().have.get() < needs[*kind])
            || self.gauges.iter().map(Py::get).any(|gauge| gauge.in_use.get() >= gauge.granted.get())
        {
            return false;
        }
        self.add(needs.map(i64::saturating_neg), 1);
        self.meters.iter().for_each(|(meter, _)| meter.get().used_at.set(now));
        self.gauges.iter().for_each(|gauge| gauge.get().used_at.set(now));
        true
    }

    fn needed(&self, prompt_tokens: i64, max_output_tokens: i64, is_retry: bool) -> Units {
        let usual = self.output_tokens.get();
        let output = if max_output_tokens > 0 { usual.min(max_output_tokens) } else { usual };
        [i64::from(!is_retry), prompt_tokens.saturating_add(output), prompt_tokens, output]
    }

    pub fn is_waited_for(&self) -> bool {
        self.waiting.get() > 0
    }
}

#[pymethods]
impl MeterGroup {
    #[new]
    #[pyo3(signature = (meters, gauges, touched = None))]
    fn new(
        py: Python<'_>,
        meters: Vec<(Py<Meter>, usize)>,
        gauges: Vec<Py<Gauge>>,
        touched: Option<Py<PyList>>,
    ) -> PyResult<Self> {
        if meters.iter().any(|(_, kind)| *kind >= KINDS) {
            return Err(PyValueError::new_err("a kind is 0 to 3"));
        }
        Ok(Self {
            meters: meters.into(),
            gauges: gauges.into(),
            touched: touched.unwrap_or_else(|| PyList::empty(py).unbind()),
            is_touched: Flag::default(),
            output_tokens: Int::default(),
            waiting: Int::default(),
            pairs: Default::default(),
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.touched)?;
        self.meters.iter().try_for_each(|(meter, _)| visit.call(meter))?;
        self.gauges.iter().try_for_each(|gauge| visit.call(gauge))
    }

    #[getter]
    fn output_tokens(&self) -> i64 {
        self.output_tokens.get()
    }

    #[setter]
    fn set_output_tokens(&self, value: i64) {
        self.output_tokens.set(value);
    }

    #[getter]
    fn waiting(&self) -> i64 {
        self.waiting.get()
    }

    #[setter]
    fn set_waiting(&self, value: i64) {
        self.waiting.set(value);
    }

    #[getter]
    fn is_touched(&self) -> bool {
        self.is_touched.get()
    }

    #[setter]
    fn set_is_touched(&self, value: bool) {
        self.is_touched.set(value);
    }

    fn touch(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().is_touched.note(slf, &slf.get().touched)
    }

    #[pyo3(signature = (prompt_tokens, max_output_tokens, *, is_retry))]
    fn needs(&self, prompt_tokens: i64, max_output_tokens: i64, is_retry: bool) -> (i64, i64, i64, i64) {
        self.needed(prompt_tokens, max_output_tokens, is_retry).into()
    }

    fn take(&self, requests: i64, tokens: i64, input_tokens: i64, output_tokens: i64, now: f64) -> bool {
        self.take_units([requests, tokens, input_tokens, output_tokens], now)
    }

    pub fn take_turn(
        slf: &Bound<'_, Self>,
        prompt_tokens: i64,
        max_output_tokens: i64,
        is_retry: bool,
        now: f64,
    ) -> PyResult<Option<Taken>> {
        let group = slf.get();
        let needs = group.needed(prompt_tokens, max_output_tokens, is_retry);
        if !group.take_units(needs, now) {
            return Ok(None);
        }
        Self::touch(slf)?;
        Ok(Some(Taken { limits: slf.clone().unbind(), needs, at: now }))
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
        for ((names, pairs), found) in names.iter().zip(&self.pairs).zip(least) {
            if let Some((left, meter)) = found {
                headers.append(pairs[0].of(py, &names[0], meter.amount.get(), |amount| amount.to_string())?)?;
                headers.append(pairs[1].of(py, &names[1], left, |left| left.to_string())?)?;
                headers.append(pairs[2].of(py, &names[2], meter.reset_ms(left), written)?)?;
            }
        }
        if let Some(gauge) = self.gauges.iter().map(Py::get).min_by_key(|gauge| gauge.unopened()) {
            let (names, pairs) = (&names[KINDS], &self.pairs[KINDS]);
            headers.append(pairs[0].of(py, &names[0], gauge.amount.get(), |amount| amount.to_string())?)?;
            headers.append(pairs[1].of(py, &names[1], gauge.unopened(), |left| left.to_string())?)?;
        }
        Ok(())
    }
}

/// What one exchange has taken of a group.
#[pyclass(frozen, module = "gateway._native")]
pub struct Taken {
    limits: Py<MeterGroup>,
    needs: Units,
    at: f64,
}

#[pymethods]
impl Taken {
    #[new]
    fn new(limits: Bound<'_, MeterGroup>, needs: (i64, i64, i64, i64), now: f64) -> PyResult<Self> {
        MeterGroup::touch(&limits)?;
        Ok(Self { limits: limits.unbind(), needs: needs.into(), at: now })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.limits)
    }

    #[getter]
    fn limits(&self, py: Python<'_>) -> Py<MeterGroup> {
        self.limits.clone_ref(py)
    }

    fn settle(&self, py: Python<'_>, prompt_tokens: i64, output_tokens: i64) -> PyResult<()> {
        let (group, [_, tokens, prompt, output]) = (self.limits.get(), self.needs);
        if output_tokens != 0 {
            group.output_tokens.approach(output_tokens);
        }
        let more = |held: i64, used: i64| held.saturating_sub(used);
        let used = prompt_tokens.saturating_add(output_tokens);
        group.add([0, more(tokens, used), more(prompt, prompt_tokens), more(output, output_tokens)], -1);
        MeterGroup::touch(self.limits.bind(py))
    }

    #[pyo3(signature = (now = None))]
    fn cancel(&self, py: Python<'_>, now: Option<f64>) -> PyResult<()> {
        let units = if now.is_none_or(|now| now - self.at < HELD_S) { self.needs } else { [0; KINDS] };
        self.limits.get().add(units, -1);
        MeterGroup::touch(self.limits.bind(py))
    }
}

/// A header with the value that it had last: limits seldom change, nor does what is left of one that nobody comes near.
#[derive(Default)]
struct Pair(Mutex<Option<(i64, Py<PyTuple>)>>);

impl Pair {
    fn of(&self, py: Python<'_>, name: &Py<PyString>, value: i64, write: fn(i64) -> String) -> PyResult<Py<PyTuple>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, pair)) = &*last
            && *known == value
        {
            return Ok(pair.clone_ref(py));
        }
        let pair = (name, write(value)).into_pyobject(py)?.unbind();
        *last = Some((value, pair.clone_ref(py)));
        Ok(pair)
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
