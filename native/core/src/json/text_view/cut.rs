//! Where an item begins and ends on the walk, and that a known one is left behind.

use super::super::error::JsonErrorKind;
use super::names::{Form, Slot, TOP};
use super::walk::{Frame, Walk};

/// The item that the walk is in.
pub(super) struct OpenItem {
    /// So many brackets are open around it; `NO_ITEM` when there is none.
    pub(super) depth: usize,
    start: usize,
    /// Those found before it.
    pieces: usize,
    pub(super) is_models: bool,
    /// A value, with its key; else all from there to the end of the bracket around it.
    is_whole: bool,
}

impl Default for OpenItem {
    fn default() -> Self {
        Self { depth: NO_ITEM, start: 0, pieces: 0, is_models: false, is_whole: true }
    }
}

const NO_ITEM: usize = usize::MAX;

/// Then the rest of a list or of the request is one. No conversation is as long, and many small ones would take ten times the
/// memory of their body.
const MOST_ITEMS: usize = 20_000;

impl<N> Walk<'_, N> {
    /// The place of the member or element that begins here. `None` when it is known: it is left behind.
    #[inline]
    pub(super) fn value(&mut self) -> Result<Option<Slot>, JsonErrorKind> {
        let (start, pieces) = (self.at, self.pieces.len());
        let Some(&Frame { slot, is_object, is_cut, .. }) = self.open.last() else { return Ok(Some(TOP)) };
        let slot = if is_object { self.key(slot)? } else { slot };
        if !is_cut {
            return Ok(Some(slot));
        }
        let first = self.body.get(self.at);
        let has_key_piece = self.pieces.len() > pieces;
        if is_object {
            let is_list = first == Some(&b'[') && !has_key_piece;
            self.items.enter(&self.body[start..self.at], slot, is_list);
            if is_list || (slot.form == Form::Top && first == Some(&b'{')) {
                self.cut_next = true;
                return Ok(Some(slot));
            }
        }
        if !has_key_piece && !matches!(first, Some(b'"' | b'{' | b'[')) {
            return Ok(Some(slot));
        }
        if let Some(end) = self.items.known_at(start) {
            self.pieces.truncate(pieces);
            self.at = end;
            return Ok(None);
        }
        self.open_item(start, pieces);
        if self.items.count >= MOST_ITEMS {
            (self.item.depth, self.item.is_whole) = (self.item.depth - 1, false);
            self.top_frame().is_cut = false;
        }
        Ok(Some(slot))
    }

    pub(super) fn open_item(&mut self, start: usize, pieces: usize) {
        self.item = OpenItem { depth: self.open.len(), start, pieces, is_models: false, is_whole: true };
    }

    pub(super) fn close_item(&mut self) {
        self.item.depth = NO_ITEM;
        let OpenItem { start, pieces, is_models, is_whole, .. } = self.item;
        if self.items.add(start, self.at, is_models, is_whole) {
            self.pieces.truncate(pieces);
        }
        self.waiting.clear();
        self.payloads.clear();
    }
}
