//! Budgets on the road: what a worker has leased of each, and taking from many at once.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::cells::{Int, cell_class};

/// In nano-USD.
#[pyclass(frozen, subclass, module = "gateway._native")]
#[derive(Default)]
pub struct Lease {
    granted: Int,
    spent: Int,
    held: Int,
}

impl Lease {
    fn unheld(&self) -> i64 {
        self.granted.get().saturating_sub(self.spent.get()).saturating_sub(self.held.get())
    }
}

cell_class! { Lease { granted set_granted i64, spent set_spent i64, held set_held i64 }
    #[getter]
    fn free(&self) -> i64 {
        self.unheld()
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub struct LeaseGroup {
    hard: Box<[Py<Lease>]>,
    soft: Box<[Py<Lease>]>,
}

#[pymethods]
impl LeaseGroup {
    #[new]
    fn new(hard: Vec<Py<Lease>>, soft: Vec<Py<Lease>>) -> Self {
        Self { hard: hard.into(), soft: soft.into() }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.hard.iter().chain(&self.soft).try_for_each(|lease| visit.call(lease))
    }

    fn take(&self, hard_nusd: i64, soft_nusd: i64) -> bool {
        if self.hard.iter().any(|lease| lease.get().unheld() < hard_nusd) {
            return false;
        }
        self.hard.iter().for_each(|lease| lease.get().held.add(hard_nusd));
        self.soft.iter().for_each(|lease| lease.get().held.add(soft_nusd));
        true
    }

    fn settle(&self, hard_nusd: i64, soft_nusd: i64, cost_nusd: i64) {
        for (leases, held_nusd) in [(&self.hard, hard_nusd), (&self.soft, soft_nusd)] {
            for lease in leases {
                lease.get().held.sub(held_nusd);
                lease.get().spent.add(cost_nusd);
            }
        }
    }
}
