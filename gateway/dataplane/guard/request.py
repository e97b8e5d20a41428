"""A request before it leaves: what stands in it, and what is done about it. Pure: body and scanners in, verdicts and the body that may leave out.

Only text that no earlier request had is scanned. What is found in an item (an element of the conversation, another member of the request)
is noted with the item, as spans of its bytes: in each later turn the same placeholder stands in the same place without a scan.

A block refuses a session once for each text: from then on it is redacted there. Agents keep a refused message in their history, and would
be refused for ever. Routes that only count redact, too.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from gateway import _native
from gateway.base.config import TextPlace
from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.struct import Record
from gateway.base.core.verdict import Scanner, Verdict
from gateway.dataplane.guard.finding import Finding
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.guard.redact import Span, placeholder, redacted, unescaped
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.view import SCANNED, Kind

_PLACES: Final[dict[int, TextPlace]] = {
    Kind.USER: "user",
    Kind.ASSISTANT: "history",
    Kind.REASONING: "history",
    Kind.CALL: "arguments",
    Kind.RESULT: "results",
}
"""All other kinds: system."""
_OF_STRANGERS: Final = frozenset({Kind.RESULT, Kind.TOOLS, Kind.OTHER})
"""Where an instruction is an injection."""
_TO_PROVIDER: Final = re.compile(
    r"tools\[\d+\]\.(?:headers\..+|authorization|server_url)|mcp_servers\[\d+\]\.(?:authorization_token|headers\..+|url)"
)
"""Credentials that the provider itself needs, to reach an MCP server."""
_IN_WORDS: Final[dict[TextPlace, str]] = {
    "user": "your message",
    "history": "what was said before",
    "results": "the result of a tool",
    "arguments": "the arguments of a tool call",
    "system": "the instructions, tools or settings",
}
_WHAT: Final[dict[Scanner, str]] = {"pii": "personal data", "injection": "an instruction by a stranger"}
_MOST_PATHS: Final = 100
"""A path is found by walking the body; what is found beyond is told without one."""


class Found(Record, frozen=True):
    """One finding of an item; `start` and `end` are bytes from where the item begins."""

    scanner: Scanner
    rule: str
    start: int
    end: int
    place: TextPlace
    path: str
    match: str
    is_needed: bool
    """It can't be replaced: the name of a tool's argument, or a credential that is meant for the provider."""


_Placed = tuple[int, Found, bytes | None]
"""Where the item begins, what was found in it, and the text where it is new."""
_News = tuple[int, int, Found, bytes]


class Looked(Record, frozen=True):
    """`body` as it may leave; or `refusal`, for the texts whose hashes are `refused`."""

    body: bytes
    inspection: Inspection
    refusal: GuardrailBlocked | None = None
    refused: frozenset[str] = frozenset()


def look(
    guard: Guard,
    scan: Scan,
    body: bytes,
    dialect: str,
    max_depth: int,
    was_refused: Callable[[str], bool],
    may_refuse: Callable[[], bool],
    *,
    most_new_bytes: int = sys.maxsize,
) -> Looked | None:
    """Look at a body that the peek has passed; None where more of its text is new than `most_new_bytes`, and nothing was done.

    `was_refused` tells whether its session was refused for the text with a hash, `may_refuse` whether anybody would read the refusal; both are
    asked only where something is to be blocked.
    """
    view = _native.text_view(body, dialect, guard.memo, max_depth)
    joined = view.joined(SCANNED)
    text = joined.text
    if len(text) > most_new_bytes:
        return None
    known: list[tuple[int, Any]] = view.known  # notes are lists of Found
    inspection = Inspection(guard.ran, scanned_bytes=len(text), known_bytes=view.known_bytes)
    if guard.keeps:
        inspection.kept = []
    hits = scan.scan(text) if text else None
    if not hits and not known:
        view.remember()
        return Looked(body, inspection)
    notes: dict[int, Any] = {}
    found: list[_Placed] = [(start, each, None) for start, note in known for each in note]
    for item, start, each, matched in _news(guard, view, joined, hits or ()):
        notes.setdefault(item, []).append(each)
        found.append((start, each, matched))
    view.remember(notes)
    return _decided(guard, body, inspection, found, view.tail, was_refused, may_refuse)


def _news(guard: Guard, view: _native.TextView, joined: _native.JoinedText, hits: Iterable[Finding]) -> Iterator[_News]:
    """What was found in new items: index and start of the item, the finding, and its text."""
    text, marks = joined.text, guard.marks
    paths: dict[int, str] = {}
    for hit in hits:
        for start, end in _parts(text, hit.start, hit.end):
            piece, raw_start, raw_end = joined.locate(start, end)
            kind, _, _, is_key, _ = view.piece(piece)
            if hit.scanner == "injection" and kind not in _OF_STRANGERS:
                continue
            place = _PLACES.get(kind, "system")
            later: TextPlace = "history" if place == "user" else place
            if guard.modes[hit.scanner, place] == guard.modes[hit.scanner, later] == "off":
                continue
            if piece not in paths:
                paths[piece] = view.path(piece) if len(paths) < _MOST_PATHS else ""
            path, matched = paths[piece], text[start:end]
            is_needed = place == "system" and (
                (is_key and kind == Kind.TOOLS) or _TO_PROVIDER.fullmatch(path) is not None
            )
            item, begins = view.item_of(raw_start)
            span = raw_start - begins, raw_end - begins
            found = Found(hit.scanner, hit.rule, *span, place, path, marks.match(matched), is_needed)
            yield item, begins, found, matched


def _parts(text: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts of a finding that reaches over the border of a piece (a rule of an organisation's own may), which is a zero byte."""
    at = text.find(b"\0", start, end)
    while at >= 0:
        if at > start:
            yield start, at
        start = at + 1
        at = text.find(b"\0", start, end)
    if end > start:
        yield start, end


