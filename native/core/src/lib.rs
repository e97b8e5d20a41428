//! The parts of agentcc that are faster outside Python, without Python: JSON peek, digests, hash chains, framing and taps of event streams, body
//! decoding, and the upstream HTTP client. It knows HTTP, framing and dialect fields; it knows no policy.

pub mod chain;
pub mod decode;
pub mod digest;
pub mod eventstream;
pub mod json;
pub mod seal;
pub mod spots;
pub mod sse;
pub mod tap;
pub mod upstream;
