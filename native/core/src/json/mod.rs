//! Looking into JSON bytes without building values: a strict scan of a whole body, and a lenient finder.

pub(crate) mod block;
mod conversation;
mod error;
mod find;
mod members;
mod scan;
mod text;
mod text_view;

pub use conversation::{conversation_digest, last_items};
pub use error::{JsonError, JsonErrorKind};
pub use find::{elements, find_member, find_path, is_key, members};
pub use scan::scan_object;
pub use text::quoted;
pub use text_view::{Dialect, Kind, MAX_DEPTH, Memo, Paths, Piece, TextView, WayBack, path_of, text_into};
