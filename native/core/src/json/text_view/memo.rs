//! What a session's next body has in common with the one before: its beginning and its end, by keyed digests.
//!
//! An agent sends its whole history each time. A body is cut after each member of the request and after each element of its
//! conversation; the memo has a digest of each cut. Where the raw bytes of the first cuts, and of the last members, are as
//! they were, so are their pieces. Bodies are not kept.

use super::{Dialect, TextView};
use crate::digest::digest;

/// Right after a value: of a member of the request, or of an element of its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Border {
    pub(super) at: usize,
    pub(super) is_top: bool,
}

#[derive(Clone, Debug)]
struct Cut {
    end: Border,
    digest: [u8; 16],
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Memo {
    pub(super) dialect: Dialect,
    seed: u64,
    length: usize,
    cuts: Vec<Cut>,
}

/// What of a body is as in the memo.
pub(super) struct Kept {
    pub(super) prefix_end: Border,
    pub(super) suffix_start: usize,
}

impl Memo {
    pub(super) fn new(body: &[u8], view: &TextView, seed: u64, previous: Option<&Self>) -> Self {
        let previous = previous.filter(|memo| memo.dialect == view.dialect);
        let known = previous.filter(|memo| memo.seed == seed).map_or(&[][..], |memo| &memo.cuts);
        // the cuts of the kept beginning are as they were
        let kept = if view.kept_prefix == 0 { 0 } else { known.partition_point(|cut| cut.end.at <= view.kept_prefix) };
        let mut cuts = known[..kept].to_vec();
        let mut start = cuts.last().map_or(0, |cut| cut.end.at);
        let mut add = |end: Border| {
            if end.at > start {
                cuts.push(Cut { end, digest: digest(&body[start..end.at], seed) });
                start = end.at;
            }
        };
        view.borders.iter().copied().for_each(&mut add);
        if let Some(memo) = previous.filter(|_| view.kept_suffix > 0) {
            // those of the kept end moved with it
            let (old_start, new_start) = (memo.length - view.kept_suffix, body.len() - view.kept_suffix);
            for cut in memo.cuts.iter().filter(|cut| cut.end.at > old_start) {
                add(Border { at: cut.end.at - old_start + new_start, ..cut.end });
            }
        }
        add(Border { at: body.len(), is_top: true });
        Self { dialect: view.dialect, seed, length: body.len(), cuts }
    }

    /// How much of `body`, at its beginning and its end, is as it was. `None` when nothing is.
    pub(super) fn kept_of(&self, body: &[u8]) -> Option<Kept> {
        let mut prefix_end = None;
        let mut start = 0;
        let (_, inner) = self.cuts.split_last()?; // the last cut has no value after it
        for cut in inner {
            let Some(bytes) = body.get(start..cut.end.at) else { break };
            if digest(bytes, self.seed) != cut.digest {
                break;
            }
            start = cut.end.at;
            prefix_end = Some(cut.end);
        }
        let prefix_end = prefix_end?;
        let mut suffix = 0;
        for pair in self.cuts.windows(2).rev() {
            let [before, cut] = pair else { break };
            let wanted = self.length - before.end.at;
            if !before.end.is_top || before.end.at < start || wanted > body.len() - start {
                break;
            }
            let from = body.len() - wanted;
            let bytes = &body[from..body.len() - suffix];
            if bytes.len() != cut.end.at - before.end.at || digest(bytes, self.seed) != cut.digest {
                break;
            }
            suffix = wanted;
        }
        Some(Kept { prefix_end, suffix_start: body.len() - suffix })
    }
}
