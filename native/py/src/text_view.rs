//! The text view of a request body.

use agentcc_core::json::{self, Dialect, Memo, raw_span, unescape_into};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::json_error;

pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<TextView>()?;
    module.add_class::<TextMemo>()?;
    module.add_class::<JoinedText>()?;
    module.add_function(wrap_pyfunction!(text_view, module)?)
}

#[pyfunction]
#[pyo3(signature = (body, dialect, memo = None, max_depth = 512))]
fn text_view(
    body: &Bound<'_, PyBytes>,
    dialect: &str,
    memo: Option<Bound<'_, TextMemo>>,
    max_depth: usize,
) -> PyResult<TextView> {
    let Some(dialect) = Dialect::named(dialect) else {
        return Err(PyValueError::new_err(format!("no dialect is called {dialect:?}")));
    };
    let earlier = memo.as_ref().map(|memo| &memo.get().0);
    let view = json::TextView::new(body.as_bytes(), dialect, earlier, max_depth);
    let view = view.map_err(|e| json_error(body.py(), &e))?;
    Ok(TextView { body: body.clone().unbind(), view, memo: memo.map(Bound::unbind) })
}

/// See `Memo` of the core.
#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct TextMemo(Memo);

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct TextView {
    body: Py<PyBytes>,
    view: json::TextView,
    memo: Option<Py<TextMemo>>,
}

#[pymethods]
impl TextView {
    #[getter]
    fn count(&self) -> usize {
        self.view.pieces.len()
    }

    #[getter]
    fn kept_prefix(&self) -> usize {
        self.view.kept_prefix
    }

    #[getter]
    fn kept_suffix(&self) -> usize {
        self.view.kept_suffix
    }

    fn piece(&self, py: Python<'_>, index: usize) -> PyResult<(u8, usize, usize, bool, bool)> {
        let piece = self.at(index)?;
        let is_escaped = self.raw(py, piece).contains(&b'\\');
        Ok((piece.kind as u8, piece.start, piece.end, piece.is_key, is_escaped))
    }

    fn pieces(&self) -> Vec<(u8, usize, usize, bool)> {
        self.view.pieces.iter().map(|piece| (piece.kind as u8, piece.start, piece.end, piece.is_key)).collect()
    }

    fn text<'py>(&self, py: Python<'py>, index: usize) -> PyResult<Bound<'py, PyBytes>> {
        let raw = self.raw(py, self.at(index)?);
        let mut text = Vec::with_capacity(raw.len());
        unescape_into(raw, &mut text);
        Ok(PyBytes::new(py, &text))
    }

    fn path(&self, py: Python<'_>, index: usize) -> PyResult<String> {
        Ok(json::path_of(self.body.as_bytes(py), self.at(index)?.start))
    }

    fn raw_span(&self, py: Python<'_>, index: usize, start: usize, end: usize) -> PyResult<(usize, usize)> {
        let piece = self.at(index)?;
        let (from, to) = raw_span(self.raw(py, piece), start, end);
        Ok((piece.start + from, piece.start + to))
    }

    #[pyo3(signature = (kinds = 0xFFFF_FFFF, first = 0))]
    fn joined(slf: &Bound<'_, Self>, kinds: u32, first: usize) -> JoinedText {
        let py = slf.py();
        let this = slf.get();
        let pieces = this.view.pieces.iter().enumerate().skip(first);
        let mut text = Vec::with_capacity(this.body.as_bytes(py).len());
        let mut starts = Vec::with_capacity(this.view.pieces.len());
        for (index, piece) in pieces.filter(|(_, piece)| kinds >> piece.kind as u8 & 1 == 1) {
            starts.push((text.len(), index));
            unescape_into(this.raw(py, piece), &mut text);
            text.push(0);
        }
        JoinedText { text: PyBytes::new(py, &text).unbind(), starts, view: slf.clone().unbind() }
    }

    fn memo(&self, py: Python<'_>, seed: u64) -> TextMemo {
        let earlier = self.memo.as_ref().map(|memo| &memo.get().0);
        TextMemo(self.view.memo(self.body.as_bytes(py), seed, earlier))
    }
}

impl TextView {
    fn at(&self, index: usize) -> PyResult<&json::Piece> {
        self.view.pieces.get(index).ok_or_else(|| PyIndexError::new_err("no such piece"))
    }

    fn raw<'a>(&'a self, py: Python<'a>, piece: &json::Piece) -> &'a [u8] {
        &self.body.as_bytes(py)[piece.start..piece.end]
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct JoinedText {
    text: Py<PyBytes>,
    /// Where in `text` a piece begins, and its index.
    starts: Vec<(usize, usize)>,
    view: Py<TextView>,
}

#[pymethods]
impl JoinedText {
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        self.text.bind(py).clone()
    }

    fn locate(&self, py: Python<'_>, start: usize, end: usize) -> PyResult<(usize, usize, usize)> {
        let place = self.starts.partition_point(|&(at, _)| at <= start);
        let Some(&(at, index)) = place.checked_sub(1).and_then(|place| self.starts.get(place)) else {
            return Err(PyIndexError::new_err("no piece is there"));
        };
        let next = self.starts.get(place).map_or(self.text.as_bytes(py).len(), |next| next.0);
        if end < start || end >= next {
            return Err(PyIndexError::new_err("the span is not inside one piece"));
        }
        let (from, to) = self.view.get().raw_span(py, index, start - at, end - at)?;
        Ok((index, from, to))
    }
}
