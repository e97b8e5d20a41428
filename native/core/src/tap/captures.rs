//! What a tap keeps.

/// How the answer ended, as far as its events say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// No event has said so.
    #[default]
    None,
    /// Complete.
    Ok,
    /// Ended early by a limit or a filter, on purpose.
    Incomplete,
    /// The upstream reported an error.
    Failed,
}

impl Status {
    /// The stable spelling, as Python sees it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Ok => "ok",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }
}

/// Raw JSON of the fields that matter for the record of an exchange, and counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    /// How it ended.
    pub status: Status,
    /// The usage object; for anthropic that of `message_start`.
    pub usage: Option<Vec<u8>>,
    /// Anthropic: the usage of the last `message_delta`. `OpenAI` Chat: the first chunk that names a service tier of
    /// another price.
    pub usage2: Option<Vec<u8>>,
    /// The model, a JSON string with its quotes.
    pub model: Option<Vec<u8>>,
    /// The error, as the dialect spells it.
    pub error: Option<Vec<u8>>,
    /// Events that carried a piece of the answer.
    pub delta_events: u64,
    /// About how many bytes of answer they carried: raw JSON less a fixed frame per event.
    pub delta_bytes: u64,
    /// The dialect's mark of an ended answer was there: a finish reason, or the terminal event.
    pub finish_seen: bool,
}

impl Captures {
    /// Count one delta of `raw_bytes` JSON bytes, of which `frame_bytes` are no answer.
    pub(super) fn count_delta(&mut self, raw_bytes: usize, frame_bytes: usize) {
        self.delta_events += 1;
        self.delta_bytes += raw_bytes.saturating_sub(frame_bytes) as u64;
    }

    /// Keep the first model that says something: Azure opens with `"model":""`.
    pub(super) fn keep_first_model(&mut self, raw: &[u8]) {
        if self.model.is_none() && raw.len() > 2 && raw[0] == b'"' {
            self.model = Some(raw.to_vec());
        }
    }

    pub(super) fn fail(&mut self, error: &[u8]) {
        self.status = Status::Failed;
        self.error = Some(error.to_vec());
    }
}

/// Overwrite `slot` when `raw` is an object (usage is `null` until it is known).
pub(super) fn keep_object(slot: &mut Option<Vec<u8>>, raw: &[u8]) {
    if raw.first() == Some(&b'{') {
        *slot = Some(raw.to_vec());
    }
}

/// True for a value that is there and says something.
pub(super) fn is_present(raw: &[u8]) -> bool {
    !raw.is_empty() && raw != b"null"
}

/// The inside of a JSON string's quotes.
pub(super) fn unquoted(raw: &[u8]) -> &[u8] {
    raw.strip_prefix(b"\"").and_then(|r| r.strip_suffix(b"\"")).unwrap_or(raw)
}
