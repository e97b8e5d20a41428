//! The upstream HTTP client: one thread of its own, completions in batches.
//!
//! Callers start exchanges and drain completions; in between a hyper client (HTTP/1.1 and h2, pooled) does the work on a
//! thread named `agentcc-upstream`. That thread never waits for the caller. A process that forks must make its client
//! after the fork.

mod completion;
mod connection;
mod connector;
mod exchange;
mod failure;
mod outlet;
mod pools;
mod public;
mod queue;
mod request;
mod resolver;
mod stop;
mod stream;
mod tls;
mod watchdog;
mod window;

use std::collections::VecDeque;
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

pub use completion::{Completion, Head, Summary};
pub use failure::{Failure, FailureCode};
pub use queue::Stats;
pub use request::{Options, UpstreamRequest, build as build_request};

type Client = legacy::Client<connector::Connector, Full<Bytes>>;

/// A paused stream keeps up to its window unread, and unread bytes count against the connection. So: small streams in a
/// large connection, or a few slow clients would stop everyone who shares it.
const H2_STREAM_WINDOW_BYTES: u32 = 256 << 10;
const H2_CONNECTION_WINDOW_BYTES: u32 = 64 << 20;
/// An h2 connection is shared, so a dead one must be found before each new exchange has waited out its own timeout.
const H2_PING_INTERVAL: Duration = Duration::from_secs(15);
const H2_PING_TIMEOUT: Duration = Duration::from_secs(10);
/// Threads for name lookups (the system's resolver blocks).
const RESOLVER_THREADS: usize = 32;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// TCP and TLS together; 0 means no limit.
    pub connect_timeout_ms: u64,
    /// How long an unused connection is kept.
    pub pool_idle_timeout_ms: u64,
    /// How many unused connections are kept for each scheme, host and port.
    pub pool_max_idle_per_host: usize,
    /// PEM file with the only certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// Obey `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` (either case), read once.
    pub proxy_from_env: bool,
    /// Longest event of a stream.
    pub max_event_bytes: usize,
    /// Connect to addresses on the public internet only. A proxy would look names up by itself, so none is used.
    pub public_only: bool,
}

/// The client's handle on the caller's side.
pub struct Upstream {
    queue: Arc<queue::Queue>,
    /// What the thread is to start; `None` ends it. One wake-up for all that come before it has looked.
    jobs: UnboundedSender<Option<exchange::Job>>,
    pools: Arc<pools::Pools>,
    proxies: Option<Arc<Matcher>>,
    max_event_bytes: usize,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Upstream {
    /// Start the thread.
    ///
    /// # Errors
    /// In words, when the CA file is unusable or the system refuses a thread or a file descriptor.
    pub fn new(config: &Config) -> Result<Self, String> {
        let tls = tls::client_config(config.ca_file.as_deref())?;
        let proxies = (config.proxy_from_env && !config.public_only).then(|| Arc::new(Matcher::from_env()));
        let connect_timeout = Some(config.connect_timeout_ms).filter(|ms| *ms > 0).map(Duration::from_millis);
        let connector = connector::Connector::new(tls, proxies.clone(), connect_timeout, config.public_only);
        let queue = Arc::new(queue::Queue::new().map_err(|e| format!("no eventfd: {e}"))?);
        let before_sleep = Arc::clone(&queue);
        let runtime = Builder::new_current_thread()
            .on_thread_park(move || before_sleep.announce())
            .enable_io()
            .enable_time()
            .max_blocking_threads(RESOLVER_THREADS)
            .build()
            .map_err(|e| format!("no event loop: {e}"))?;
        let (jobs, arriving) = unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("agentcc-upstream".to_owned())
            .spawn(move || run_thread(runtime, arriving))
            .map_err(|e| format!("no thread: {e}"))?;
        Ok(Self {
            queue,
            jobs,
            pools: pools::Pools::new(pool_maker(config, connector)),
            proxies,
            max_event_bytes: config.max_event_bytes,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Send a request; its completions carry `id`.
    ///
    /// # Errors
    /// In words, when the id is in flight or the client is closed.
    pub fn start(&self, id: u64, mut request: UpstreamRequest, options: Options) -> Result<(), &'static str> {
        self.authorize_to_proxy(&mut request);
        let exchange = Arc::new(queue::Exchange::new(id, options.window_bytes));
        let job = exchange::Job {
            exchange: Arc::clone(&exchange),
            queue: Arc::clone(&self.queue),
            pools: Arc::clone(&self.pools),
            request,
            options,
            max_event_bytes: self.max_event_bytes,
            started: Instant::now(),
        };
        self.queue.register(exchange)?;
        self.jobs.send(Some(job)).map_err(|_| "the upstream client is closed")
    }

    /// In a tunnel the CONNECT carries the proxy's password (see the connector); a plain request carries it itself.
    fn authorize_to_proxy(&self, request: &mut UpstreamRequest) {
        if let Some(proxies) = &self.proxies
            && request.uri().scheme_str() == Some("http")
            && let Some(auth) = proxies.intercept(request.uri()).as_ref().and_then(|proxy| proxy.basic_auth())
        {
            request.headers_mut().insert(PROXY_AUTHORIZATION, auth.clone());
        }
    }

    /// Drop an exchange and its undrained completions. False when there was nothing to drop.
    pub fn cancel(&self, id: u64) -> bool {
        self.queue.cancel(id)
    }

    /// Ask an exchange to end: it fails with `cancelled` and says what it has captured. False when it has ended.
    pub fn stop(&self, id: u64) -> bool {
        self.queue.stop(id)
    }

    /// Tell that `bytes` of an exchange's data have been passed on; unknown ids are ignored.
    pub fn ack(&self, id: u64, bytes: u64) {
        self.queue.ack(id, bytes);
    }

    /// All completions since the last drain, in order; `None` where a cancel took one back.
    #[must_use]
    pub fn drain(&self) -> VecDeque<(u64, Option<Completion>)> {
        self.queue.drain()
    }

    /// Readable when completions wait. Valid as long as `self`, closed or not.
    #[must_use]
    pub fn raw_fd(&self) -> RawFd {
        self.queue.fd().as_raw_fd()
    }

    /// Counts of now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.queue.stats()
    }

    /// Cancel everything and stop the thread; waits for it, which takes as long as one poll of a task. Again: nothing.
    pub fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = self.jobs.send(None);
            let _ = thread.join();
        }
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.close();
    }
}

fn run_thread(runtime: Runtime, mut arriving: UnboundedReceiver<Option<exchange::Job>>) {
    runtime.block_on(async {
        while let Some(Some(job)) = arriving.recv().await {
            tokio::spawn(job.run());
        }
    });
    runtime.shutdown_background(); // drops every task; a name lookup that hangs is left behind
}

fn pool_maker(config: &Config, connector: connector::Connector) -> impl Fn() -> Client + use<> {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_millis(config.pool_idle_timeout_ms))
        .pool_max_idle_per_host(config.pool_max_idle_per_host)
        .http2_initial_stream_window_size(H2_STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(H2_CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(H2_PING_INTERVAL)
        .http2_keep_alive_timeout(H2_PING_TIMEOUT);
    move || builder.build(connector.clone())
}
