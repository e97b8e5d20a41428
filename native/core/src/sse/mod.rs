//! Server-sent events: cutting a stream into events, and reading one event.

mod bare;
mod event;
mod framer;

pub use event::Event;
pub use framer::{EventTooLarge, SseFramer, events};
