"""Reasoning that travels through a foreign client and comes back to the model that made it.

A provider's signature (or cipher) means nothing to a client of another dialect, but the provider wants it back byte by byte in
the next turn. So it goes through the client inside a token of our own: `agentcc` and a version, then sealed under a key of the
organisation, so that no other organisation and nobody outside can read or forge it. What comes back is opened; what was made
by another vendor's model is legally removed, and reported. What comes back unsealed (a session that began without
translation) is taken to be of the dialect's own vendor.
"""

import base64
import binascii
import zlib
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import Struct, structs

from gateway.dataplane.wire.canon import Answer, Close, Delta, Event, Message, Open, Part, Reasoning, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.collect import GrowingPart

_MAGIC = b"agentcc\x01"  # what follows makes the token plain base64, which Gemini's SDKs want a signature to be
_MARK = base64.b64encode(_MAGIC)[:10].decode()
TRACE = _MARK.encode()
"""Bytes without it hold no token of ours."""
_LARGEST_BYTES = 1 << 20
"""What one token may hold: thinking of a size that no model writes in one block."""
_DEFLATE_FROM_BYTES = 512
_LOST, _OTHER, _OTHER_ACCOUNT = "messages.reasoning", "other_vendor", "other_account"
"""Said once, not for every thought of a conversation."""
_ELSEWHERE = "?"
"""The origin of what is known only not to be the target's."""

_RETURNS_TEXT = frozenset({"anthropic.messages", "bedrock.converse"})
"""Dialects whose clients send thinking back as they got it; for the others the token carries the text too."""

ORIGIN_OF_DIALECT = {
    "openai.responses": "openai",
    "anthropic.messages": "anthropic",
    "gemini.generate": "google",
    "bedrock.converse": "anthropic",
}
"""Whose an unsealed signature is taken to be."""


class Seals(Protocol):
    """One organisation's key: `seal(text)` gives bytes that `open` turns back; `open` gives None for anything else."""

    def seal(self, text: bytes) -> bytes: ...
    def open(self, sealed: bytes) -> bytes | None: ...


class _Token(Struct, array_like=True):
    origin: str
    signature: str
    is_redacted: bool
    is_bound: bool
    item_id: str
    had_text: bool
    text: str | None = None
    extra: dict[str, Any] | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Token).decode


def is_sealed(signature: str) -> bool:
    """Whether a signature is a token of ours, of any organisation."""
    return signature.startswith(_MARK)


def same_origin(one: str, other: str) -> bool:
    """Whether two origins read each other's signatures: equal, or one is a vendor and the other an account with it."""
    return bool(one and other) and (one == other or other.startswith(one + "/") or one.startswith(other + "/"))


def seal(part: Reasoning, origin: str, client_dialect: str, seals: Seals) -> Reasoning:
    """`part` with its signature, and its text where the client would lose it, in a token; unsigned text gets one too, since
    clients drop thinking without a signature.

    Without a signature when there is nothing to keep, or too much (in `extra` also a number of more than 64 bits).
    """
    if not part.signature and not part.text:
        return part
    keeps_text = bool(part.text) and client_dialect not in _RETURNS_TEXT
    text = part.text if keeps_text else None
    had_text = bool(part.text)
    token = _Token(origin, part.signature, part.is_redacted, part.is_bound, part.item_id, had_text, text, part.extra)
    try:
        packed = _encode(token)
    except OverflowError:
        return structs.replace(part, signature="")
    if len(packed) > _LARGEST_BYTES:
        return structs.replace(part, signature="")
    deflated = zlib.compress(packed, 1) if len(packed) > _DEFLATE_FROM_BYTES else packed
    packed = b"z" + deflated if len(deflated) < len(packed) else b"p" + packed
    return structs.replace(part, signature=base64.b64encode(_MAGIC + seals.seal(packed)).decode())


def unseal(part: Reasoning, dialect: str, seals: Seals) -> Reasoning | None:
    """`part` as its maker wrote it, with its origin; None when the token is not of this organisation, or damaged."""
    if not is_sealed(part.signature):
        origin = ORIGIN_OF_DIALECT.get(dialect, "") if part.signature else ""
        return structs.replace(part, origin=origin, extra=None)  # which only the client's dialect knows
    token = _opened_token(part.signature, seals)
    if token is None:
        return None
    text = part.text if token.had_text else ""  # else what came back is a summary that was shown as thinking
    return structs.replace(
        part,
        text=text if token.text is None else token.text,
        summary=None,
        signature=token.signature,
        is_redacted=token.is_redacted,
        is_bound=token.is_bound,
        item_id=token.item_id,
        origin=token.origin,
        extra=token.extra,
    )


def origin_of_token(signature: str, seals: Seals) -> str:
    """Who made what a token holds; '' when it cannot be read."""
    token = _opened_token(signature, seals)
    return token.origin if token is not None else ""


def _opened_token(signature: str, seals: Seals) -> _Token | None:
    try:
        raw = base64.b64decode(signature.replace("-", "+").replace("_", "/") + "==")
        packed = seals.open(raw[len(_MAGIC) :])
        if packed is None:
            return None
        return _decode(_inflated(packed[1:]) if packed[:1] == b"z" else packed[1:])
    except (binascii.Error, ValueError, zlib.error, msgspec.MsgspecError):
        return None


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    packed = inflater.decompress(data, _LARGEST_BYTES)
    if inflater.unconsumed_tail:
        raise ValueError("the token is too large")
    return packed


