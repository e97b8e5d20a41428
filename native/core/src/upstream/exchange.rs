//! One exchange on the upstream thread, from the request to the last completion.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::completion::{Completion, Head};
use super::failure::{Failure, FailureCode};
use super::outlet::Outlet;
use super::pools::Pools;
use super::queue::{Exchange, Queue};
use super::request::{Options, UpstreamRequest};
use super::stream::{Framing, StreamReader};
use super::watchdog::{Deadline, Watchdog};

/// All that the task needs.
pub(super) struct Job {
    pub(super) exchange: Arc<Exchange>,
    pub(super) queue: Arc<Queue>,
    pub(super) pools: Arc<Pools>,
    pub(super) request: UpstreamRequest,
    pub(super) options: Options,
    pub(super) max_event_bytes: usize,
    pub(super) started: Instant,
}

impl Job {
    /// The task. It is allocated and moved for each exchange, so it holds no more than a whole answer needs.
    pub(super) fn run(self) -> impl Future<Output = ()> + Send + use<> {
        let Self { exchange, queue, pools, request, options, max_event_bytes, started } = self;
        let mut outlet = Outlet::new(Arc::clone(&exchange), queue);
        let total = Deadline::after(started, options.total_timeout_ms, FailureCode::TimeoutTotal);
        let mut watchdog = Watchdog::new(exchange, total);
        let (response, place) = pools.request(request);
        async move {
            let first_byte = Deadline::after(started, options.first_byte_timeout_ms, FailureCode::TimeoutFirstByte);
            let response = match watchdog.watch(first_byte, response).await {
                Ok(Ok(response)) => response,
                Ok(Err(error)) => return outlet.end(Completion::Failed(Failure::of_http(&error), None)),
                Err(timeout) => return outlet.end(Completion::Failed(timeout, None)),
            };
            let ttfb_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            let (parts, body) = response.into_parts();
            // An error is read as a whole, whatever its type says: it may be plain JSON, which has no event's border.
            let is_error = parts.status.is_client_error() || parts.status.is_server_error();
            let framing = framing_of(&parts.headers).filter(|_| !is_error);
            let head = Box::new(Head { status: parts.status, headers: parts.headers, ttfb_us });
            let mut reader = BodyReader { body, watchdog, options, heard_at: Instant::now() };
            if options.collect && framing.is_none() {
                match reader.collect().await {
                    Ok(body) => outlet.end(Completion::Body(head, body)),
                    Err(failure) => outlet.end(Completion::Failed(failure, None)),
                }
            } else {
                let framing = framing.filter(|_| !is_encoded(&head.headers));
                outlet.push(Completion::Head(head));
                let stream = StreamReader::new(outlet, &options, framing, max_event_bytes);
                Box::pin(pass_on(reader, stream)).await;
            }
            drop(place);
        }
    }
}

/// Pass a stream on, chunk by chunk, to its end.
async fn pass_on(mut reader: BodyReader, mut stream: StreamReader) {
    loop {
        let failure = match reader.next_chunk().await {
            Ok(Some(chunk)) => match stream.take(&chunk) {
                Ok(true) => {
                    reader.heard_at = Instant::now();
                    None
                }
                Ok(false) => None, // bytes that make nothing whole are silence: else a byte now and then would go on for ever
                Err(failure) => Some(failure),
            },
            Ok(None) => return stream.end(),
            Err(failure) => Some(failure),
        };
        if let Some(failure) = failure {
            return stream.fail(failure);
        }
        if stream.window().is_closed() {
            if let Err(timeout) = reader.watchdog.watch(None, stream.window().wait_until_open()).await {
                return stream.fail(timeout);
            }
            reader.heard_at = Instant::now();
        }
    }
}

struct BodyReader {
    body: Incoming,
    watchdog: Watchdog,
    options: Options,
    /// When the body said something last.
    heard_at: Instant,
}

impl BodyReader {
    /// The next bytes of the body; `None` at its end. Trailers are passed over.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let idle = Deadline::after(self.heard_at, self.options.idle_timeout_ms, FailureCode::TimeoutIdle);
            match self.watchdog.watch(idle, self.body.frame()).await? {
                None => return Ok(None),
                Some(Err(error)) => return Err(Failure::of_http(&error)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if !data.is_empty() => return Ok(Some(data)),
                    _ => {}
                },
            }
        }
    }

    /// The whole body. One chunk is passed on without a copy.
    async fn collect(&mut self) -> Result<Bytes, Failure> {
        let limit = self.options.max_response_bytes;
        let announced = self.body.size_hint().lower();
        if limit > 0 && announced > limit {
            return Err(too_large(limit));
        }
        let mut whole = Bytes::new();
        let mut parts: Vec<u8> = Vec::new();
        while let Some(chunk) = self.next_chunk().await? {
            self.heard_at = Instant::now();
            let length = (whole.len() + parts.len() + chunk.len()) as u64;
            if limit > 0 && length > limit {
                return Err(too_large(limit));
            }
            if whole.is_empty() && parts.is_empty() {
                whole = chunk;
                continue;
            }
            if parts.is_empty() {
                // A lie about the length must not make us reserve much.
                let expected = usize::try_from(announced.min(1 << 20)).unwrap_or(0);
                parts.reserve(expected.max(whole.len() + chunk.len()));
                parts.extend_from_slice(&whole);
                whole = Bytes::new();
            }
            parts.extend_from_slice(&chunk);
        }
        Ok(if parts.is_empty() { whole } else { Bytes::from(parts) })
    }
}

pub(super) fn too_large(limit: u64) -> Failure {
    Failure::new(FailureCode::TooLarge, format!("the body is larger than {limit} bytes"))
}

/// How an event stream is to be cut; `None` when the body is no event stream.
fn framing_of(headers: &HeaderMap) -> Option<Framing> {
    const TYPES: [(&[u8], Framing); 2] =
        [(b"text/event-stream", Framing::Sse), (b"application/vnd.amazon.eventstream", Framing::AwsEventStream)];
    let value = headers.get(CONTENT_TYPE)?.as_bytes();
    let is = |name: &[u8]| value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    TYPES.into_iter().find(|(name, _)| is(name)).map(|(_, framing)| framing)
}

/// Compressed events cannot be framed. We never ask for them; a peer that sends them anyway gets its bytes passed on.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"))
}
