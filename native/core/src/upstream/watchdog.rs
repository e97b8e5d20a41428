//! The clock of one exchange, and the end of its patience when it is stopped: one timer, moved only when it fires or must fire earlier.
//!
//! A stream of a thousand chunks would otherwise set a timer a thousand times.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use super::failure::{Failure, FailureCode};
use super::queue::Exchange;

/// A moment and what it means to reach it.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    code: FailureCode,
    limit_ms: u64,
}

impl Deadline {
    /// `None` when `limit_ms` is 0.
    pub(super) fn after(start: Instant, limit_ms: u64, code: FailureCode) -> Option<Self> {
        let at = start.checked_add(Duration::from_millis(limit_ms)).filter(|_| limit_ms > 0)?;
        Some(Self { at, code, limit_ms })
    }

    fn failure(self) -> Failure {
        let what = match self.code {
            FailureCode::TimeoutFirstByte => "no response head",
            FailureCode::TimeoutIdle => "no byte of the body, or no whole event,",
            _ => "no end of the answer",
        };
        Failure::new(self.code, format!("{what} within {} ms", self.limit_ms))
    }
}

pub(super) struct Watchdog {
    exchange: Arc<Exchange>,
    total: Option<Deadline>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Watchdog {
    pub(super) fn new(exchange: Arc<Exchange>, total: Option<Deadline>) -> Self {
        Self { exchange, total, timer: None }
    }

    /// Await `work`, at most until `stage`, until the end of the total time, and until the exchange is stopped.
    pub(super) async fn watch<F: Future>(&mut self, stage: Option<Deadline>, work: F) -> Result<F::Output, Failure> {
        let deadline = match (stage, self.total) {
            (Some(a), Some(b)) => Some(if b.at < a.at { b } else { a }),
            (a, b) => a.or(b),
        };
        let mut work = pin!(work);
        poll_fn(|cx| {
            if self.exchange.stop.is_asked(cx) {
                return Poll::Ready(Err(Failure::new(FailureCode::Cancelled, "stopped by the gateway")));
            }
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            match deadline {
                Some(deadline) if self.is_reached(deadline.at, cx) => Poll::Ready(Err(deadline.failure())),
                _ => Poll::Pending,
            }
        })
        .await
    }

    fn is_reached(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= at {
                return true;
            }
            timer.as_mut().reset(at);
        }
        false
    }
}
