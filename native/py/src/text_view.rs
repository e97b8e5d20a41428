//! The text view of a request body.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use agentcc_core::json::{self, Dialect, Memo, Paths, WayBack, text_into};
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::json_error;
use crate::json::RELEASE_GIL_BYTES;

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
    let (py, bytes) = (body.py(), body.as_bytes());
    let known = memo.as_ref().map(|memo| &memo.get().0);
    let view = || json::TextView::new(bytes, dialect, known, max_depth);
    let view = if bytes.len() > RELEASE_GIL_BYTES { py.detach(view) } else { view() };
    let view = view.map_err(|e| json_error(py, &e))?;
    Ok(TextView { body: body.clone().unbind(), view, memo: memo.map(Bound::unbind), paths: Mutex::default() })
}

/// See `Memo` of the core.
#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct TextMemo(Memo<Py<PyAny>>);

#[pymethods]
impl TextMemo {
    #[new]
    fn new(seed: u64, most_items: usize) -> Self {
        Self(Memo::new(seed, most_items))
    }

    #[getter]
    fn count(&self) -> usize {
        self.0.count()
    }
}

#[pyclass(frozen, module = "gateway._native")]
pub(crate) struct TextView {
    body: Py<PyBytes>,
    view: json::TextView<Py<PyAny>>,
    memo: Option<Py<TextMemo>>,
    paths: Mutex<Paths>,
}

#[pymethods]
impl TextView {
    #[getter]
    fn count(&self) -> usize {
        self.view.pieces.len()
    }

    #[getter]
    fn known(&self, py: Python<'_>) -> Vec<(usize, Py<PyAny>)> {
        self.view.known.iter().map(|(start, note)| (*start, note.clone_ref(py))).collect()
    }

    #[getter]
    fn known_bytes(&self) -> usize {
        self.view.known_bytes
    }

    #[getter]
    fn tail(&self) -> usize {
        self.view.tail
    }

    fn item_of(&self, offset: usize) -> PyResult<(usize, usize)> {
        self.view.item_of(offset).ok_or_else(|| PyIndexError::new_err("no new item is there"))
    }

    #[pyo3(signature = (notes = HashMap::new()))]
    fn remember(&self, notes: HashMap<usize, Option<Py<PyAny>>>) -> PyResult<()> {
        if notes.keys().any(|&index| index >= self.view.item_count()) {
            return Err(PyIndexError::new_err("no such new item"));
        }
        if let Some(memo) = &self.memo {
            let notes = notes.into_iter().filter_map(|(index, note)| Some((index, note?))).collect();
            self.view.remember(&memo.get().0, notes);
        }
        Ok(())
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
        let piece = self.at(index)?;
        let raw = self.raw(py, piece);
        let mut text = Vec::with_capacity(raw.len());
        text_into(raw, piece.is_arguments, &mut text);
        Ok(PyBytes::new(py, &text))
    }

    fn path(&self, py: Python<'_>, index: usize) -> PyResult<String> {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(paths.path(self.body.as_bytes(py), self.at(index)?.start))
    }

    fn raw_span(&self, py: Python<'_>, index: usize, start: usize, end: usize) -> PyResult<(usize, usize)> {
        let piece = self.at(index)?;
        let raw = self.raw(py, piece);
        let (from, to) = WayBack::new(raw, piece.is_arguments).span(raw, start, end);
        Ok((piece.start + from, piece.start + to))
    }

    #[pyo3(signature = (kinds = 0xFFFF_FFFF, first = 0))]
    fn joined(slf: &Bound<'_, Self>, kinds: u32, first: usize) -> JoinedText {
        let py = slf.py();
        let (body, view) = (slf.get().body.as_bytes(py), &slf.get().view);
        let all = || view.joined(body, kinds, first);
        let (text, starts) = if body.len() > RELEASE_GIL_BYTES { py.detach(all) } else { all() };
        JoinedText { text: PyBytes::new(py, &text).unbind(), starts, view: slf.clone().unbind(), way: Mutex::new(None) }
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
    /// Of the piece that was asked for last: findings come in order.
    way: Mutex<Option<(usize, WayBack)>>,
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
        let view = self.view.get();
        let piece = view.at(index)?;
        let raw = view.raw(py, piece);
        let mut last = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        let way = match last.take() {
            Some((of, way)) if of == index => way,
            _ => WayBack::new(raw, piece.is_arguments),
        };
        let (from, to) = way.span(raw, start - at, end - at);
        *last = Some((index, way));
        Ok((index, piece.start + from, piece.start + to))
    }
}
