//! Numbers that Python and Rust share in frozen classes.
//!
//! Frozen, so that no call pays for a borrow. Whoever changes one holds the GIL: a load and a store need not be one step.

use pyo3::prelude::*;
use pyo3::types::PyList;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

/// An i64. What is added stops at its ends.
#[derive(Default)]
pub struct Int(AtomicI64);

impl Int {
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }

    pub fn set(&self, value: i64) {
        self.0.store(value, Relaxed);
    }

    pub fn add(&self, more: i64) {
        self.set(self.get().saturating_add(more));
    }

    pub fn sub(&self, less: i64) {
        self.set(self.get().saturating_sub(less));
    }

    /// A moving average: a sixteenth of the way towards `value`, rounded down.
    pub fn approach(&self, value: i64) {
        self.add(value.saturating_sub(self.get()) >> 4);
    }
}

#[derive(Default)]
pub struct Flag(AtomicBool);

impl Flag {
    pub fn get(&self) -> bool {
        self.0.load(Relaxed)
    }

    pub fn set(&self, value: bool) {
        self.0.store(value, Relaxed);
    }

    /// Put `who`, whose flag this is, on a list once.
    pub fn note(&self, who: &Bound<'_, PyAny>, list: &Py<PyList>) -> PyResult<()> {
        if self.get() {
            return Ok(());
        }
        self.set(true);
        list.bind(who.py()).append(who)
    }
}

/// A moment of Python's `perf_counter()`, kept as its bits.
#[derive(Default)]
pub struct Moment(AtomicU64);

impl Moment {
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Relaxed))
    }

    pub fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Relaxed);
    }
}

/// The methods of a class whose fields are cells: a constructor that takes anything (Python subclasses have their own
/// `__init__`), an attribute for each cell, and what else it has.
macro_rules! cell_class {
    ($class:ident { $($field:ident $setter:ident $type:ident),+ } $($more:tt)*) => {
        #[pymethods]
        impl $class {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs))]
            fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
                Self::default()
            }

            $(
                #[getter]
                fn $field(&self) -> $type {
                    self.$field.get()
                }

                #[setter]
                fn $setter(&self, value: $type) {
                    self.$field.set(value);
                }
            )+

            $($more)*
        }
    };
}
pub(crate) use cell_class;
