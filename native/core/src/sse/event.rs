//! Reading the two fields of one complete event that taps need: its name and its data.

use std::borrow::Cow;

/// What an event says, as far as a tap looks.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// The last `event:` field.
    pub name: Option<&'a [u8]>,
    /// The `data:` fields, joined by LF; `None` when there is none (a comment, a keep-alive).
    pub data: Option<Cow<'a, [u8]>>,
}

impl<'a> Event<'a> {
    /// Parse the bytes of one event, blank line included. A leading BOM is passed over. Never fails: unknown lines are
    /// skipped, as the specification of server-sent events asks. A bare error (the one event that ends in no line end) is all
    /// data.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        if let [b'{', .., b'}'] = bytes {
            return Self { name: None, data: Some(Cow::Borrowed(bytes)) };
        }
        let mut rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut event = Self { name: None, data: None };
        while !rest.is_empty() {
            let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            event.line(&rest[..end]);
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        event
    }

    #[inline]
    fn line(&mut self, line: &'a [u8]) {
        if let Some(value) = field(line, b"data") {
            match &mut self.data {
                None => self.data = Some(Cow::Borrowed(value)),
                Some(data) => {
                    let data = data.to_mut();
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
            }
        } else if let Some(value) = field(line, b"event") {
            self.name = Some(value);
        }
    }
}

#[inline]
fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = line.strip_prefix(name)?;
    let Some((b':', value)) = rest.split_first() else {
        return rest.is_empty().then_some(rest); // a line that is only the field's name has an empty value
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_the_specification_says() {
        type Case = (&'static [u8], Option<&'static [u8]>, Option<&'static [u8]>);
        let cases: [Case; 10] = [
            (b"data: a\n\n", None, Some(b"a")),
            (b"event: x\r\ndata:a\r\n\r\n", Some(b"x"), Some(b"a")),
            (b"data:  a\ndata\ndata:b\n\n", None, Some(b" a\n\nb")),
            (b": comment\n\n", None, None),
            (b"id: 4\nretry: 5\ndatax: 1\n\n", None, None),
            (b"\xef\xbb\xbfdata: a\r\r", None, Some(b"a")),
            (b"event: x\nevent: y\ndata: \n\n", Some(b"y"), Some(b"")),
            (b"\n", None, None),
            (b"{\"error\":1}", None, Some(b"{\"error\":1}")),
            (b"{\"error\":1}\n\n", None, None),
        ];
        for (bytes, name, data) in cases {
            let event = Event::parse(bytes);
            assert_eq!((event.name, event.data.as_deref()), (name, data), "{}", bytes.escape_ascii());
        }
    }
}
