"""A session that began on a model of another dialect and moves to one whose provider speaks the client's own.

Its bytes would pass as they are, but its thoughts carry our tokens (`reasoning`), which no provider can read. Here they are opened
or, where they are another vendor's, taken out; all else stays as the client wrote it.
"""

from msgspec import structs

from gateway.dataplane.wire.canon import Message, Part, Reasoning, Turn
from gateway.dataplane.wire.codec import Codec, Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.reasoning import Seals, is_sealed, opened_part, said_twice

_PROVEN = frozenset({"gemini.generate", "bedrock.converse"})
"""Dialects in which nobody takes a thought back without its signature."""


def reopened(codec: Codec, turn: Turn, target: Target, seals: Seals, report: Report) -> Turn | None:
    """`turn` for a provider of its own dialect; None when it carries no token of ours."""
    if not any(_is_token(part) for message in turn.messages for part in message.parts):
        return None
    report.paths = codec.paths
    twice = said_twice(turn)
    messages: list[Message] = []
    is_whole = True
    for at, message in enumerate(turn.messages):
        parts: list[Part] = []
        for part in message.parts:
            if isinstance(part, Reasoning) and is_sealed(part.signature):
                opened = _opened(part, turn.dialect, target, seals, report)
                is_whole = is_whole and opened is not None and bool(opened.signature)
                if opened is not None:
                    parts.append(opened)
            elif not (at in twice and isinstance(part, Reasoning) and not part.signature):
                parts.append(part)
        if parts == message.parts:
            messages.append(message)
        elif parts:
            messages.append(structs.replace(message, parts=parts))
    turn = structs.replace(turn, messages=messages)
    return turn if is_whole else codec.mended(turn, target, report)


def _is_token(part: Part) -> bool:
    return isinstance(part, Reasoning) and is_sealed(part.signature)


def _opened(part: Reasoning, dialect: str, target: Target, seals: Seals, report: Report) -> Reasoning | None:
    found = opened_part(part, dialect, target, seals, report)
    if found is None or not found.origin:  # it could not be read: nobody knows whose words they are
        return None
    return found if found.signature or dialect not in _PROVEN else None
