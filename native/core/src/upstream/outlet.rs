//! The way out of one exchange: exactly one last completion, even when the task panics.

use std::sync::Arc;

use super::completion::Completion;
use super::failure::{Failure, FailureCode};
use super::queue::{DataEntry, Exchange, Queue};
use super::window::Window;

pub(super) struct Outlet {
    exchange: Arc<Exchange>,
    queue: Arc<Queue>,
    data_entry: DataEntry,
    ended: bool,
}

impl Outlet {
    pub(super) fn new(exchange: Arc<Exchange>, queue: Arc<Queue>) -> Self {
        Self { exchange, queue, data_entry: None, ended: false }
    }

    pub(super) fn window(&self) -> &Window {
        &self.exchange.window
    }

    pub(super) fn push_data(&mut self, data: &[u8]) {
        if !data.is_empty() {
            self.exchange.window.forwarded(data.len());
            self.queue.push_data(&self.exchange, &mut self.data_entry, data);
        }
    }

    pub(super) fn push(&mut self, completion: Completion) {
        self.exchange.window.forwarded(completion.payload_bytes());
        self.data_entry = None; // order: bytes that come later must not join an entry before this one
        self.queue.push(&self.exchange, completion, false);
    }

    pub(super) fn end(&mut self, completion: Completion) {
        self.ended = true;
        self.queue.push(&self.exchange, completion, true);
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        // After a cancel or a close the queue refuses this; what is left is a panic in our code.
        if !self.ended {
            let failure = Failure::new(FailureCode::Protocol, "the exchange stopped by a fault of the gateway");
            self.end(Completion::Failed(failure, None));
        }
    }
}
