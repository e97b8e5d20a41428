//! The upstream client as a Python class.

use std::path::PathBuf;

use agentcc_core::tap::Dialect;
use agentcc_core::upstream::{Config, Options, Upstream as Client, build_request};
use bytes::Bytes;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::{PyBackedBytes, PyBackedStr};
use pyo3::types::{PyDict, PyList};

use crate::completions::to_tuple;

/// From here a body is lent by Python instead of copied. Lending costs two locks: pyo3 keeps the object and drops it on
/// the next call from Python, as the upstream thread has no GIL to drop it with.
const LEND_BODY_BYTES: usize = 16 << 10;

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct Upstream(Client);

#[pymethods]
impl Upstream {
    #[new]
    #[allow(clippy::too_many_arguments, reason = "keyword arguments in Python")]
    #[pyo3(signature = (*, connect_timeout_ms=10_000, pool_idle_timeout_ms=90_000, pool_max_idle_per_host=1024,
                        ca_file=None, proxy_from_env=true, max_event_bytes=16_777_216, public_only=false))]
    fn new(
        py: Python<'_>,
        connect_timeout_ms: u64,
        pool_idle_timeout_ms: u64,
        pool_max_idle_per_host: usize,
        ca_file: Option<PathBuf>,
        proxy_from_env: bool,
        max_event_bytes: usize,
        public_only: bool,
    ) -> PyResult<Self> {
        let config = Config {
            connect_timeout_ms,
            pool_idle_timeout_ms,
            pool_max_idle_per_host,
            ca_file,
            proxy_from_env,
            max_event_bytes,
            public_only,
        };
        py.detach(|| Client::new(&config)).map(Self).map_err(PyOSError::new_err)
    }

    fn fileno(&self) -> i32 {
        self.0.raw_fd()
    }

    #[allow(clippy::too_many_arguments, reason = "one call per request: an options object would cost more")]
    fn start(
        &self,
        id: u64,
        method: &str,
        url: &str,
        headers: Vec<(PyBackedStr, PyBackedStr)>,
        body: Option<PyBackedBytes>,
        tap: &str,
        drop_usage_chunk: bool,
        collect: bool,
        first_byte_timeout_ms: u64,
        idle_timeout_ms: u64,
        total_timeout_ms: u64,
        max_response_bytes: u64,
        window_bytes: u64,
    ) -> PyResult<()> {
        let tap = Dialect::from_name(tap).ok_or_else(|| PyValueError::new_err(format!("unknown tap: `{tap}`")))?;
        let headers = headers.iter().map(|(name, value)| (&**name, &**value));
        let request = build_request(method, url, headers, to_body(body)).map_err(PyValueError::new_err)?;
        let options = Options {
            tap,
            drop_usage_chunk,
            collect,
            first_byte_timeout_ms,
            idle_timeout_ms,
            total_timeout_ms,
            max_response_bytes,
            window_bytes,
        };
        self.0.start(id, request, options).map_err(PyValueError::new_err)
    }

    fn cancel(&self, id: u64) -> bool {
        self.0.cancel(id)
    }

    fn stop(&self, id: u64) -> bool {
        self.0.stop(id)
    }

    fn ack(&self, id: u64, n: u64) {
        self.0.ack(id, n);
    }

    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for (id, completion) in self.0.drain() {
            if let Some(completion) = completion {
                list.append(to_tuple(py, id, completion)?)?;
            }
        }
        Ok(list)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.0.stats();
        let dict = PyDict::new(py);
        dict.set_item("in_flight", stats.in_flight)?;
        dict.set_item("queued", stats.queued)?;
        dict.set_item("queued_bytes", stats.queued_bytes)?;
        Ok(dict)
    }

    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}

fn to_body(body: Option<PyBackedBytes>) -> Bytes {
    match body {
        None => Bytes::new(),
        Some(body) if body.len() < LEND_BODY_BYTES => Bytes::copy_from_slice(&body),
        Some(body) => Bytes::from_owner(body),
    }
}
