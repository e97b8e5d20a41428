//! Enough connections for long streams over h2.
//!
//! hyper keeps one h2 connection per origin, and a peer allows about a hundred streams on it; what is above that waits
//! unseen until one ends. Model streams last minutes. So exchanges are spread over several pools: the first pool with
//! room takes the next exchange of an origin, which keeps low pools warm and lets the others run dry. HTTP/1.1 needs none
//! of this, and an origin that turns out to speak it only has its idle connections in more than one place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::uri::{Authority, Scheme};
use hyper_util::client::legacy::ResponseFuture;

use super::Client;
use super::request::UpstreamRequest;

/// RFC 9113 advises peers to allow no fewer than 100 streams; below that with a margin for those that do not listen.
const STREAMS_PER_CONNECTION: u32 = 64;

pub(super) struct Pools {
    make: Box<dyn Fn() -> Client + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pools: Vec<Client>,
    /// Exchanges in flight, by origin and pool.
    load: HashMap<Authority, Vec<u32>>,
}

/// A place in a pool; given back on drop.
pub(super) struct Place {
    pools: Arc<Pools>,
    origin: Authority,
    index: usize,
}

impl Pools {
    pub(super) fn new(make: impl Fn() -> Client + Send + Sync + 'static) -> Arc<Self> {
        let state = State { pools: vec![make()], load: HashMap::new() };
        Arc::new(Self { make: Box::new(make), state: Mutex::new(state) })
    }

    /// What will answer `request`. Hold the place until the exchange has ended.
    pub(super) fn request(self: &Arc<Self>, request: UpstreamRequest) -> (ResponseFuture, Option<Place>) {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        let uri = request.uri();
        let Some(origin) = uri.authority().filter(|_| uri.scheme() == Some(&Scheme::HTTPS)).cloned() else {
            return (state.pools[0].request(request), None); // never h2
        };
        let index = state.take_place(&origin);
        if index == state.pools.len() {
            state.pools.push((self.make)());
        }
        let place = Place { pools: Arc::clone(self), origin, index };
        (state.pools[index].request(request), Some(place))
    }
}

impl State {
    /// Index of the first pool with room for one more exchange with `origin`; it may be one past the last.
    fn take_place(&mut self, origin: &Authority) -> usize {
        if !self.load.contains_key(origin) {
            self.load.insert(origin.clone(), Vec::new());
        }
        let Some(load) = self.load.get_mut(origin) else { return 0 };
        let index = load.iter().position(|taken| *taken < STREAMS_PER_CONNECTION).unwrap_or(load.len());
        if index == load.len() {
            load.push(0);
        }
        load[index] += 1;
        index
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.pools.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(load) = state.load.get_mut(&self.origin) {
            load[self.index] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pool_with_room_is_taken() {
        let mut state = State::default();
        let (a, b) = (Authority::from_static("a"), Authority::from_static("b:1"));
        let picks: Vec<_> = (0..130).map(|_| state.take_place(&a)).collect();
        assert_eq!((picks[63], picks[64], picks[128]), (0, 1, 2));
        assert_eq!(state.take_place(&b), 0);
        state.load.get_mut(&a).unwrap()[0] -= 1;
        assert_eq!((state.take_place(&a), state.take_place(&a)), (0, 2));
    }
}
