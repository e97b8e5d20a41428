//! A request to end an exchange early, from the caller's thread; the exchange then says what it has captured.

use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Acquire};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};

/// Shared by the exchange's task and the one who stops it.
#[derive(Debug, Default)]
pub(super) struct Stop {
    asked: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Stop {
    /// Ask the task to end; wakes it.
    pub(super) fn ask(&self) {
        if !self.asked.swap(true, AcqRel) {
            let waker = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Whether the end was asked for; if not, the task of `cx` is woken when it is.
    pub(super) fn is_asked(&self, cx: &Context<'_>) -> bool {
        if self.asked.load(Acquire) {
            return true;
        }
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *task = Some(cx.waker().clone());
        }
        drop(task);
        self.asked.load(Acquire) // asked between the two looks: nobody would wake us
    }
}
