//! Budgets on the road: what a worker has leased of each, and taking from many at once.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

use crate::cells::{Flag, Int, Moment, cell_class};

const DEVIATIONS: i64 = 4;

/// In nano-USD. `stage` holds from `stage_from` until `stage_to` are spent by all, before the moment `stage_until_ms`.
#[pyclass(frozen, subclass, module = "gateway._native")]
#[derive(Default)]
pub struct Lease {
    granted: Int,
    spent: Int,
    held: Int,
    others_spent: Int,
    dry_until: Moment,
    stage: Int,
    stage_from: Int,
    stage_to: Int,
    stage_until_ms: Int,
}

impl Lease {
    fn unheld(&self) -> i64 {
        self.granted.get().saturating_sub(self.spent.get()).saturating_sub(self.held.get())
    }

    fn all_spent(&self) -> i64 {
        self.others_spent.get().saturating_add(self.spent.get())
    }

    fn stands_below(&self, stage: i64, now_ms: i64) -> bool {
        let spent = self.all_spent();
        self.stage.get() < stage
            && (self.stage_from.get()..self.stage_to.get()).contains(&spent)
            && now_ms < self.stage_until_ms.get()
    }
}

cell_class! { Lease {
        granted set_granted i64, spent set_spent i64, held set_held i64, others_spent set_others_spent i64,
        dry_until set_dry_until f64,
        stage set_stage i64, stage_from set_stage_from i64, stage_to set_stage_to i64, stage_until_ms set_stage_until_ms i64
    }
    #[getter]
    fn free(&self) -> i64 {
        self.unheld()
    }

    #[getter]
    fn spent_by_all(&self) -> i64 {
        self.all_spent()
    }
}

/// What all groups of one wallet share: the generation of the policy in force, and who was touched.
#[pyclass(frozen, module = "gateway._native")]
pub struct Tally {
    generation: Int,
    touched: Py<PyList>,
}

#[pymethods]
impl Tally {
    #[new]
    fn new(py: Python<'_>) -> Self {
        Self { generation: Int::default(), touched: PyList::empty(py).unbind() }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.touched)
    }

    #[getter]
    fn generation(&self) -> i64 {
        self.generation.get()
    }

    #[setter]
    fn set_generation(&self, value: i64) {
        self.generation.set(value);
    }

    #[getter]
    fn touched(&self, py: Python<'_>) -> Py<PyList> {
        self.touched.clone_ref(py)
    }
}

#[pyclass(frozen, subclass, module = "gateway._native")]
pub struct LeaseGroup {
    hard: Box<[Py<Lease>]>,
    soft: Box<[Py<Lease>]>,
    tally: Py<Tally>,
    generation: i64,
    is_known: Flag,
    is_touched: Flag,
    mean: Int,
    deviation: Int,
}

impl LeaseGroup {
    fn all(&self) -> impl Iterator<Item = &Lease> {
        self.hard.iter().chain(&self.soft).map(Py::get)
    }

    pub fn is_known_below(&self, stage: i64, now_ms: i64) -> bool {
        self.is_known.get() && self.is_below(stage, now_ms)
    }

    pub fn learned_nusd(&self) -> Option<i64> {
        match self.mean.get() {
            0 => None,
            mean => Some(mean.saturating_add(self.deviation.get().saturating_mul(DEVIATIONS))),
        }
    }
}

