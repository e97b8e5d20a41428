"""Tool-failure loops: the same tool failing again and again at the end of a conversation, as the request itself tells it.

Agents resend their history, so nothing has to be remembered: the calls and results after the last thing that the user said are read from the end of the
request. Messages, Converse and Gemini say that a call failed; Responses and Chat have only text, in which the agents' own words are looked for
(Codex: "Process exited with code 1"; Claude Code: "Exit code 1"; a result that begins with "Error").
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from gateway import _native
from gateway.base.core.struct import Record

_decode = msgspec.json.Decoder(strict=False).decode
_FAILED = re.compile(
    r"\b(?:exited with code|exit[ _]code)\W{0,3} *-?[1-9]"
    r"|\A\W*(?:error|failed|failure|traceback|unsupported call|apply_patch verification failed|exec_command failed)\b",
    re.IGNORECASE,
)
_LOOKED_AT = 400
"""Characters of a result in which its failure is said."""
_AROUND = 800
"""Bytes on either side of what marks a result in which its failure is looked for first."""
_ITEMS_PER_CALL = 4
"""Reasoning, words, the call, its result; calls in parallel have less."""


class Streak(Record, frozen=True):
    """`failures` of `tool` running, the last thing that the conversation tells."""

    tool: str
    failures: int


class _Call(NamedTuple):
    id: str
    tool: str
    arguments: str


class _Result(NamedTuple):
    id: str
    is_failed: bool


_Event = _Call | _Result | None
"""None: the user has spoken, and what failed before is past."""


class _Way(Record, frozen=True):
    """How a dialect tells it: where its items are, what a failed result contains, and what an item says.

    `result` is what each result contains, where failures are told in text: then the signs are looked for around the last one.
    """

    items: bytes
    signs: _native.Needles
    read: Callable[[dict[str, Any]], Iterator[_Event]]
    result: bytes = b""

    def may_fail(self, body: bytes) -> bool:
        """Whether it is worth reading: nearly no turn ends with a failure."""
        if self.result:
            at = body.rfind(self.result)
            if at < 0:
                return False
            body = body[max(0, at - _AROUND) : at + _AROUND]
        return self.signs.any_in(body)


def failed_streak(dialect: str, body: bytes, most: int, *, is_any_call: bool) -> Streak | None:
    """The streak at the end of a valid request, where there may be more than `most` failures; None where there is none.

    The same call means the same tool and arguments; with `is_any_call` the same tool is enough. It may be longer than what is counted.
    """
    way = _WAYS.get(dialect)
    if way is None or not way.may_fail(body):
        return None
    last = _native.last_items(body, way.items, 1)
    if not last or not any(isinstance(one, _Result) and one.is_failed for one in _events(way, last)):
        return None
    calls: dict[str, _Call] = {}
    found, failures = _Call("", "", ""), 0
    for event in _events(way, _native.last_items(body, way.items, (most + 1) * _ITEMS_PER_CALL)):
        if event is None:
            failures = 0
        elif isinstance(event, _Call):
            calls[event.id] = event
        elif not event.is_failed:
            failures = 0
        elif (call := calls.get(event.id)) is not None:
            is_same = call.tool == found.tool and (is_any_call or call.arguments == found.arguments)
            found, failures = call, failures + 1 if is_same else 1
    return Streak(found.tool, failures) if failures > most else None


def _events(way: _Way, items: list[bytes]) -> Iterator[_Event]:
    for raw in items:
        try:
            yield from way.read(_decode(raw))
        except (msgspec.DecodeError, AttributeError, TypeError, RecursionError):
            continue  # not what the dialect says: the provider will judge it


def _is_failure(text: object) -> bool:
    """Whether a result's text tells of a failure; lists of content parts are read by their first text."""
    if isinstance(text, list):
        text = next((part.get("text") for part in text if isinstance(part, dict) and "text" in part), "")
    return isinstance(text, str) and _FAILED.search(text[:_LOOKED_AT]) is not None


