//! The exception classes, and core's errors as instances of them.

use agentcc_core::{decode, json};
use pyo3::create_exception;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

create_exception!(gateway._native, JsonError, PyValueError, "A body that is no acceptable JSON object.");
create_exception!(gateway._native, DecodeError, PyValueError, "A compressed body that cannot be decoded.");

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let (json_error, decode_error) = (py.get_type::<JsonError>(), py.get_type::<DecodeError>());
    // Class-level values, so that the attributes are there on instances that Python code makes (in tests).
    for class in [&json_error, &decode_error] {
        class.setattr("kind", "")?;
        class.setattr("detail", "")?;
    }
    json_error.setattr("offset", 0)?;
    module.add("JsonError", json_error)?;
    module.add("DecodeError", decode_error)
}

#[cold]
pub(crate) fn json_error(py: Python<'_>, error: &json::JsonError) -> PyErr {
    let raised = JsonError::new_err(error.to_string());
    let value = raised.value(py);
    let filled = value
        .setattr("kind", error.kind.as_str())
        .and_then(|()| value.setattr("offset", error.offset))
        .and_then(|()| value.setattr("detail", &error.detail));
    filled.err().unwrap_or(raised)
}

#[cold]
pub(crate) fn decode_error(py: Python<'_>, error: &decode::DecodeError) -> PyErr {
    let raised = DecodeError::new_err(error.to_string());
    let value = raised.value(py);
    let filled = value.setattr("kind", error.kind.as_str()).and_then(|()| value.setattr("detail", &error.detail));
    filled.err().unwrap_or(raised)
}
