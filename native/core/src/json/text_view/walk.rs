//! The walk: one pass over the body with a stack of open brackets, that finds the pieces and resolves their kinds.
//!
//! A message may tell its role, and a block its type, after its text. Such pieces wait as `Pending` until the bracket closes
//! that says it, and so does base64 whose media type may follow. Each waits at most once, so the time is linear.

use std::borrow::Cow;
use std::mem;

use super::super::error::JsonErrorKind::{Malformed, TooDeep};
use super::super::error::{JsonError, JsonErrorKind};
use super::super::find::{skip_whitespace, value_end};
use super::super::text::{lenient_string_end as string_end, short_string_end, unescape};
use super::cut::OpenItem;
use super::items::Items;
use super::kind::{Dialect, Kind, Piece, is_data_url, is_payload, is_text_type, is_word};
use super::memo::Memo;
use super::names::{self, Form, Says, Slot, TOP};

pub(super) struct Walk<'a, N> {
    pub(super) body: &'a [u8],
    pub(super) at: usize,
    dialect: Dialect,
    max_depth: usize,
    pub(super) open: Vec<Frame>,
    pub(super) pieces: Vec<Piece>,
    /// Indices of the pieces whose kind is `Pending`, in order.
    pub(super) waiting: Vec<usize>,
    /// The same of those that may be media.
    pub(super) payloads: Vec<usize>,
    pub(super) items: Items<'a, N>,
    pub(super) item: OpenItem,
    /// The values in the bracket that comes next are items.
    pub(super) cut_next: bool,
}

/// An open bracket.
pub(super) struct Frame {
    pub(super) slot: Slot,
    pub(super) is_object: bool,
    is_message: bool,
    /// Its values are items, or are cut into items.
    pub(super) is_cut: bool,
    waiting: usize,
    payloads: usize,
    /// What its type says of the text inside.
    by_type: Option<Kind>,
    by_role: Option<Kind>,
    /// What the base64 inside is.
    payload: Option<Kind>,
}

impl<'a, N> Walk<'a, N> {
    pub(super) fn new(body: &'a [u8], dialect: Dialect, memo: Option<&'a Memo<N>>, max_depth: usize) -> Self {
        Self {
            body,
            at: skip_whitespace(body, 0),
            dialect,
            max_depth,
            open: Vec::with_capacity(16),
            pieces: Vec::with_capacity((body.len() / 128).clamp(16, 1024)),
            waiting: Vec::new(),
            payloads: Vec::new(),
            items: Items::new(body, dialect, memo),
            item: OpenItem::default(),
            cut_next: false,
        }
    }

    /// # Errors
    /// `TooDeep`, or `Malformed` where it cannot go on.
    pub(super) fn run(&mut self) -> Result<(), JsonError> {
        self.walk().map_err(|kind| {
            let detail = match kind {
                TooDeep => format!("nesting is deeper than {} levels", self.max_depth),
                _ => "not the JSON that was checked".into(),
            };
            JsonError::new(kind, self.at.min(self.body.len()), detail)
        })
    }

    fn walk(&mut self) -> Result<(), JsonErrorKind> {
        self.cut_next = self.body.get(self.at) == Some(&b'{');
        let first = if self.cut_next { TOP } else { Slot { form: Form::Free, ..TOP } };
        if !self.cut_next {
            self.open_item(self.at, 0);
        }
        let mut next = Some(first);
        loop {
            // a known value is left behind
            let is_inside = if let Some(slot) = next { self.read(slot)? } else { false };
            if !is_inside && !self.step()? {
                return Ok(());
            }
            next = self.value()?;
        }
    }

    /// Read the value that begins here: a scalar, or the bracket that opens. Whether the first value inside it is next.
    #[inline]
    fn read(&mut self, slot: Slot) -> Result<bool, JsonErrorKind> {
        let start = self.at;
        match self.body.get(start) {
            Some(b'"') => {
                self.at = string_end(self.body, start + 1);
                let end = self.at - 1;
                if end == start || self.body[end] != b'"' {
                    return Err(Malformed);
                }
                self.string(slot, start + 1, end);
                Ok(false)
            }
            Some(open @ (b'{' | b'[')) => self.enter(slot, *open == b'{'),
            _ => {
                self.at = value_end(self.body, start);
                if self.at == start {
                    return Err(Malformed);
                }
                if slot.says == Says::Thought && self.body[start] == b't' {
                    self.top_frame().by_type = Some(Kind::Reasoning);
                }
                Ok(false)
            }
        }
    }

    /// Whether anything is inside; else it is closed.
    #[inline]
    fn enter(&mut self, slot: Slot, is_object: bool) -> Result<bool, JsonErrorKind> {
        if self.open.len() >= self.max_depth {
            return Err(TooDeep);
        }
        self.push(slot, is_object);
        self.at = skip_whitespace(self.body, self.at + 1);
        let is_empty = matches!((self.body.get(self.at), is_object), (Some(b'}'), true) | (Some(b']'), false));
        if is_empty {
            self.close();
        }
        Ok(!is_empty)
    }

