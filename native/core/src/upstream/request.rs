//! Checking and building one request before anything is sent.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;

use crate::tap::Dialect;

/// How one exchange is to be run. A limit or timeout of 0 means none.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whose events to look at.
    pub tap: Dialect,
    /// Drop a chat chunk that only carries usage.
    pub drop_usage_chunk: bool,
    /// Deliver an answer that is no event stream as one piece.
    pub collect: bool,
    /// From start to the response head.
    pub first_byte_timeout_ms: u64,
    /// Longest silence of the body while we read.
    pub idle_timeout_ms: u64,
    /// From start to the end of the body.
    pub total_timeout_ms: u64,
    /// Most bytes of body.
    pub max_response_bytes: u64,
    /// Most bytes forwarded and not acknowledged before reading pauses.
    pub window_bytes: u64,
}

/// A request as hyper takes it.
pub type UpstreamRequest = Request<Full<Bytes>>;

/// Build a request. Framing headers of the caller (`content-length`, `transfer-encoding`) are left out: the body decides.
///
/// # Errors
/// In words, naming the value, when the method, the URL or a header cannot be sent.
pub fn build<'a>(
    method: &str,
    url: &str,
    headers: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    body: Bytes,
) -> Result<UpstreamRequest, String> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method_of(method)?;
    *request.uri_mut() = uri_of(url)?;
    let map = request.headers_mut();
    map.reserve(headers.len() + 1); // hyper adds `host`
    for (name, value) in headers {
        add(map, name, value)?;
    }
    Ok(request)
}

fn method_of(method: &str) -> Result<Method, String> {
    match Method::from_bytes(method.as_bytes()) {
        Ok(Method::CONNECT) => Err("method `CONNECT` cannot be sent to an upstream".to_owned()),
        Ok(known) => Ok(known),
        Err(_) => Err(format!("method is not an HTTP token: `{}`", method.escape_debug())),
    }
}

fn uri_of(url: &str) -> Result<Uri, String> {
    let uri: Uri = url.parse().map_err(|e| format!("url cannot be read: {e}: `{}`", url.escape_debug()))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(format!("url must start with http:// or https://: `{}`", url.escape_debug()));
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err("url must not carry a user or password; send a header instead".to_owned());
    }
    Ok(uri)
}

fn add(map: &mut HeaderMap, name: &str, value: &str) -> Result<(), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("header name is not an HTTP token: `{}`", name.escape_debug()))?;
    if parsed == CONTENT_LENGTH || parsed == TRANSFER_ENCODING {
        return Ok(());
    }
    // The value may be a secret: name the header only.
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| format!("value of header `{name}` has a character that HTTP does not allow"))?;
    map.append(parsed, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(method: &str, url: &str, headers: &[(&str, &str)]) -> Result<UpstreamRequest, String> {
        build(method, url, headers.iter().copied(), Bytes::new())
    }

    #[test]
    fn a_good_request_keeps_its_headers_in_order_and_loses_framing() {
        let headers =
            [("X-A", "1"), ("x-a", "2"), ("Content-Length", "9"), ("Transfer-Encoding", "chunked"), ("b", "é")];
        let request = built("POST", "https://h/p?q#f", &headers).unwrap();
        let names: Vec<_> = request.headers().iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        assert_eq!(names, [("x-a", &b"1"[..]), ("x-a", b"2"), ("b", "é".as_bytes())]);
        assert_eq!(request.uri().to_string(), "https://h/p?q");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_in_words() {
        let cases = [
            ("G ET", "http://h/", ("a", "b"), "method"),
            ("CONNECT", "http://h/", ("a", "b"), "method"),
            ("GET", "ftp://h/", ("a", "b"), "url"),
            ("GET", "/p", ("a", "b"), "url"),
            ("GET", "http://u:p@h/", ("a", "b"), "password"),
            ("GET", "http://h/", ("a:", "b"), "header name"),
            ("GET", "http://h/", ("a", "b\r\nc: d"), "value of header `a`"),
            ("GET", "http://h/", ("", "b"), "header name"),
        ];
        for (method, url, header, word) in cases {
            let error = built(method, url, &[header]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
