"""What the relay reads and changes in a provider's answer. Pure: bytes in, values or bytes out."""

from gateway import _native
from gateway.base.core.usage import Usage
from gateway.dataplane.upstream import Captures, Headers
from gateway.dataplane.wire import Dialect
from gateway.dataplane.wire.peek import edited
from gateway.dataplane.wire.usage import USAGE

_USUAL_TIERS = frozenset({b'"default"', b'"auto"', b'"standard"', b"null"})


def read_answer(dialect: Dialect, body: bytes) -> tuple[Usage | None, str]:
    """Usage and the answering model of a whole answer, in one pass; (None, '') when it is no JSON object."""
    try:
        u0, u1, m0, m1, t0, t1, s0, s1 = _native.scan_object(body, dialect.answer_keys)
    except _native.JsonError:
        return None, ""
    if u0 < 0:
        return None, _name(body[m0:m1]) if m0 >= 0 else ""
    is_special = (t0 >= 0 and body[t0:t1] not in _USUAL_TIERS) or (s0 >= 0 and body[s0:s1] != b"null")
    usage = USAGE[dialect.name](body[u0:u1], body if is_special else None)
    return usage, _name(body[m0:m1]) if m0 >= 0 else ""


def reported_usage(dialect: Dialect, captures: Captures, terminal: bytes) -> Usage | None:
    """What the events of a stream said of its usage; `terminal` is the terminal event, where there was one."""
    if captures[1] is None and captures[2] is None:
        return None
    second = captures[2]
    if second is None and dialect.name == "openai.responses" and terminal:
        data = terminal[terminal.find(b"data:") + 5 :]
        start, end = _native.find_path(data, (b"response",))
        second = data[start:end] if start >= 0 else None
    return USAGE[dialect.name](captures[1] or b"{}", second)


def answering_model(captures: Captures) -> str:
    """The model that says it has answered; '' when it does not say."""
    return _name(captures[3])


def _name(raw: bytes | None) -> str:
    """A model's name from its raw JSON string; '' when there is none."""
    return raw[1:-1].decode("utf-8", "replace") if raw else ""


def plain_error(headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """An error answer that is told as a server-sent event, as the JSON that it carries; any other as it is."""
    if not any(name == "content-type" and value.startswith("text/event-stream") for name, value in headers):
        return headers, body
    events = _native.split_sse(body + b"\n\n")  # the last one may lack its blank line
    if not events:  # plain JSON: only its type is wrong
        return headers, body
    kept = [item for item in headers if item[0] != "content-type"]
    return [("content-type", "application/json"), *kept], events[0][1]


def renamed(data: bytes, model: str) -> bytes:
    """The first events of a Messages stream, `message_start` naming `model`."""
    at = data.find(b"data:") + 5
    end = data.find(b"\n", at)
    if at < 5 or end < 0:
        return data
    start, stop = _native.find_path(data[at:end], (b"message", b"model"))
    return edited(data, [(at + start, at + stop, model)]) if start >= 0 else data


def renamed_body(body: bytes, model: str) -> bytes:
    """A whole answer of Messages, naming `model`."""
    start, stop = _native.find_path(body, (b"model",))
    return edited(body, [(start, stop, model)]) if start >= 0 else body


def response_id(first: bytes) -> str:
    """The id that a Responses stream began with: its last event must name the same one, or SDKs lose our words."""
    data = first[first.find(b"data:") + 5 :]
    start, end = _native.find_path(data, (b"response", b"id"))
    return data[start + 1 : end - 1].decode("utf-8", "replace") if end - start > 2 else ""