def _decided(
    guard: Guard,
    body: bytes,
    inspection: Inspection,
    found: list[_Placed],
    tail: int,
    was_refused: Callable[[str], bool],
    may_refuse: Callable[[], bool],
) -> Looked:
    spans: list[Span] = []
    refused: list[tuple[TextPlace, Verdict]] = []
    may: bool | None = None
    for start, each, matched in found:
        place: TextPlace = "history" if each.place == "user" and start < tail else each.place
        mode = guard.modes[each.scanner, place]
        if mode == "off":
            continue
        if each.is_needed:
            mode = "log"
        elif mode == "block":
            may = may_refuse() if may is None else may
            mode = "block" if may and not was_refused(each.match) else "redact"
        verdict = Verdict(each.scanner, each.rule, mode, "request", each.path, each.match, matched is None)
        inspection.verdicts.append(verdict)
        if mode == "log":
            continue
        stands_for = placeholder(each.scanner, each.rule, each.match)
        span = Span(start + each.start, start + each.end, each.scanner, stands_for)
        spans.append(span)
        if mode == "block":
            refused.append((place, verdict))
        if inspection.kept is not None and matched is not None:
            inspection.kept.append((verdict, matched))
        if guard.restores and each.scanner == "secrets":
            secret = matched or unescaped(body[span.start : span.end], each.match, guard.marks)
            inspection.secrets[stands_for] = secret
    if refused:
        matches = frozenset(verdict.match for _, verdict in refused)
        return Looked(body, inspection, _refusal(*refused[0], len(refused) - 1), matches)
    return Looked(redacted(body, spans) if spans else body, inspection)


def _refusal(place: TextPlace, verdict: Verdict, more: int) -> GuardrailBlocked:
    what, where = _WHAT.get(verdict.scanner, "a secret"), f" at `{verdict.place}`" if verdict.place else ""
    others = f" (and {more} more)" if more else ""
    return GuardrailBlocked(
        f"the guardrail `{verdict.scanner}` stopped this request before it left: {what} (rule `{verdict.rule}`) stands in "
        f"{_IN_WORDS[place]},{where}{others}. Remove it and ask again; if it is none, ask whoever runs this gateway to allow it. "
        "If your agent sends it again in this session, a placeholder stands in its place",
        scanner=verdict.scanner,
        rule=verdict.rule,
        place=verdict.place,
        match=verdict.match,
    )