#[pymethods]
impl LeaseGroup {
    #[new]
    #[pyo3(signature = (hard, soft, tally = None))]
    fn new(py: Python<'_>, hard: Vec<Py<Lease>>, soft: Vec<Py<Lease>>, tally: Option<Py<Tally>>) -> PyResult<Self> {
        let tally = tally.map_or_else(|| Py::new(py, Tally::new(py)), Ok)?;
        Ok(Self {
            hard: hard.into(),
            soft: soft.into(),
            generation: tally.get().generation.get(),
            tally,
            is_known: Flag::default(),
            is_touched: Flag::default(),
            mean: Int::default(),
            deviation: Int::default(),
        })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.tally)?;
        self.hard.iter().chain(&self.soft).try_for_each(|lease| visit.call(lease))
    }

    #[getter]
    fn generation(&self) -> i64 {
        self.generation
    }

    #[getter]
    fn mean(&self) -> i64 {
        self.mean.get()
    }

    #[getter]
    fn is_touched(&self) -> bool {
        self.is_touched.get()
    }

    #[setter]
    fn set_is_touched(&self, value: bool) {
        self.is_touched.set(value);
    }

    #[getter]
    fn is_known(&self) -> bool {
        self.is_known.get()
    }

    #[setter]
    fn set_is_known(&self, value: bool) {
        self.is_known.set(value);
    }

    fn is_below(&self, stage: i64, now_ms: i64) -> bool {
        self.all().all(|lease| lease.stands_below(stage, now_ms))
    }

    fn expected_nusd(&self, first_guess_nusd: i64) -> i64 {
        self.learned_nusd().unwrap_or(first_guess_nusd)
    }

    fn take(&self, hard_nusd: i64, soft_nusd: i64) -> bool {
        if self.hard.iter().any(|lease| lease.get().unheld() < hard_nusd) {
            return false;
        }
        self.hard.iter().for_each(|lease| lease.get().held.add(hard_nusd));
        self.soft.iter().for_each(|lease| lease.get().held.add(soft_nusd));
        true
    }

    pub fn hold(slf: &Bound<'_, Self>, hard_nusd: i64, soft_nusd: i64) -> Option<Hold> {
        let is_taken = slf.get().take(hard_nusd, soft_nusd);
        is_taken.then(|| Hold { charge: slf.clone().unbind(), hard_nusd, soft_nusd })
    }

    fn settle(&self, hard_nusd: i64, soft_nusd: i64, cost_nusd: i64) {
        for (leases, held_nusd) in [(&self.hard, hard_nusd), (&self.soft, soft_nusd)] {
            for lease in leases {
                lease.get().held.sub(held_nusd);
                lease.get().spent.add(cost_nusd);
            }
        }
    }

    fn learn(&self, cost_nusd: i64) {
        let mean = self.mean.get();
        if mean == 0 {
            self.mean.set(cost_nusd);
            self.deviation.set(cost_nusd >> 1);
            return;
        }
        self.mean.approach(cost_nusd);
        self.deviation.approach(cost_nusd.saturating_sub(mean).saturating_abs());
    }

    fn touch(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().is_touched.note(slf, &slf.get().tally.get().touched)
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub struct Hold {
    charge: Py<LeaseGroup>,
    #[pyo3(get)]
    hard_nusd: i64,
    #[pyo3(get)]
    soft_nusd: i64,
}

impl Hold {
    /// Give it back, as if it had not been.
    pub fn release(&self) {
        self.charge.get().settle(self.hard_nusd, self.soft_nusd, 0);
    }
}

#[pymethods]
impl Hold {
    #[new]
    fn new(charge: Py<LeaseGroup>, hard_nusd: i64, soft_nusd: i64) -> Self {
        Self { charge, hard_nusd, soft_nusd }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.charge)
    }

    #[getter]
    fn charge(&self, py: Python<'_>) -> Py<LeaseGroup> {
        self.charge.clone_ref(py)
    }

    fn settle(&self, py: Python<'_>, cost_nusd: i64) -> PyResult<bool> {
        let group = self.charge.get();
        if cost_nusd != 0 {
            if group.tally.get().generation.get() != group.generation {
                return Ok(false);
            }
            group.learn(cost_nusd);
        }
        group.settle(self.hard_nusd, self.soft_nusd, cost_nusd);
        group.hard.iter().for_each(|lease| lease.get().dry_until.set(0.0));
        LeaseGroup::touch(self.charge.bind(py))?;
        Ok(true)
    }
}
