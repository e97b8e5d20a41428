//! The queue without a network: coalescing, cancelling, signalling.

use super::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::task::{Context, Waker};

struct Bench {
    queue: Queue,
}

fn bench() -> Bench {
    Bench { queue: Queue::new().unwrap() }
}

impl Bench {
    fn exchange(&self, id: u64) -> Arc<Exchange> {
        let exchange = Arc::new(Exchange::new(id, 0));
        self.queue.register(Arc::clone(&exchange)).unwrap();
        exchange
    }

    fn is_readable(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.queue.fd(), PollFlags::IN)];
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() == 1
    }

    fn drained(&self) -> Vec<(u64, Vec<u8>)> {
        let data = |c| if let Completion::Data(data) = c { data } else { b"?".to_vec() };
        self.queue.drain().into_iter().filter_map(|(id, c)| Some((id, data(c?)))).collect()
    }
}

#[test]
fn bytes_join_the_undrained_entry_of_their_own_exchange() {
    let bench = bench();
    let (a, b) = (bench.exchange(1), bench.exchange(2));
    let (mut at_a, mut at_b) = (None, None);
    assert!(!bench.is_readable());
    for (bytes_a, bytes_b) in [(b"a1", b"b1"), (b"a2", b"b2")] {
        bench.queue.push_data(&a, &mut at_a, bytes_a);
        bench.queue.push_data(&b, &mut at_b, bytes_b);
    }
    assert!(!bench.is_readable()); // not before the upstream thread is about to sleep
    bench.queue.announce();
    assert!(bench.is_readable());
    assert_eq!(bench.queue.stats(), Stats { in_flight: 2, queued: 2, queued_bytes: 8 });
    assert_eq!(bench.drained(), [(1, b"a1a2".to_vec()), (2, b"b1b2".to_vec())]);
    assert!(!bench.is_readable());
    bench.queue.push_data(&b, &mut at_b, b"b3");
    bench.queue.push_data(&a, &mut at_a, b"a3");
    assert_eq!(bench.drained(), [(2, b"b3".to_vec()), (1, b"a3".to_vec())]);
}

#[test]
fn a_cancelled_exchange_leaves_nothing_behind() {
    let bench = bench();
    let (a, b) = (bench.exchange(1), bench.exchange(2));
    let mut at = None;
    bench.queue.push_data(&a, &mut at, b"a");
    bench.queue.push_data(&b, &mut None, b"b");
    assert!(bench.queue.cancel(1));
    assert!(!bench.queue.cancel(1));
    assert!(a.stop.is_asked(&Context::from_waker(Waker::noop()))); // its task is to end
    bench.queue.push_data(&a, &mut at, b"late");
    let again = bench.exchange(1);
    bench.queue.push_data(&again, &mut None, b"new");
    assert_eq!(bench.queue.stats(), Stats { in_flight: 2, queued: 3, queued_bytes: 4 });
    assert_eq!(bench.drained(), [(2, b"b".to_vec()), (1, b"new".to_vec())]);
}

#[test]
fn an_id_in_flight_and_a_closed_client_are_refused() {
    let bench = bench();
    bench.exchange(1);
    assert!(bench.queue.register(Arc::new(Exchange::new(1, 0))).is_err());
    assert!(bench.queue.close());
    assert!(!bench.queue.close());
    assert!(bench.queue.register(Arc::new(Exchange::new(2, 0))).is_err());
}

#[test]
fn many_completions_wake_the_reader_even_while_the_upstream_thread_is_busy() {
    let bench = bench();
    let exchanges: Vec<_> = (0..WAKE_AT as u64).map(|id| bench.exchange(id)).collect();
    for (sent, exchange) in exchanges.iter().enumerate() {
        assert!(!bench.is_readable(), "after {sent}");
        bench.queue.push_data(exchange, &mut None, b"x");
    }
    assert!(bench.is_readable());
}
