"""The faults of a provider, each as the bytes that it sends (or not) at a moment of its answer."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass

from gateway import _native
from tests.e2e.faults.script import MOMENTS, Script
from tests.fakes.upstream import Answer

Wire = list[bytes | threading.Event]
_JSON = [("content-type", "application/json")]
_NEVER = threading.Event()
_BROKEN = {"json": b'{"broken":', "utf8": b'{"delta":"\xff\xfe","type":"\xff"}'}
_PAGE = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
_LONG = 1 << 16


@dataclass(frozen=True)
class Fault:
    """`stream` and `whole` give the answer of a provider at a moment. `site` names a deployment that is broken as a whole.

    `is_billed`: the provider has worked for what it sent. `is_passed`: in the middle of an answer it is the client's to judge.
    """

    title: str
    stream: Callable[[Script, str], Answer] | None = None
    whole: Callable[[Script], Answer] | None = None
    moments: tuple[str, ...] = MOMENTS[1:]
    site: str = ""
    is_billed: bool = True
    is_passed: bool = False

    def answer(self, script: Script, moment: str) -> Answer:
        """What the provider sends."""
        made = self.whole(script) if moment == "whole" and self.whole else self.stream and self.stream(script, moment)
        assert made is not None
        return made

    def at(self, script: Script) -> list[str]:
        """The moments at which a provider of this dialect can have it."""
        streamed = [moment for moment in self.moments if script.has(moment)]
        return streamed if self.whole is None and not self.site else [*streamed, "whole"]


def _said(
    script: Script, moment: str, *more: bytes | threading.Event, cut: bool = False, reset: bool = False
) -> Answer:
    return Answer(200, [("content-type", script.kind)], [*script.until(moment), *more], is_cut=cut, is_reset=reset)


def _half(script: Script, moment: str) -> bytes:
    event = script.after(moment)[0]
    return event[: len(event) // 2]


def _length(script: Script, moment: str) -> Answer:
    made = _said(script, moment, _half(script, moment))
    made.length = sum(len(piece) for piece in made.body if isinstance(piece, bytes)) + _LONG
    return made


def _short(script: Script, moment: str) -> Answer:
    made = _said(script, moment, _half(script, moment))
    made.length = sum(len(piece) for piece in made.body if isinstance(piece, bytes))
    return made


def _garbage(kind: str) -> Callable[[Script, str], Answer]:
    def made(script: Script, moment: str) -> Answer:
        name = {"openai.responses": b"response.output_text.delta", "anthropic.messages": b"content_block_delta"}
        if script.dialect == "bedrock.converse":
            headers = [
                (":message-type", "event"),
                (":event-type", "contentBlockDelta"),
                (":content-type", "application/json"),
            ]
            event = _native.eventstream_message(headers, _BROKEN[kind])
        else:
            head = b"event: " + name[script.dialect] + b"\n" if script.dialect in name else b""
            event = head + b"data: " + _BROKEN[kind] + b"\n\n"
        return _said(script, moment, event, *script.after(moment))

    return made


def _in_band(script: Script, moment: str) -> Answer:
    return _said(script, moment, _error_event(script.dialect), cut=False)


def _error_event(dialect: str) -> bytes:
    words = "the model tripped"
    if dialect == "bedrock.converse":
        headers = [
            (":message-type", "exception"),
            (":exception-type", "internalServerException"),
            (":content-type", "application/json"),
        ]
        return _native.eventstream_message(headers, json.dumps({"message": words}).encode())
    if dialect == "openai.responses":
        error = {"code": "server_error", "message": words}
        failed = {
            "type": "response.failed",
            "sequence_number": 99,
            "response": {"id": "resp_1", "object": "response", "status": "failed", "error": error, "output": []},
        }
        return b"event: response.failed\ndata: " + json.dumps(failed).encode() + b"\n\n"
    head = b"event: error\n" if dialect == "anthropic.messages" else b""
    return head + b"data: " + error_body(dialect, 500, words) + b"\n\n"


def error_body(dialect: str, status: int, words: str) -> bytes:
    """An error as the providers of a dialect write it."""
    made: object
    if dialect == "anthropic.messages":
        kind = {429: "rate_limit_error", 401: "authentication_error", 529: "overloaded_error"}.get(status, "api_error")
        made = {"type": "error", "error": {"type": kind, "message": words}}
    elif dialect == "gemini.generate":
        kind = {429: "RESOURCE_EXHAUSTED", 401: "UNAUTHENTICATED", 503: "UNAVAILABLE"}.get(status, "INTERNAL")
        made = {"error": {"code": status, "message": words, "status": kind}}
    elif dialect == "bedrock.converse":
        made = {"message": words}
    else:
        kind = {429: "rate_limit_error", 401: "invalid_request_error"}.get(status, "server_error")
        made = {"error": {"message": words, "type": kind, "param": None, "code": None}}
    return json.dumps(made).encode()


def _status(status: int, retry_after: str = "", how: str = "") -> Fault:
    def answer(script: Script, moment: str = "") -> Answer:
        headers = [*_JSON, *([("retry-after", retry_after)] if retry_after else [])]
        return Answer(status, headers, [error_body(script.dialect, status, "not now")])

    title = f"{status} with Retry-After{how}" if retry_after else f"{status}"
    return Fault(title, answer, answer, ("before",), is_billed=False)


def _slow_head(script: Script, moment: str = "") -> Answer:
    made = _streams(script) if moment else _whole(script, [script.whole])
    made.drip, made.drip_head = 1, True
    made.headers = [*made.headers, ("x-padding", "x" * 2000)]
    return made


def _slow(script: Script, moment: str) -> Answer:
    made = _said(script, moment, *script.after(moment))
    made.drip = 16
    return made


def _slow_whole(script: Script) -> Answer:
    made = _whole(script, [script.whole])
    made.drip = 16
    return made


def _before(title: str, answer: Callable[[], Answer], *, is_billed: bool = True) -> Fault:
    return Fault(title, lambda script, moment: answer(), lambda script: answer(), ("before",), is_billed=is_billed)


def _inside(script: Script, moment: str = "") -> Answer:
    return Answer(200, _JSON, [error_body(script.dialect, 500, "the model tripped")])


def _whole(script: Script, body: Wire, *, cut: bool = False, reset: bool = False, length: int | None = None) -> Answer:
    return Answer(200, _JSON, body, is_cut=cut, is_reset=reset, length=length)


def _streams(script: Script) -> Answer:
    return Answer(200, [("content-type", script.kind)], list(script.text))


def _begun(script: Script) -> bytes:
    return script.whole[: len(script.whole) // 2]


FAULTS: dict[str, Fault] = {
    "refused": Fault("connection refused", moments=("before",), site="refused", is_billed=False),
    "dns": Fault("host that does not resolve", moments=("before",), site="dns", is_billed=False),
    "tls": Fault("TLS handshake fails", moments=("before",), site="tls", is_billed=False),
    "certificate": Fault("TLS certificate of an unknown authority", moments=("before",), site="certificate", is_billed=False),
    "no_tls": Fault("answers a TLS handshake with noise", moments=("before",), site="no_tls", is_billed=False),
    "hangs_up": Fault("closes at accept", moments=("before",), site="hangs_up", is_billed=False),
    "closes": _before("closes without an answer", lambda: Answer(0)),
    "resets": _before("resets without an answer", lambda: Answer(0, is_reset=True)),
    "silent": _before("never answers", lambda: Answer(hold_headers=_NEVER)),
    "no_http": _before("answers no HTTP", lambda: Answer(head=b"SSH-2.0-OpenSSH_9.6\r\n\r\n", body=[b""])),
    **{str(status): _status(status) for status in (401, 429, 500, 503, 529)},
    **{f"{status}_after": _status(status, "1") for status in (429, 500, 503, 529)},
    "429_date": _status(429, "Wed, 21 Oct 2065 07:28:00 GMT", ", a date"),
    "503_past": _status(503, "Wed, 21 Oct 2015 07:28:00 GMT", ", a date that is past"),
    "429_huge": _status(429, "9" * 400, ", a number without end"),
    "529_words": _status(529, "soon", " that cannot be read"),
    "slow_head": Fault("headers that come byte by byte", _slow_head, _slow_head, ("before",)),
    "slow": Fault("an answer in drops, whole in the end", _slow, _slow_whole, is_passed=True),
    "html": _before("200 with HTML", lambda: Answer(200, [("content-type", "text/html")], [_PAGE]), is_billed=False),
    "html_as_json": _before("200 with HTML called JSON", lambda: Answer(200, _JSON, [_PAGE]), is_billed=False),
    "empty": _before("200 with nothing", lambda: Answer(200, _JSON, [b""]), is_billed=False),
    "error_inside": Fault("200 with an error as its JSON", _inside, _inside, ("before",), is_billed=False),
    "reset": Fault(
        "reset at a byte", lambda s, m: _said(s, m, _half(s, m), reset=True), lambda s: _whole(s, [_begun(s)], reset=True)
    ),
    "cut": Fault("half an event, then close", lambda s, m: _said(s, m, _half(s, m), cut=True), lambda s: _whole(s, [_begun(s)], cut=True)),
    "ends": Fault("ends as HTTP wants, too early", lambda s, m: _said(s, m, b"")),
    "stall": Fault("stalls", lambda s, m: _said(s, m, _NEVER), lambda s: _whole(s, [_begun(s), _NEVER])),
    "length": Fault("content-length too large", _length, lambda s: _whole(s, [_begun(s)], length=len(s.whole))),
    "short": Fault("content-length too small", _short, lambda s: _whole(s, [_begun(s)], length=len(_begun(s)))),
    "bad_json": Fault("invalid JSON", _garbage("json"), lambda s: _whole(s, [_begun(s) + b"}}]"]), is_passed=True),
    "bad_utf8": Fault("invalid UTF-8", _garbage("utf8"), lambda s: _whole(s, [s.whole.replace(b"This", b"\xff\xfe")]), is_passed=True),
    "streams": Fault("an event stream that was not asked for", None, _streams, (), is_passed=True),
    "in_band": Fault("error event", _in_band),
}  # fmt: skip
