//! The parts of agentcc that are faster outside Python, without Python: JSON peek, hash chains, SSE framing and taps, body
//! decoding, and the upstream HTTP client. It knows HTTP, framing and dialect fields; it knows no policy.

pub mod chain;
pub mod decode;
pub mod json;
pub mod sse;
pub mod tap;
pub mod upstream;
