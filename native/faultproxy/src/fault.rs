//! What can go wrong in a turn, as JSON says it.
//!
//! ```text
//! {"kind": "reset", "after": 100}                    RST once 100 bytes have passed (0: instead of the first one)
//! {"kind": "end", "after": 100}                      FIN
//! {"kind": "stall", "after": 100}                    nothing more, and nothing ends
//! {"kind": "drip", "bytes": 1, "every_ms": 20}       slow-loris; with more bytes a narrow line
//! {"kind": "delay", "ms": 500}                       waits once, then goes on
//! {"kind": "garbage"}                                noise where an answer (or a TLS handshake) should come, then FIN
//! ```
//!
//! `after` is 0 where it is left out. `"side": "request"` counts and breaks what the client sends instead of the answer.

use std::time::Duration;

use serde_json::Value;

/// Which half of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    Answer,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Reset,
    End,
    Stall,
    Garbage,
    Drip { bytes: usize, every: Duration },
    Delay(Duration),
}

/// And when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    pub after: usize,
    pub side: Side,
}

impl Fault {
    /// None for null.
    pub fn read(value: &Value) -> Result<Option<Self>, String> {
        if value.is_null() {
            return Ok(None);
        }
        let fields = value.as_object().ok_or("a fault is an object or null")?;
        let known = ["kind", "after", "side", "bytes", "every_ms", "ms"];
        if let Some(name) = fields.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("unknown field `{name}` of a fault"));
        }
        let number = |name: &str, default: u64| match &value[name] {
            Value::Null => Ok(default),
            given => given.as_u64().ok_or(format!("`{name}` is no number")),
        };
        let kind = match value["kind"].as_str() {
            Some("reset") => Kind::Reset,
            Some("end") => Kind::End,
            Some("stall") => Kind::Stall,
            Some("garbage") => Kind::Garbage,
            Some("drip") => Kind::Drip {
                bytes: count(number("bytes", 1)?.max(1)),
                every: Duration::from_millis(number("every_ms", 10)?),
            },
            Some("delay") => Kind::Delay(Duration::from_millis(number("ms", 100)?)),
            other => return Err(format!("unknown kind of fault {other:?}")),
        };
        let side = match value["side"].as_str() {
            None | Some("answer") => Side::Answer,
            Some("request") => Side::Request,
            Some(other) => return Err(format!("unknown side `{other}`")),
        };
        Ok(Some(Self { kind, after: count(number("after", 0)?), side }))
    }
}

fn count(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_fault_is_read() {
        let read = Fault::read(&json!({"kind": "reset", "after": 7, "side": "request"}));
        assert_eq!(read, Ok(Some(Fault { kind: Kind::Reset, after: 7, side: Side::Request })));
        let drip = Fault::read(&json!({"kind": "drip", "every_ms": 5})).unwrap().unwrap();
        assert_eq!(drip.kind, Kind::Drip { bytes: 1, every: Duration::from_millis(5) });
        assert_eq!((drip.after, drip.side), (0, Side::Answer));
        assert_eq!(Fault::read(&Value::Null), Ok(None));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for wrong in [
            json!(1),
            json!({"kind": "explode"}),
            json!({"kind": "end", "afer": 1}),
            json!({"kind": "end", "after": "x"}),
        ] {
            assert!(Fault::read(&wrong).is_err(), "{wrong}");
        }
    }
}