def open_reasoning(turn: Turn, target: Target, seals: Seals, report: Report) -> Turn:
    """`turn` with the reasoning that `target` may see: opened, and what another vendor's model made without its signature.

    Redacted thinking of another vendor disappears. Text stays: whether it can be sent is the writer's to know.
    """
    messages: list[Message] = []
    twice = said_twice(turn)
    for at, message in enumerate(turn.messages):
        if not any(isinstance(part, Reasoning) for part in message.parts):
            messages.append(message)
            continue
        kept = [p for p in message.parts if not (at in twice and isinstance(p, Reasoning) and not p.signature)]
        parts = _opened_parts(kept, turn.dialect, target, seals, report)
        if parts:
            messages.append(structs.replace(message, parts=parts))
    return structs.replace(turn, messages=messages)


def said_twice(turn: Turn) -> frozenset[int]:
    """Messages whose thoughts in the clear are in a token too: Gemini's clients send both, maybe as contents of their own."""
    if turn.dialect != "gemini.generate":
        return frozenset()
    found: list[int] = []
    run: list[int] = []
    is_sealed_run = False
    for at, message in enumerate([*turn.messages, None]):
        if message is None or message.role != "assistant":
            found += run if is_sealed_run else []
            run, is_sealed_run = [], False
            continue
        run.append(at)
        is_sealed_run = is_sealed_run or any(isinstance(p, Reasoning) and is_sealed(p.signature) for p in message.parts)
    return frozenset(found)


def _opened_parts(parts: Sequence[Part], dialect: str, target: Target, seals: Seals, report: Report) -> list[Part]:
    opened: list[Part] = []
    for part in parts:
        kept = opened_part(part, dialect, target, seals, report) if isinstance(part, Reasoning) else part
        if kept is not None:
            opened.append(kept)
    return opened


def opened_part(part: Reasoning, dialect: str, target: Target, seals: Seals, report: Report) -> Reasoning | None:
    """What of a thought `target` may see; None when nothing of it is left."""
    found = unseal(part, dialect, seals)
    if found is None:
        report.drop(_LOST, "unreadable")
        found = structs.replace(part, signature="", text="" if part.is_redacted else part.text)
    elif found.signature and not same_origin(found.origin, target.origin):
        report.drop(_LOST, _OTHER)
        text = "" if found.is_redacted or found.is_bound else found.text
        found = structs.replace(found, signature="", item_id="", text=text, is_redacted=False)
    return found if found.signature or found.text or found.summary else None


def foreign_part(part: Reasoning, dialect: str, report: Report) -> Reasoning | None:
    """What of an unsealed thought may be seen by one who did not make it: its words, where the dialect takes them unsigned; else None."""
    report.drop(_LOST, _OTHER_ACCOUNT if dialect == "openai.responses" else _OTHER)
    if dialect != "anthropic.messages" or part.is_redacted or not part.text:
        return None
    return structs.replace(part, signature="", origin=_ELSEWHERE, extra=None)


def shown(part: Reasoning) -> str:
    """What a client sees of a thought where there is one place for it: the words, else the summaries as paragraphs."""
    return part.text or "\n\n".join(part.summary or ())


def report_unsent(part: Reasoning, target: Target, report: Report, why: str = "unsigned") -> None:
    """A writer leaves a thought out. Of another vendor's that has been said when it was opened."""
    is_other = bool(part.origin) and not same_origin(part.origin, target.origin)
    report.drop(_LOST, _OTHER if is_other else why)


class SealReasoning:
    """Seals what a provider's stream or answer reasons. Text passes at once; the token comes at the end of its block.

    A block that begins with its signature, or is redacted or bound, is held until it ends: its writer wants all at once.
    """

    def __init__(self, origin: str, client_dialect: str, seals: Seals) -> None:
        self._origin, self._dialect, self._seals = origin, client_dialect, seals
        self._open: dict[int, _Block] = {}

    def answer(self, answer: Answer) -> Answer:
        """A whole answer, sealed."""
        parts: list[Part] = [
            seal(part, self._origin, self._dialect, self._seals) if isinstance(part, Reasoning) else part
            for part in answer.parts
        ]
        return structs.replace(answer, parts=parts)

    def events(self, events: Iterable[Event]) -> list[Event]:
        """Some events, sealed."""
        out: list[Event] = []
        for event in events:
            if isinstance(event, Open) and isinstance(event.part, Reasoning):
                block = self._open[event.index] = _Block(event.part)
                if not block.is_held:
                    out.append(event)
            elif self._open and isinstance(event, Delta) and event.index in self._open:
                self._open[event.index].take(event, out)
            elif self._open and isinstance(event, Close) and event.index in self._open:
                self._end(event, self._open.pop(event.index), out)
            else:
                out.append(event)
        return out

    def _end(self, event: Close, block: "_Block", out: list[Event]) -> None:
        whole = block.whole.part()
        assert isinstance(whole, Reasoning)
        sealed = seal(whole, self._origin, self._dialect, self._seals)
        if block.is_held:
            out.append(Open(event.index, structs.replace(sealed, text="")))
            if sealed.text:
                out.append(Delta(event.index, "text", sealed.text))
        elif sealed.signature:
            out.append(Delta(event.index, "signature", sealed.signature))
        out.append(event)


class _Block:
    __slots__ = ("is_held", "whole")

    def __init__(self, part: Reasoning) -> None:
        self.is_held = bool(part.signature) or part.is_redacted or part.is_bound
        self.whole = GrowingPart(part)

    def take(self, delta: Delta, out: list[Event]) -> None:
        self.whole.add(delta)
        if not self.is_held and delta.kind != "signature":
            out.append(delta)