def _same(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


# === the dialects ===


def _responses(item: dict[str, Any]) -> Iterator[_Event]:
    kind = item.get("type", "message")
    if kind.endswith("_call_output") or kind == "function_call_output":
        yield _Result(item.get("call_id", ""), _is_failure(item.get("output")))
    elif kind.endswith("_call"):
        said = item.get("arguments", item.get("input", item.get("action")))
        yield _Call(item.get("call_id", ""), item.get("name", kind), _same(said))
    elif kind == "message" and item.get("role") == "user":
        yield None


def _chat(item: dict[str, Any]) -> Iterator[_Event]:
    role = item.get("role")
    if role == "tool":
        yield _Result(item.get("tool_call_id", ""), _is_failure(item.get("content")))
    elif role == "assistant":
        for call in item.get("tool_calls") or ():
            said = call.get("function") or call.get("custom") or {}
            yield _Call(call.get("id", ""), said.get("name", ""), _same(said.get("arguments", said.get("input"))))
    elif role == "user":
        yield None


def _messages(item: dict[str, Any]) -> Iterator[_Event]:
    content = item.get("content")
    is_answered = False
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "tool_use":
            yield _Call(part.get("id", ""), part.get("name", ""), _same(part.get("input")))
        elif part.get("type") == "tool_result":
            is_answered = True
            yield _Result(part.get("tool_use_id", ""), part.get("is_error") is True)
    if item.get("role") == "user" and not is_answered:  # agents put reminders of their own beside results
        yield None


def _converse(item: dict[str, Any]) -> Iterator[_Event]:
    is_answered = False
    for part in item.get("content") or ():
        if call := part.get("toolUse"):
            yield _Call(call.get("toolUseId", ""), call.get("name", ""), _same(call.get("input")))
        elif result := part.get("toolResult"):
            is_answered = True
            yield _Result(result.get("toolUseId", ""), result.get("status") == "error")
    if item.get("role") == "user" and not is_answered:
        yield None


def _gemini(item: dict[str, Any]) -> Iterator[_Event]:
    is_answered = False
    for part in item.get("parts") or ():
        if call := part.get("functionCall"):
            # without ids results follow their calls by name
            yield _Call(call.get("id") or call.get("name", ""), call.get("name", ""), _same(call.get("args")))
        elif result := part.get("functionResponse"):
            is_answered = True
            said = result.get("response") or {}
            is_failed = bool(said.get("error")) or _is_failure(said.get("output"))
            yield _Result(result.get("id") or result.get("name", ""), is_failed)
    if item.get("role") == "user" and not is_answered:
        yield None


_CODE_WORDS = (
    "exited with code ",
    "xit code ",
    "xit code: ",
    "xit Code: ",
    'xit_code\\":',
    'xit_code\\": ',
    'xit_code":',
    'xit_code": ',
)
_FIRST_WORDS = (
    "Error", "error", "ERROR", "Failed", "failed", "Failure", "Traceback", "unsupported call", "apply_patch verification", "exec_command failed",
)  # fmt: skip
_TEXT_SIGNS = _native.Needles(
    [f"{words}{digit}".encode() for words in _CODE_WORDS for digit in "-123456789"]
    + [
        f'"{key}":{space}"{words}'.encode()
        for key in ("output", "content", "text", "error")
        for space in ("", " ")
        for words in _FIRST_WORDS
    ]
    + [b'"error":']
)
_WAYS = {
    "openai.responses": _Way(b"input", _TEXT_SIGNS, _responses, b'_call_output"'),
    "openai.chat": _Way(b"messages", _TEXT_SIGNS, _chat, b'"tool_call_id"'),
    "anthropic.messages": _Way(b"messages", _native.Needles([b'"is_error":true', b'"is_error": true']), _messages),
    "gemini.generate": _Way(b"contents", _TEXT_SIGNS, _gemini, b'"functionResponse"'),
    "bedrock.converse": _Way(b"messages", _native.Needles([b'"status":"error"', b'"status": "error"']), _converse),
}
