//! Where the upstream thread and Python's thread meet: completions on their way out, and the exchanges in flight.
//!
//! One mutex, held for a push or a swap and never across I/O. The eventfd is written when the upstream thread has done all
//! that it can do now and is about to sleep, or when many completions wait: one wake-up for a whole batch. Waking for the
//! first completion of a burst would cost a thread switch for each of them where both threads share a core.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::completion::Completion;
use super::stop::Stop;
use super::window::Window;
use rustix::event::{EventfdFlags, eventfd};

/// The part of an exchange that both threads see.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: u64,
    pub(super) window: Window,
    pub(super) stop: Stop,
    /// Set under the queue's lock; from then on nothing of this exchange may be queued.
    cancelled: AtomicBool,
}

impl Exchange {
    pub(super) fn new(id: u64, window_bytes: u64) -> Self {
        Self { id, window: Window::new(window_bytes), stop: Stop::default(), cancelled: AtomicBool::new(false) }
    }
}

/// Counts for `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Exchanges started and not ended.
    pub in_flight: usize,
    /// Completions not yet drained.
    pub queued: usize,
    /// Their payload.
    pub queued_bytes: usize,
}

/// Completions that wake Python's thread even though the upstream thread has more to do.
const WAKE_AT: usize = 64;

/// Ids are counted by our own caller, so nobody can choose them to collide: spread them, and spare them a keyed hash.
#[derive(Default)]
struct Ids(u64);

impl Hasher for Ids {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        self.0 = (self.0.rotate_left(5) ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// Completions were queued since the last write to the eventfd.
    unannounced: AtomicBool,
    ready: OwnedFd,
}

#[derive(Default)]
struct State {
    /// `None` in place of what a cancel took back.
    entries: VecDeque<(u64, Option<Completion>)>,
    /// Number of the first entry, counted since the beginning; see `DataEntry`.
    first_number: u64,
    queued_bytes: usize,
    in_flight: HashMap<u64, Arc<Exchange>, BuildHasherDefault<Ids>>,
    closed: bool,
}

/// Number of the entry that this exchange's next bytes may be appended to.
pub(super) type DataEntry = Option<u64>;

impl Queue {
    pub(super) fn new() -> std::io::Result<Self> {
        let ready = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { state: Mutex::default(), unannounced: AtomicBool::new(false), ready })
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }

    /// Register an exchange, before it is started.
    pub(super) fn register(&self, exchange: Arc<Exchange>) -> Result<(), &'static str> {
        let mut state = self.lock();
        if state.closed {
            return Err("the upstream client is closed");
        }
        if state.in_flight.contains_key(&exchange.id) {
            return Err("an exchange with this id is in flight");
        }
        state.in_flight.insert(exchange.id, exchange);
        Ok(())
    }

    /// Queue bytes, onto the exchange's last entry if that is still here.
    pub(super) fn push_data(&self, exchange: &Exchange, entry: &mut DataEntry, data: &[u8]) {
        let mut guard = self.lock();
        let state = &mut *guard;
        if state.closed || exchange.cancelled.load(Relaxed) {
            return;
        }
        state.queued_bytes += data.len();
        let index = entry.and_then(|number| number.checked_sub(state.first_number));
        let last = index.and_then(|index| state.entries.get_mut(usize::try_from(index).ok()?));
        if let Some((_, Some(Completion::Data(waiting)))) = last {
            waiting.extend_from_slice(data);
            return;
        }
        *entry = Some(state.first_number + state.entries.len() as u64);
        self.append(guard, exchange.id, Completion::Data(data.to_vec()));
    }

    /// Queue anything else; with `last`, the exchange is over.
    pub(super) fn push(&self, exchange: &Exchange, completion: Completion, last: bool) {
        let mut state = self.lock();
        if state.closed || exchange.cancelled.load(Relaxed) {
            return;
        }
        if last {
            state.in_flight.remove(&exchange.id);
        }
        state.queued_bytes += completion.payload_bytes();
        self.append(state, exchange.id, completion);
    }

    fn append(&self, mut state: MutexGuard<'_, State>, id: u64, completion: Completion) {
        state.entries.push_back((id, Some(completion)));
        let waiting = state.entries.len();
        drop(state);
        self.unannounced.store(true, Relaxed);
        if waiting.is_multiple_of(WAKE_AT) {
            self.announce();
        }
    }

    /// Wake Python's thread if something was queued since the last time. The upstream thread calls it before it sleeps.
    pub(super) fn announce(&self) {
        if self.unannounced.swap(false, Relaxed) {
            // Can only fail when the counter is full, and then it is readable already.
            let _ = rustix::io::write(&self.ready, &1u64.to_ne_bytes());
        }
    }

    /// Take everything and clear the eventfd. A push in between leaves it readable: at worst one empty drain.
    pub(super) fn drain(&self) -> VecDeque<(u64, Option<Completion>)> {
        let _ = rustix::io::read(&self.ready, &mut [0u8; 8]); // fails when it is clear already
        let mut state = self.lock();
        state.first_number += state.entries.len() as u64;
        state.queued_bytes = 0;
        std::mem::take(&mut state.entries)
    }

    /// Take an exchange back, with what it has queued. False when it is not in flight and has nothing queued.
    pub(super) fn cancel(&self, id: u64) -> bool {
        let mut guard = self.lock();
        let state = &mut *guard;
        let found = state.in_flight.remove(&id);
        let mut taken = false;
        for (_, slot) in state.entries.iter_mut().filter(|(owner, _)| *owner == id) {
            if let Some(completion) = slot.take() {
                state.queued_bytes -= completion.payload_bytes();
                taken = true;
            }
        }
        let Some(exchange) = found else { return taken };
        exchange.cancelled.store(true, Relaxed);
        drop(guard);
        exchange.stop.ask(); // its last words are refused here
        true
    }

    /// Ask an exchange in flight to end by itself. False when it is not in flight.
    pub(super) fn stop(&self, id: u64) -> bool {
        let exchange = self.lock().in_flight.get(&id).cloned();
        exchange.as_ref().inspect(|exchange| exchange.stop.ask()).is_some()
    }

    pub(super) fn ack(&self, id: u64, bytes: u64) {
        let exchange = self.lock().in_flight.get(&id).cloned();
        if let Some(exchange) = exchange {
            exchange.window.ack(bytes);
        }
    }

    /// Refuse everything from now on; false when that was so already.
    pub(super) fn close(&self) -> bool {
        let mut state = self.lock();
        let was_open = !std::mem::replace(&mut state.closed, true);
        state.entries.clear();
        state.queued_bytes = 0;
        state.in_flight.clear();
        was_open
    }

    pub(super) fn stats(&self) -> Stats {
        let state = self.lock();
        Stats { in_flight: state.in_flight.len(), queued: state.entries.len(), queued_bytes: state.queued_bytes }
    }

    /// A panic while the lock was held leaves nothing half done that matters more than going on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
