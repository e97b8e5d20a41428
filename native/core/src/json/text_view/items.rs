//! What a body is cut into: the elements of the lists that are members of the request (its conversation, its tools), and the
//! other members. Bare numbers and literals are no items, unless their key is to be looked at.

use std::sync::Arc;

use super::kind::Dialect;
use super::memo::{Follows, Item, Known, Memo};
use super::names::{Form, Slot};

/// The items of a walk.
#[derive(Debug)]
pub(super) struct Items<'a, N> {
    body: &'a [u8],
    dialect: Dialect,
    memo: Option<&'a Memo<N>>,
    /// So far.
    pub(super) count: usize,
    pub(super) new: Vec<Item>,
    /// Where known items begin that have notes.
    pub(super) known: Vec<(usize, Arc<N>)>,
    pub(super) known_bytes: usize,
    pub(super) follows: Vec<Follows>,
    /// See `TextView::tail`.
    pub(super) tail: usize,
    models_end: usize,
    /// Of the member that the items are in.
    place: u128,
    is_conversation: bool,
    /// What stands before the next item: its digest, or the place. And how long the next item was behind it.
    before: u128,
    next: usize,
    /// So many bytes may be looked at for guesses that turn out wrong: the time stays linear, whatever was sent before.
    spare: usize,
}

impl<'a, N> Items<'a, N> {
    pub(super) fn new(body: &'a [u8], dialect: Dialect, memo: Option<&'a Memo<N>>) -> Self {
        Self {
            body,
            dialect,
            memo,
            count: 0,
            new: Vec::new(),
            known: Vec::new(),
            known_bytes: 0,
            follows: Vec::new(),
            tail: 0,
            models_end: 0,
            place: 0,
            is_conversation: false,
            before: 0,
            next: 0,
            spare: body.len(),
        }
    }

    /// The items to come are in, or are, the member with this key.
    pub(super) fn enter(&mut self, key: &[u8], slot: Slot, is_list: bool) {
        self.is_conversation = is_list && slot.form == Form::Items;
        let Some(memo) = self.memo else { return };
        let names = [self.dialect as u8, u8::from(is_list)];
        let names = memo.key.digest(&names).rotate_left(1);
        self.place = memo.key.digest(key).wrapping_add(names);
        self.before = self.place;
        self.next = memo.known(self.place).map_or(0, |known| known.next);
    }

    /// The end of the item at `start`, if it is known and as long as the one that stood here before.
    pub(super) fn known_at(&mut self, start: usize) -> Option<usize> {
        let memo = self.memo.filter(|_| self.next <= self.spare)?;
        let end = start + self.next;
        let bytes = self.body.get(start..end)?;
        // only of a value that says itself where it ends the same bytes are the same value
        if !matches!(bytes.last(), Some(b'"' | b'}' | b']')) {
            return None;
        }
        let digest = memo.key.digest(bytes) ^ self.place;
        let Some(known) = memo.known(digest) else {
            self.spare -= self.next;
            return None;
        };
        self.is_known(start, end, digest, known);
        Some(end)
    }

    /// An item was walked. Whether it is known nevertheless. Of one that is no whole value nobody may guess the end.
    pub(super) fn add(&mut self, start: usize, end: usize, is_models: bool, is_whole: bool) -> bool {
        let digest = self.memo.map_or(0, |memo| memo.key.digest(&self.body[start..end]) ^ self.place);
        if is_whole && self.memo.is_some() {
            let is_place = self.before == self.place;
            self.follows.push(Follows { digest: self.before, is_place, length: end - start });
        }
        let known = self.memo.and_then(|memo| memo.known(digest));
        let was_known = known.is_some();
        if let Some(known) = known {
            self.is_known(start, end, digest, known);
        } else {
            self.new.push(Item { start, end, digest, is_models });
            self.went(end, is_models);
            (self.before, self.next) = (digest, 0);
        }
        was_known
    }

    fn is_known(&mut self, start: usize, end: usize, digest: u128, known: Known<N>) {
        self.known_bytes += end - start;
        self.known.extend(known.note.map(|note| (start, note)));
        self.went(end, known.is_models);
        (self.before, self.next) = (digest, known.next);
    }

    fn went(&mut self, end: usize, is_models: bool) {
        self.count += 1;
        if is_models {
            self.models_end = end;
        } else if self.is_conversation {
            self.tail = self.models_end;
        }
    }
}
