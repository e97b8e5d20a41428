"""Tool-failure loops: the same tool failing again and again at the end of a conversation, as the request itself tells it.

Agents resend their history, so nothing has to be remembered: the calls and results after the last thing that the user said are read from the end of the
request. Messages, Converse and Gemini say that a call failed; Responses and Chat have only text, in which the agents' own words are looked for
(Codex: "Process exited with code 1"; Gemini CLI, at the end: "Exit Code: 1"; a result that begins with "Error"). What a program prints is
no such word: the first exit code at the beginning of a line counts.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from gateway import _native
from gateway.base.core.struct import Record

_decode = msgspec.json.Decoder(strict=False).decode
_EXIT = re.compile(
    r"""(?:^[\w ]{0,40}|[",])\b(?:exited with code|exit[ _]code)\W{0,3} *-?(\d)""", re.IGNORECASE | re.MULTILINE
)
_LAST_EXIT = re.compile(r"^Exit Code: -?[1-9]", re.MULTILINE)
_ERROR = re.compile(
    r"""[\s"'\[{(<]*(?:error|failed|failure|traceback|unsupported call|apply_patch verification failed|exec_command failed)\b"""
    r"""(?!"?[ :=]*(?:null|none|false|0\b|""|\[\]|\{\}))""",
    re.IGNORECASE,
)
_LOOKED_AT = 400
"""Characters of a result, or of each of its texts, in which its failure is said."""
_AROUND = 800
"""Bytes on either side of what marks a result in which its failure is looked for first."""
_ITEMS_PER_CALL = 8
"""Reasoning, words, the call, its result, and what is called in parallel."""


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

    `result` is what each result contains, where failures are told in text: then the signs are looked for around the last one, and at the beginning
    of `said` before it (members come in any order), and `ends` anywhere after it.
    """

    items: bytes
    signs: "_native.Needles | _TextSigns"
    read: Callable[[dict[str, Any]], Iterator[_Event]]
    result: bytes = b""
    said: bytes = b""
    ends: _native.Needles | None = None

    def may_fail(self, body: bytes) -> bool:
        """Whether it is worth reading: nearly no turn ends with a failure."""
        if not self.result:
            return self.signs.any_in(body)
        at = body.rfind(self.result)
        if at < 0:
            return False
        if self.signs.any_in(body[max(0, at - _AROUND) : at + _AROUND]):
            return True
        if self.ends is not None and self.ends.any_in(body[at:]):
            return True
        if not self.said or body.find(self.said, at, at + _AROUND) >= 0:
            return False
        said_at = body.rfind(self.said, 0, at)
        return said_at >= 0 and self.signs.any_in(body[said_at : said_at + _AROUND])


def failed_streak(dialect: str, body: bytes, most: int, *, is_any_call: bool) -> Streak | None:
    """The streak at the end of a valid request, where there may be more than `most` failures; None where there is none.

    The same call means the same tool and arguments; with `is_any_call` the same tool is enough. Others may fail between (calls in parallel do), but
    none may succeed. It may be longer than what is counted.
    """
    way = _WAYS.get(dialect)
    if way is None or not way.may_fail(body):
        return None
    last = _native.last_items(body, way.items, _ITEMS_PER_CALL)
    if not any(isinstance(one, _Result) and one.is_failed for one in _events(way, last)):
        return None
    calls: dict[str, _Call] = {}
    failures: dict[tuple[str, str], int] = {}
    streak = None
    for event in _events(way, _native.last_items(body, way.items, (most + 1) * _ITEMS_PER_CALL)):
        if isinstance(event, _Call):
            calls[event.id] = event
        elif event is None or not event.is_failed:
            failures, streak = {}, None
        elif (call := calls.get(event.id)) is not None:
            same = call.tool, "" if is_any_call else call.arguments
            failures[same] = count = failures.get(same, 0) + 1
            streak = Streak(call.tool, count) if count > most else streak
    return streak


def _events(way: _Way, items: list[bytes]) -> Iterator[_Event]:
    for raw in items:
        try:
            yield from way.read(_decode(raw))
        except (msgspec.DecodeError, AttributeError, TypeError, RecursionError):
            continue  # not what the dialect says: the provider will judge it


def _is_failure(said: object) -> bool:
    """Whether a result, a text or a list of content parts, tells of a failure."""
    parts = [part.get("text") for part in said if isinstance(part, dict)] if isinstance(said, list) else [said]
    text = "\n".join(part[:_LOOKED_AT] for part in parts if isinstance(part, str))
    if exit_code := _EXIT.search(text):
        return exit_code[1] != "0"
    return _ERROR.match(text) is not None


def _ends_failed(output: object) -> bool:
    """Gemini CLI names the exit code of a command that failed after its output."""
    return isinstance(output, str) and _LAST_EXIT.search(output[-_LOOKED_AT:]) is not None


def _same(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


# === the dialects ===


def _responses(item: dict[str, Any]) -> Iterator[_Event]:
    kind = item.get("type", "message")
    if kind.endswith("_call_output"):
        yield _Result(_same(item.get("call_id")), _is_failure(item.get("output")))
    elif kind.endswith("_call"):
        said = item.get("arguments", item.get("input", item.get("action")))
        yield _Call(_same(item.get("call_id")), _same(item.get("name", kind)), _same(said))
    elif kind == "message" and item.get("role") == "user":
        yield None


def _chat(item: dict[str, Any]) -> Iterator[_Event]:
    role = item.get("role")
    if role == "tool":
        yield _Result(_same(item.get("tool_call_id")), _is_failure(item.get("content")))
    elif role == "assistant":
        for call in item.get("tool_calls") or ():
            said = call.get("function") or call.get("custom") or {}
            arguments = said.get("arguments", said.get("input"))
            yield _Call(_same(call.get("id")), _same(said.get("name")), _same(arguments))
    elif role == "user":
        yield None


def _messages(item: dict[str, Any]) -> Iterator[_Event]:
    content = item.get("content")
    is_answered = False
    for part in content if isinstance(content, list) else ():
        if part.get("type") == "tool_use":
            yield _Call(_same(part.get("id")), _same(part.get("name")), _same(part.get("input")))
        elif part.get("type") == "tool_result":
            is_answered = True
            yield _Result(_same(part.get("tool_use_id")), part.get("is_error") is True)
    if item.get("role") == "user" and not is_answered:  # agents put reminders of their own beside results
        yield None


def _converse(item: dict[str, Any]) -> Iterator[_Event]:
    is_answered = False
    for part in item.get("content") or ():
        if call := part.get("toolUse"):
            yield _Call(_same(call.get("toolUseId")), _same(call.get("name")), _same(call.get("input")))
        elif result := part.get("toolResult"):
            is_answered = True
            yield _Result(_same(result.get("toolUseId")), result.get("status") == "error")
    if item.get("role") == "user" and not is_answered:
        yield None


def _gemini(item: dict[str, Any]) -> Iterator[_Event]:
    is_answered = False
    # without ids the results of a turn come in the order of its calls
    for at, part in enumerate(item.get("parts") or ()):
        if call := part.get("functionCall"):
            yield _Call(_same(call.get("id", at)), _same(call.get("name")), _same(call.get("args")))
        elif result := part.get("functionResponse"):
            is_answered = True
            said = result.get("response") or {}
            output = said.get("output")
            is_failed = bool(said.get("error")) or _is_failure(output) or _ends_failed(output)
            yield _Result(_same(result.get("id", at)), is_failed)
    if item.get("role") == "user" and not is_answered:
        yield None


_CODE = re.compile(rb"xit(?:ed with|[ _]) ?[cC]ode\W{1,4}[1-9]")
"""An exit code other than 0: `exited with code 1`, `Exit code: 2`, `exit_code\\": -1`."""
_FIRST_WORDS = (
    "Error", "error", "ERROR", "Failed", "failed", "Failure", "Traceback", "unsupported call", "apply_patch verification", "exec_command failed",
    '{\\"error\\":',
)  # fmt: skip
_FIRST = _native.Needles(
    [f'":{space}"{words}'.encode() for space in ("", " ") for words in _FIRST_WORDS] + [b'"error":']
)
"""A small set: the native search is vectorised for up to some dozens."""


class _TextSigns:
    """An exit code other than 0, or a text that begins as failures do."""

    def any_in(self, data: bytes) -> bool:
        """Whether something in `data` may tell of a failure."""
        return _FIRST.any_in(data) or _CODE.search(data) is not None


_TEXT_SIGNS = _TextSigns()
_GEMINI_ENDS = _native.Needles([f"\\nExit Code: {digit}".encode() for digit in "-123456789"])
_WAYS = {
    "openai.responses": _Way(b"input", _TEXT_SIGNS, _responses, b'_call_output"', b'"output"'),
    "openai.chat": _Way(b"messages", _TEXT_SIGNS, _chat, b'"tool_call_id"', b'"content"'),
    "anthropic.messages": _Way(b"messages", _native.Needles([b'"is_error":true', b'"is_error": true']), _messages),
    "gemini.generate": _Way(b"contents", _TEXT_SIGNS, _gemini, b'"functionResponse"', ends=_GEMINI_ENDS),
    "bedrock.converse": _Way(b"messages", _native.Needles([b'"status":"error"', b'"status": "error"']), _converse),
}
