//! Flow control of one exchange: reading pauses while too much is forwarded and not yet acknowledged.

use std::sync::atomic::{AtomicU64, Ordering::AcqRel, Ordering::Acquire};

use tokio::sync::Notify;

/// Shared by the reader (upstream thread) and the one who acknowledges (Python's thread).
#[derive(Debug)]
pub(super) struct Window {
    /// 0: never pauses.
    limit_bytes: u64,
    unacked_bytes: AtomicU64,
    reopened: Notify,
}

impl Window {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self { limit_bytes, unacked_bytes: AtomicU64::new(0), reopened: Notify::new() }
    }

    pub(super) fn forwarded(&self, bytes: usize) {
        if self.limit_bytes > 0 {
            self.unacked_bytes.fetch_add(bytes as u64, AcqRel);
        }
    }

    /// Acknowledging more than was forwarded counts as all of it.
    pub(super) fn ack(&self, bytes: u64) {
        if self.limit_bytes == 0 {
            return;
        }
        let take = |unacked: u64| Some(unacked.saturating_sub(bytes));
        let before = self.unacked_bytes.fetch_update(AcqRel, Acquire, take).unwrap_or_default();
        if before >= self.limit_bytes && before.saturating_sub(bytes) < self.limit_bytes {
            self.reopened.notify_one();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.limit_bytes > 0 && self.unacked_bytes.load(Acquire) >= self.limit_bytes
    }

    pub(super) async fn wait_until_open(&self) {
        while self.is_closed() {
            self.reopened.notified().await; // a permit is kept, so an ack between the two lines is not lost
        }
    }
}
