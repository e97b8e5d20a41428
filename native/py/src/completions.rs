//! Completions as Python tuples: (id, kind, ...).

use agentcc_core::tap::Captures;
use agentcc_core::upstream::{Completion, Head, Summary};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

const HEAD: u8 = 0;
const DATA: u8 = 1;
const TERMINAL: u8 = 2;
const END: u8 = 3;
const FAILED: u8 = 4;
const BODY: u8 = 5;

pub(crate) fn to_tuple(py: Python<'_>, id: u64, completion: Completion) -> PyResult<Bound<'_, PyTuple>> {
    match completion {
        Completion::Head(head) => (id, HEAD, head.status.as_u16(), headers(py, &head)?, head.ttfb_us).into_pyobject(py),
        Completion::Data(data) => (id, DATA, PyBytes::new(py, &data)).into_pyobject(py),
        Completion::Terminal(data, summary) => {
            (id, TERMINAL, PyBytes::new(py, &data), captures(py, &summary)?).into_pyobject(py)
        }
        Completion::End(summary) => (id, END, captures(py, &summary)?).into_pyobject(py),
        Completion::Failed(failure, summary) => {
            let captures = summary.map(|summary| captures(py, &summary)).transpose()?;
            (id, FAILED, failure.code.as_str(), failure.message, captures).into_pyobject(py)
        }
        Completion::Body(head, body) => {
            let body = PyBytes::new(py, &body);
            (id, BODY, head.status.as_u16(), headers(py, &head)?, head.ttfb_us, body).into_pyobject(py)
        }
    }
}

fn headers<'py>(py: Python<'py>, head: &Head) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for (name, value) in &head.headers {
        // What is no UTF-8 cannot be given on: no str has its bytes.
        if let Ok(text) = std::str::from_utf8(value.as_bytes()) {
            list.append((PyString::new(py, name.as_str()), PyString::new(py, text)))?;
        }
    }
    Ok(list)
}

fn captures<'py>(py: Python<'py>, summary: &Summary) -> PyResult<Bound<'py, PyTuple>> {
    let Captures { status, usage, usage2, model, error, delta_events, delta_bytes, finish_seen } = &summary.captures;
    let raw = |json: &Option<Vec<u8>>| json.as_ref().map(|json| PyBytes::new(py, json));
    let (usage, usage2, model, error) = (raw(usage), raw(usage2), raw(model), raw(error));
    let status = status.as_str();
    (status, usage, usage2, model, error, *delta_events, *delta_bytes, *finish_seen, summary.body_bytes)
        .into_pyobject(py)
}
