//! Turning the chunks of a streamed body into completions: framed and tapped, or raw.

use super::completion::{Completion, Summary};
use super::exchange::too_large;
use super::failure::{Failure, FailureCode};
use super::outlet::Outlet;
use super::request::Options;
use super::window::Window;
use crate::eventstream::{EventStreamFramer, FrameError};
use crate::sse::{EventTooLarge, SseFramer};
use crate::tap::{Tap, Verdict};

/// How a stream is cut into events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Sse,
    AwsEventStream,
}

enum Framer {
    /// The bytes are no plain event stream.
    Raw,
    Sse(SseFramer),
    AwsEventStream(EventStreamFramer),
}

pub(super) struct StreamReader {
    outlet: Outlet,
    framer: Framer,
    sorter: Sorter,
    max_response_bytes: u64,
}

/// Events on their way: what goes to the client gathers in `ready` until something else must be said.
struct Sorter {
    tap: Tap,
    ready: Vec<u8>,
    body_bytes: u64,
}

impl StreamReader {
    pub(super) fn new(outlet: Outlet, options: &Options, framing: Option<Framing>, max_event_bytes: usize) -> Self {
        let tap = Tap::new(options.tap, options.drop_usage_chunk);
        let framer = match framing {
            None => Framer::Raw,
            Some(Framing::Sse) => Framer::Sse(SseFramer::new(max_event_bytes, options.tap.has_bare_errors())),
            Some(Framing::AwsEventStream) => Framer::AwsEventStream(EventStreamFramer::new(max_event_bytes)),
        };
        Self {
            outlet,
            framer,
            sorter: Sorter { tap, ready: Vec::new(), body_bytes: 0 },
            max_response_bytes: options.max_response_bytes,
        }
    }

    pub(super) fn window(&self) -> &Window {
        self.outlet.window()
    }

    /// Queue what is complete now, and tell whether anything was. On an error, all that was complete before it is queued.
    pub(super) fn take(&mut self, chunk: &[u8]) -> Result<bool, Failure> {
        let room = match self.max_response_bytes {
            0 => usize::MAX,
            limit => usize::try_from(limit - self.sorter.body_bytes).unwrap_or(usize::MAX),
        };
        let fits = &chunk[..chunk.len().min(room)];
        self.sorter.body_bytes += fits.len() as u64;
        let (sorter, outlet) = (&mut self.sorter, &mut self.outlet);
        let mut is_any_whole = false;
        let mut sort = |event: &[u8], outlet: &mut Outlet| {
            is_any_whole = true;
            sorter.sort(event, outlet);
        };
        let fed = match &mut self.framer {
            Framer::Raw => {
                outlet.push_data(fits);
                is_any_whole = true;
                Ok(())
            }
            Framer::Sse(framer) => framer.feed(fits, |event| sort(event, outlet)).map_err(too_large_event),
            Framer::AwsEventStream(framer) => framer.feed(fits, |event| sort(event, outlet)).map_err(broken_stream),
        };
        sorter.flush(outlet);
        fed?;
        if fits.len() < chunk.len() { Err(too_large(self.max_response_bytes)) } else { Ok(is_any_whole) }
    }

    pub(super) fn end(mut self) {
        if let Framer::Sse(framer) = &mut self.framer
            && let Some(event) = framer.finish()
        {
            self.sorter.sort(&event, &mut self.outlet);
            self.sorter.flush(&mut self.outlet);
        }
        let summary = Box::new(self.sorter.summary());
        self.outlet.end(Completion::End(summary));
    }

    pub(super) fn fail(mut self, failure: Failure) {
        let summary = Box::new(self.sorter.summary());
        self.outlet.end(Completion::Failed(failure, Some(summary)));
    }
}

impl Sorter {
    #[inline]
    fn sort(&mut self, event: &[u8], outlet: &mut Outlet) {
        match self.tap.event(event) {
            Verdict::Forward => self.ready.extend_from_slice(event),
            Verdict::Drop => {}
            Verdict::Terminal => {
                self.flush(outlet);
                outlet.push(Completion::Terminal(event.to_vec(), Box::new(self.summary())));
            }
        }
    }

    fn flush(&mut self, outlet: &mut Outlet) {
        outlet.push_data(&self.ready);
        self.ready.clear();
    }

    fn summary(&self) -> Summary {
        Summary { captures: self.tap.captures().clone(), body_bytes: self.body_bytes }
    }
}

fn too_large_event(error: EventTooLarge) -> Failure {
    event_too_large(error.max_event_bytes)
}

fn broken_stream(error: FrameError) -> Failure {
    match error {
        FrameError::TooLarge { max_event_bytes } => event_too_large(max_event_bytes),
        FrameError::Broken(broken) => Failure::new(FailureCode::Protocol, format!("broken event stream: {broken}")),
    }
}

fn event_too_large(limit: usize) -> Failure {
    Failure::new(FailureCode::EventTooLarge, format!("an event is longer than {limit} bytes"))
}
