//! Cutting what the upstream client delivers (whole events) into events, for those who read them in Python.

use agentcc_core::eventstream::{self, BrokenMessage, Header, Message, Value};
use agentcc_core::sse::{self, Event};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyBytes, PyList, PyString};

#[pyfunction]
#[pyo3(signature = (data, *, takes_bare_errors=false))]
pub(crate) fn split_sse<'py>(py: Python<'py>, data: &[u8], takes_bare_errors: bool) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for bytes in sse::events(data, takes_bare_errors) {
        if let Event { name, data: Some(data) } = Event::parse(bytes) {
            let name = String::from_utf8_lossy(name.unwrap_or_default());
            list.append((PyString::new(py, &name), PyBytes::new(py, &data)))?;
        }
    }
    Ok(list)
}

#[pyfunction]
pub(crate) fn split_eventstream<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let mut rest = data;
    while !rest.is_empty() {
        let (message, after) = Message::parse(rest).map_err(broken)?;
        let message_type = PyString::new(py, message.text(":message-type"));
        list.append((message_type, PyString::new(py, message.kind()), PyBytes::new(py, &message.body())))?;
        rest = after;
    }
    Ok(list)
}

#[pyfunction]
pub(crate) fn eventstream_message<'py>(
    py: Python<'py>,
    headers: Vec<(PyBackedStr, PyBackedStr)>,
    payload: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let headers = headers.iter().map(|(name, value)| Header { name, value: Value::Text(value) });
    let message = eventstream::encode(headers, payload).map_err(broken)?;
    Ok(PyBytes::new(py, &message))
}

fn broken(error: BrokenMessage) -> PyErr {
    PyValueError::new_err(error.to_string())
}
