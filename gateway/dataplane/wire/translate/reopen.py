"""The history of a session that has moved, for a provider of its client's own dialect.

Its bytes would pass as they are, but its thoughts may carry our tokens (`reasoning`), which no provider can read, or be sealed by another
provider of the same dialect. Here they are opened or, where they are another's, taken out; all else stays as the client wrote it.
"""

from msgspec import structs

from gateway.dataplane.wire.canon import Message, Part, Reasoning, Turn
from gateway.dataplane.wire.codec import Codec, Target
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.reasoning import Seals, foreign_part, is_sealed, opened_part, said_twice

_PROVEN = frozenset({"gemini.generate", "bedrock.converse"})
"""Dialects in which nobody takes a thought back without its signature."""


def own_thoughts(turn: Turn) -> int:
    """How many thoughts of a history were signed by a provider of its own dialect."""
    thoughts = (part for message in turn.messages for part in message.parts if isinstance(part, Reasoning))
    return sum(1 for part in thoughts if part.signature and not is_sealed(part.signature))


def reopened(codec: Codec, turn: Turn, target: Target, seals: Seals, report: Report, foreign: int = 0) -> Turn | None:
    """`turn` for a provider of its own dialect; None when it can have it as it is.

    `foreign`: so many of its `own_thoughts`, from the first on, were not made by the target's kind.
    """
    left = min(foreign, own_thoughts(turn))
    if not left and not any(_is_token(part) for message in turn.messages for part in message.parts):
        return None
    report.paths = codec.paths
    twice = said_twice(turn)
    messages: list[Message] = []
    is_whole = True
    for at, message in enumerate(turn.messages):
        parts: list[Part] = []
        for part in message.parts:
            if not isinstance(part, Reasoning):
                parts.append(part)
            elif is_sealed(part.signature) or (left and part.signature):
                if is_sealed(part.signature):
                    found = _opened(part, turn.dialect, target, seals, report)
                else:
                    left -= 1
                    found = foreign_part(part, turn.dialect, report)
                is_whole = is_whole and found is not None and bool(found.signature)
                if found is not None:
                    parts.append(found)
            elif part.signature or at not in twice:
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
