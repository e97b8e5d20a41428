//! `gateway._native`: Python's view of `agentcc-core`. Bindings only; the stub `gateway/_native.pyi` is the reference.

#![allow(clippy::needless_pass_by_value, reason = "PyO3 gives arguments by value")]

mod admission;
mod cells;
mod chain;
mod completions;
mod digest;
mod errors;
mod framing;
mod json;
mod leases;
mod meters;
mod needles;
mod reach;
mod seal;
mod spots;
mod text_view;
mod upstream;

use agentcc_core::decode;
use mimalloc::MiMalloc;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Ours alone, not Python's. A request is made on one thread and freed on another, and tokio's tasks are aligned to 128
/// bytes: glibc has a slow way for both.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[pyfunction]
fn decompress<'py>(py: Python<'py>, data: &[u8], encoding: &str, limit: usize) -> PyResult<Bound<'py, PyBytes>> {
    let decoded = py.detach(|| decode::decompress(data, encoding, limit));
    decoded.map(|body| PyBytes::new(py, &body)).map_err(|e| errors::decode_error(py, &e))
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<seal::Sealer>()?;
    module.add_class::<upstream::Upstream>()?;
    text_view::add_to(module)?;
    module.add_class::<needles::Needles>()?;
    module.add_class::<admission::Admission>()?;
    module.add_class::<spots::Spots>()?;
    module.add_class::<reach::Reach>()?;
    module.add_class::<reach::TextReach>()?;
    module.add_class::<leases::Lease>()?;
    module.add_class::<leases::Tally>()?;
    module.add_class::<leases::LeaseGroup>()?;
    module.add_class::<leases::Hold>()?;
    module.add_class::<meters::Meter>()?;
    module.add_class::<meters::Gauge>()?;
    module.add_class::<meters::MeterGroup>()?;
    module.add_class::<meters::Taken>()?;
    module.add_function(wrap_pyfunction!(json::scan_object, module)?)?;
    module.add_function(wrap_pyfunction!(json::find_path, module)?)?;
    module.add_function(wrap_pyfunction!(json::conversation_digest, module)?)?;
    module.add_function(wrap_pyfunction!(json::last_items, module)?)?;
    module.add_function(wrap_pyfunction!(digest::digest, module)?)?;
    module.add_function(wrap_pyfunction!(chain::chain_line, module)?)?;
    module.add_function(wrap_pyfunction!(decompress, module)?)?;
    module.add_function(wrap_pyfunction!(framing::split_sse, module)?)?;
    module.add_function(wrap_pyfunction!(framing::split_eventstream, module)?)?;
    module.add_function(wrap_pyfunction!(framing::eventstream_message, module)?)?;
    errors::add_to(module)
}
