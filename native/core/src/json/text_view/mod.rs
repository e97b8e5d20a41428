//! The text view: every string of a request body, each with what it is, found in the raw bytes.
//!
//! The rule: nothing that leaves is unseen. Each string value is one [`Piece`]; what need not be scanned is a piece too, of a
//! kind that says why ([`Kind::Word`], [`Kind::Media`], [`Kind::Sealed`]), and only values that look the part get such a kind.
//! Keys are pieces unless they are known member names of the dialects or of JSON Schema.
//!
//! For bodies that `scan_object` has passed: the walk checks no more than it must to find its way, and refuses the rest.

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
pub use path::path_of;
pub use unescape::{raw_span, unescape_into};

use super::error::JsonError;
use walk::Walk;

/// More nesting than this is refused, unless the caller says otherwise; as in `scan_object`'s binding.
pub const MAX_DEPTH: usize = 512;

/// The pieces of a body, in its order.
#[derive(Debug)]
pub struct TextView {
    /// Those in what has changed since the memo; all without one.
    pub pieces: Vec<Piece>,
    /// So many bytes at the start are as they were when the memo was made, and have no pieces here.
    pub kept_prefix: usize,
    /// The same at the end.
    pub kept_suffix: usize,
    dialect: Dialect,
    borders: Vec<memo::Border>,
}

impl TextView {
    /// View `body`. With the `memo` of an earlier body of the session, only what differs is walked.
    ///
    /// # Errors
    /// `TooDeep`, or `Malformed` where the walk cannot go on.
    pub fn new(body: &[u8], dialect: Dialect, memo: Option<&Memo>, max_depth: usize) -> Result<Self, JsonError> {
        if let Some(memo) = memo.filter(|memo| memo.dialect == dialect)
            && let Some(kept) = memo.kept_of(body)
        {
            let mut walk = Walk::resumed(body, dialect, max_depth, kept.prefix_end, kept.suffix_start);
            // a number may go on where it ended before, and then the walk fails: it is done from the start
            if walk.run().is_ok() {
                return Ok(Self::of(walk, body.len(), dialect, kept.prefix_end.at));
            }
        }
        let mut walk = Walk::new(body, dialect, max_depth);
        walk.run()?;
        Ok(Self::of(walk, body.len(), dialect, 0))
    }

    /// What tells the next body of the session what it has in common with this one. `previous` is the memo this view was
    /// made with.
    #[must_use]
    pub fn memo(&self, body: &[u8], seed: u64, previous: Option<&Memo>) -> Memo {
        Memo::new(body, self, seed, previous)
    }

    fn of(walk: Walk<'_>, length: usize, dialect: Dialect, kept_prefix: usize) -> Self {
        let kept_suffix = length - walk.ended_at();
        let (pieces, borders) = walk.into_parts();
        Self { pieces, kept_prefix, kept_suffix, dialect, borders }
    }
}
