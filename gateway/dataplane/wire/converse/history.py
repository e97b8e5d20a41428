"""The conversation in the order that Converse enforces: system apart, user and assistant in turn, the user first.

- What one side says in several messages is one message; results come first in it (traps 6, 7), calls last (trap 19).
- System and developer messages go the way of `translate.instructions` (trap 30).
- A document needs words beside it (API reference, DocumentBlock); an answer that a model shall continue must not end in white
  space, and models that continue none are asked to go on.
"""

from collections.abc import Iterable
from typing import Any, Final, Literal

from gateway.base.core.errors import BadRequest
from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Message, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.converse.models import Model
from gateway.dataplane.wire.converse.write_blocks import Block, BlockWriter
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.instructions import count_leading, is_instruction, reminder
from gateway.dataplane.wire.translate.losses import name_of

Side = Literal["user", "assistant"]

_OPENING: Final = "(The conversation begins with your answer.)"
_BEGIN: Final = "Begin."
_GO_ON: Final = "Continue."
_SEE: Final = "See the attached document."


class Written(Record, frozen=True):
    """A block and the cache mark that stands after it."""

    block: Block
    cache: str = ""


class Said(Record, frozen=True):
    """One message as it will be sent."""

    role: Side
    blocks: list[Written]


class _Part(Record, frozen=True):
    part: Part
    cache: str
    path: str


def written_system(turn: Turn, writer: BlockWriter, report: Report) -> tuple[list[Written], int]:
    """The system blocks, and how many messages of the conversation they have taken in."""
    blocks: list[Written] = []
    count = count_leading(turn.messages)
    leading = [turn.instructions] if turn.instructions is not None else []
    for message in leading + turn.messages[:count]:
        for one in _kept(message, "system", writer):
            if isinstance(one.part, Text | Refusal):
                blocks.append(Written({"text": one.part.text}, one.cache))
            else:
                report.drop(f"system.{name_of(one.part)}")
    return blocks, count


def written_messages(
    turn: Turn, first: int, model: Model, writer: BlockWriter, report: Report, *, has_system: bool
) -> list[Said]:
    """The messages from `first` on. Raises BadRequest when nothing is left to say."""
    runs: list[tuple[Side, list[_Part]]] = []
    last = len(turn.messages) - 1
    for at, message in enumerate(turn.messages[first:], first):
        side: Side = "assistant" if message.role == "assistant" else "user"
        parts = _kept(message, f"messages[{at}]", writer)
        is_asked = bool(runs and runs[-1][0] == "user") or (not runs and has_system)
        if not parts and at == last and message.role == "user" and not is_asked:
            path = f"messages[{at}].content"
            raise BadRequest(f"`{path}` is empty; the user's message needs words, an image or a document", param=path)
        if not parts:
            continue
        if is_instruction(message):
            parts = _marked(parts)
        runs.append((side, parts))
    runs = _merged((side, _whole(parts) if side == "assistant" else parts) for side, parts in _merged(runs))
    if not runs and has_system:
        runs.append(("user", [_Part(Text(text=_BEGIN), "", "")]))  # all that was said is in the system
    if not runs:
        raise BadRequest("`messages` has nothing for the model; it needs at least one message", param="messages")
    said = [Said(side, _blocks(side, parts, writer)) for side, parts in runs]
    if said[0].role == "assistant":
        said.insert(0, Said("user", [Written({"text": _OPENING})]))
    if said[-1].role == "assistant":
        _end_of_prefill(said, model, report)
    return said


def _merged(runs: Iterable[tuple[Side, list[_Part]]]) -> list[tuple[Side, list[_Part]]]:
    out: list[tuple[Side, list[_Part]]] = []
    for side, parts in runs:
        if out and out[-1][0] == side:
            out[-1][1].extend(parts)
        elif parts:
            out.append((side, [*parts]))
    return out


def _whole(parts: list[_Part]) -> list[_Part]:
    """An answer without the thought in which it broke off: Claude wants none that ends in thinking."""
    end = len(parts)
    while end and isinstance(parts[end - 1].part, Reasoning):
        end -= 1
    return parts[:end]


def _kept(message: Message, path: str, writer: BlockWriter) -> list[_Part]:
    """The parts that become blocks. The mark of one that does not goes to the one before it."""
    kept: list[_Part] = []
    last = len(message.parts) - 1
    for at, part in enumerate(message.parts):
        cache = part.cache or (message.cache if at == last else "")
        if writer.is_kept(part, path):
            kept.append(_Part(part, cache, path))
        elif cache and kept and not kept[-1].cache:
            kept[-1] = _Part(kept[-1].part, cache, path)
    return kept


def _marked(parts: list[_Part]) -> list[_Part]:
    """Words of the operator in the middle of a conversation."""
    return [
        _Part(Text(text=reminder(one.part.text)), one.cache, one.path) if isinstance(one.part, Text) else one
        for one in parts
    ]


def _blocks(side: Side, parts: list[_Part], writer: BlockWriter) -> list[Written]:
    if side == "user":
        ordered = sorted(parts, key=lambda one: not isinstance(one.part, ToolResult))
    else:
        ordered = sorted(parts, key=lambda one: isinstance(one.part, ToolCall))
        if not isinstance(ordered[0].part, Reasoning):
            ordered.sort(key=lambda one: not isinstance(one.part, Reasoning))
    blocks = [Written(writer.block(one.part, side, one.path), one.cache) for one in ordered]
    has_document = any("document" in one.block for one in blocks)
    if has_document and not any("text" in one.block for one in blocks):
        blocks.append(Written({"text": _SEE}))
    return blocks


def _end_of_prefill(said: list[Said], model: Model, report: Report) -> None:
    """The last message is the model's own, to be continued."""
    if model.claude is not None and not model.claude.takes_prefill:
        report.drop("messages[-1]", "no_prefill_with_this_model")
        said.append(Said("user", [Written({"text": _GO_ON})]))
        return
    last: dict[str, Any] = said[-1].blocks[-1].block
    if "text" in last:
        said[-1].blocks[-1] = Written({"text": last["text"].rstrip()})
