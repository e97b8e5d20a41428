//! The text view: every string of a request body, each with what it is, found in the raw bytes.
//!
//! The rule: nothing that leaves is unseen. Each string value is one [`Piece`]; what need not be scanned is a piece too, of a
//! kind that says why ([`Kind::Word`], [`Kind::Media`], [`Kind::Sealed`]), and only values that look the part get such a kind.
//! Keys are pieces unless they are known member names of the dialects or of JSON Schema.
//!
//! For bodies that `scan_object` has passed: the walk checks no more than it must to find its way, and refuses the rest.

mod cut;
mod items;
mod kind;
mod memo;
mod names;
mod path;
mod unescape;
mod walk;

#[cfg(test)]
mod tests;

pub use kind::{Dialect, Kind, Piece};
pub use memo::Memo;
pub use path::{Paths, path_of};
pub use unescape::{WayBack, text_into};

use std::collections::HashMap;
use std::sync::Arc;

use super::error::JsonError;
use items::Items;
use memo::{Follows, Item};
use unescape::write_text;
use walk::Walk;

/// More nesting than this is refused, unless the caller says otherwise; as in `scan_object`'s binding.
pub const MAX_DEPTH: usize = 512;

/// The pieces of a body, in its order.
#[derive(Debug)]
pub struct TextView<N> {
    /// Those of the items that the memo does not know; all without one.
    pub pieces: Vec<Piece>,
    /// Where in the body known items begin that have a note.
    pub known: Vec<(usize, Arc<N>)>,
    /// The length of all known items.
    pub known_bytes: usize,
    /// Where what follows the model's last words begins: behind the last element of a conversation that is the model's and has
    /// another's behind it. 0 when there is none.
    pub tail: usize,
    items: Vec<Item>,
    follows: Vec<Follows>,
}

impl<N> TextView<N> {
    /// View `body`. Only what the `memo` does not know is looked at.
    ///
    /// # Errors
    /// `TooDeep`, or `Malformed` where the walk cannot go on.
    pub fn new(body: &[u8], dialect: Dialect, memo: Option<&Memo<N>>, max_depth: usize) -> Result<Self, JsonError> {
        let mut walk = Walk::new(body, dialect, memo, max_depth);
        walk.run()?;
        let (pieces, Items { new, known, known_bytes, tail, follows, .. }) = (walk.pieces, walk.items);
        Ok(Self { pieces, known, known_bytes, tail, items: new, follows })
    }

    /// The texts of the pieces from the `first` on whose kinds are in a mask of `1 << kind`, in one: a zero byte behind each.
    /// And where in it each begins, with its index. `body` is the one that was viewed.
    #[must_use]
    pub fn joined(&self, body: &[u8], kinds: u32, first: usize) -> (Vec<u8>, Vec<(usize, usize)>) {
        let all = self.pieces.iter().enumerate().skip(first);
        let wanted = all.filter(|(_, piece)| kinds >> piece.kind as u8 & 1 == 1);
        let most: usize = wanted.clone().map(|(_, piece)| piece.end - piece.start + 1).sum();
        let mut text = vec![0; most + unescape::SLACK];
        let mut starts = Vec::with_capacity(self.pieces.len());
        let mut end = 0;
        for (index, piece) in wanted {
            starts.push((end, index));
            end += write_text(body, piece.start..piece.end, piece.is_arguments, &mut text[end..]);
            text[end] = 0;
            end += 1;
        }
        text.truncate(end);
        (text, starts)
    }

    /// The new item that the byte at `offset` of the body is in: its index, and where it begins.
    #[must_use]
    pub fn item_of(&self, offset: usize) -> Option<(usize, usize)> {
        let index = self.items.partition_point(|item| item.start <= offset).checked_sub(1)?;
        let item = self.items.get(index).filter(|item| offset < item.end)?;
        Some((index, item.start))
    }

    /// How many new items there are.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.items.len()
    }

    /// All new items are known from now on, with the `notes` of those that have any, by index.
    pub fn remember(&self, memo: &Memo<N>, notes: HashMap<usize, N>) {
        memo.remember(&self.items, notes, &self.follows);
    }
}
