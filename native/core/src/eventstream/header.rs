//! Headers: name length (1 byte), name, type (1 byte), value. Texts and bytes carry a length of two bytes.

use super::error::BrokenMessage;

/// A header's value, of one of the ten types of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Types 0 (true) and 1 (false).
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Int16(i16),
    /// Type 4.
    Int32(i32),
    /// Type 5.
    Int64(i64),
    /// Type 6.
    Bytes(&'a [u8]),
    /// Type 7.
    Text(&'a str),
    /// Type 8: milliseconds since 1970.
    TimestampMs(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// One header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// At most 255 bytes.
    pub name: &'a str,
    /// Texts and bytes are at most 65535 long.
    pub value: Value<'a>,
}

impl<'a> Header<'a> {
    /// The header that `rest` starts with, which is moved past it.
    pub(super) fn read(rest: &mut &'a [u8]) -> Option<Self> {
        let name_length = take::<1>(rest)?[0];
        let name = std::str::from_utf8(take_slice(rest, usize::from(name_length))?).ok()?;
        let value = match take::<1>(rest)?[0] {
            0 => Value::Bool(true),
            1 => Value::Bool(false),
            2 => Value::Byte(i8::from_be_bytes(*take(rest)?)),
            3 => Value::Int16(i16::from_be_bytes(*take(rest)?)),
            4 => Value::Int32(i32::from_be_bytes(*take(rest)?)),
            5 => Value::Int64(i64::from_be_bytes(*take(rest)?)),
            6 => Value::Bytes(take_counted(rest)?),
            7 => Value::Text(std::str::from_utf8(take_counted(rest)?).ok()?),
            8 => Value::TimestampMs(i64::from_be_bytes(*take(rest)?)),
            9 => Value::Uuid(*take(rest)?),
            _ => return None,
        };
        (name_length > 0).then_some(Self { name, value })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), BrokenMessage> {
        let name_length = u8::try_from(self.name.len()).map_err(|_| BrokenMessage::Header)?;
        if name_length == 0 {
            return Err(BrokenMessage::Header);
        }
        out.push(name_length);
        out.extend_from_slice(self.name.as_bytes());
        match self.value {
            Value::Bool(value) => out.push(u8::from(!value)),
            Value::Byte(value) => put(out, 2, &value.to_be_bytes()),
            Value::Int16(value) => put(out, 3, &value.to_be_bytes()),
            Value::Int32(value) => put(out, 4, &value.to_be_bytes()),
            Value::Int64(value) => put(out, 5, &value.to_be_bytes()),
            Value::Bytes(value) => put_counted(out, 6, value)?,
            Value::Text(value) => put_counted(out, 7, value.as_bytes())?,
            Value::TimestampMs(value) => put(out, 8, &value.to_be_bytes()),
            Value::Uuid(value) => put(out, 9, &value),
        }
        Ok(())
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(head)
}

fn take_slice<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(head)
}

fn take_counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = u16::from_be_bytes(*take(rest)?);
    take_slice(rest, usize::from(length))
}

fn put(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    out.push(kind);
    out.extend_from_slice(value);
}

fn put_counted(out: &mut Vec<u8>, kind: u8, value: &[u8]) -> Result<(), BrokenMessage> {
    let length = u16::try_from(value.len()).map_err(|_| BrokenMessage::Header)?;
    put(out, kind, &length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}