    fn push(&mut self, slot: Slot, is_object: bool) {
        let is_message = is_object && slot.form == Form::Items;
        let slot = if is_message { Slot { form: Form::Node, kind: Kind::Pending, says: Says::Text } } else { slot };
        self.open.push(Frame {
            slot,
            is_object,
            is_message,
            is_cut: mem::take(&mut self.cut_next),
            waiting: self.waiting.len(),
            payloads: self.payloads.len(),
            by_type: None,
            by_role: None,
            payload: None,
        });
    }

    pub(super) fn top_frame(&mut self) -> &mut Frame {
        let last = self.open.len() - 1; // a member's value stands in an object
        &mut self.open[last]
    }

    /// A value just ended. Close all that ends with it, and go to where the next one begins, with its key; false at the end.
    #[inline]
    fn step(&mut self) -> Result<bool, JsonErrorKind> {
        loop {
            if self.open.len() == self.item.depth {
                self.close_item();
            }
            let Some(frame) = self.open.last() else {
                self.at = skip_whitespace(self.body, self.at);
                return if self.at == self.body.len() { Ok(false) } else { Err(Malformed) };
            };
            let is_object = frame.is_object;
            self.at = skip_whitespace(self.body, self.at);
            match (self.body.get(self.at), is_object) {
                (Some(b','), _) => {
                    self.at = skip_whitespace(self.body, self.at + 1);
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                _ => return Err(Malformed),
            }
        }
    }

    /// `"key" :` up to the first byte of the value, whose place it gives.
    pub(super) fn key(&mut self, around: Slot) -> Result<Slot, JsonErrorKind> {
        let start = self.at + 1;
        if self.body.get(self.at) != Some(&b'"') {
            return Err(Malformed);
        }
        let short = short_string_end(self.body, start);
        let end = short.unwrap_or_else(|| string_end(self.body, start));
        let colon = skip_whitespace(self.body, end);
        if self.body.get(colon) != Some(&b':') {
            return Err(Malformed);
        }
        self.at = skip_whitespace(self.body, colon + 1);
        let raw = &self.body[start..end - 1];
        let name = if short.is_some() { Cow::Borrowed(raw) } else { unescape(raw) };
        let (slot, is_known) = names::member(around.form, around.kind, &name, self.dialect);
        if !is_known {
            self.piece(Piece { start, end: end - 1, kind: slot.kind, is_key: true, is_arguments: false });
        }
        Ok(slot)
    }

    fn piece(&mut self, piece: Piece) {
        if piece.kind == Kind::Pending {
            self.waiting.push(self.pieces.len());
        }
        self.pieces.push(piece);
    }

    fn string(&mut self, slot: Slot, start: usize, end: usize) {
        let raw = &self.body[start..end];
        let is_word = names::may_be_word(slot.says) && is_word(self.body, start..end);
        let kind = match slot.says {
            Says::Id => Kind::Id,
            Says::Sealed if is_payload(raw) => Kind::Sealed,
            _ if is_word => Kind::Word,
            _ if is_data_url(raw) => Kind::Media,
            _ => slot.kind,
        };
        let piece = Piece { start, end, kind, is_key: false, is_arguments: slot.says == Says::Arguments };
        match slot.says {
            Says::Type if is_word => {
                let frame = self.top_frame();
                frame.by_type = names::of_type(raw);
                frame.payload = names::payload_of_type(raw).or(frame.payload);
                if raw == b"text" {
                    frame.payload = Some(frame.slot.kind);
                }
            }
            Says::Role if is_word => self.top_frame().by_role = Some(names::of_role(raw)),
            Says::MediaType if is_word => {
                let frame = self.top_frame();
                let payload = if is_text_type(raw) { frame.slot.kind } else { Kind::Media };
                frame.payload = frame.payload.or(Some(payload));
            }
            Says::Data if kind != Kind::Media && is_payload(raw) => {
                self.payloads.push(self.pieces.len());
                self.pieces.push(piece);
                return;
            }
            _ => {}
        }
        self.piece(piece);
    }

    /// Close the newest bracket, and say what it knows of the pieces inside.
    fn close(&mut self) {
        self.at += 1;
        let Some(frame) = self.open.pop() else { return };
        let said = frame.by_type.or_else(|| frame.is_message.then(|| self.of_message(&frame)));
        if frame.is_message && self.open.len() == self.item.depth {
            self.item.is_models = matches!(said, Some(Kind::Assistant | Kind::Reasoning | Kind::Call));
        }
        if said.is_some() || frame.payload.is_some() {
            for index in self.payloads.drain(frame.payloads..) {
                let piece = &mut self.pieces[index];
                match frame.payload {
                    Some(kind) => piece.kind = kind,
                    None if piece.kind == Kind::Pending => piece.kind = said.unwrap_or(Kind::Other),
                    None => {}
                }
                if piece.kind == Kind::Pending {
                    self.waiting.push(index);
                }
            }
        }
        if let Some(kind) = said {
            for index in self.waiting.drain(frame.waiting..) {
                self.pieces[index].kind = kind;
            }
        }
    }

    fn of_message(&self, frame: &Frame) -> Kind {
        let default = if self.dialect == Dialect::Generate { Kind::User } else { Kind::Other };
        frame.by_role.unwrap_or(default)
    }
}
