"""A provider's Responses stream, as events. Traps 46, 50, 52; complaints 3, 5, 11.

What a provider leaves out is made up for: deltas that never came are taken from the `.done` events, items that were never
streamed from the terminal event's `output`. Items may interleave. `response.done` ends a stream like OpenAI's own terminal events.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec import DecodeError, Raw, Struct
from msgspec.json import Decoder

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import Event, Fault, Finish
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.lenient import string
from gateway.dataplane.wire.responses.error import fault_of
from gateway.dataplane.wire.responses.growing import TEXT_PARTS, Growing
from gateway.dataplane.wire.responses.names import NAME
from gateway.dataplane.wire.responses.output import CALLS, Json
from gateway.dataplane.wire.responses.stop import stop_of
from gateway.dataplane.wire.usage import USAGE

_read_usage = USAGE[NAME]


_ABSENT: Final = Raw(b"null")


class _Event(Struct):
    """The members of all events that are read; others are skipped without being decoded."""

    type: str = ""
    delta: Any = None
    output_index: int | None = None
    content_index: int = 0
    summary_index: int = 0
    item_id: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: Any = None
    input: str | None = None
    item: Raw = _ABSENT
    part: Raw = _ABSENT
    annotation: Any = None
    response: Raw = _ABSENT


class Response(Struct):
    """The members of a response that are read. Nothing is believed of their types."""

    id: Any = None
    model: Any = None
    created_at: Any = None
    status: Any = None
    usage: Raw = _ABSENT
    output: list[Raw] | None = None
    error: Any = None
    incomplete_details: Any = None

    def usage_of(self, raw: Raw | bytes) -> Usage | None:
        """Canonical usage; `raw` is the whole response, which also tells the service tier."""
        return _read_usage(bytes(self.usage), bytes(raw))

    def begin(self) -> tuple[str, str, int]:
        """Id, model and time; '' and 0 where it does not say."""
        created = self.created_at
        return (
            self.id if isinstance(self.id, str) else "",
            self.model if isinstance(self.model, str) else "",
            int(created) if isinstance(created, int | float) and 0 <= created < 1 << 53 else 0,
        )

    def reason(self) -> Any:
        """Why it is incomplete."""
        return self.incomplete_details.get("reason") if isinstance(self.incomplete_details, dict) else None

    def items(self) -> list[Json]:
        """The output, decoded."""
        return [_item_of(raw) for raw in self.output or ()]


_decode = Decoder(_Event).decode
decode_response = Decoder(Response).decode
_decode_any = Decoder().decode
_NOTHING: Final[Json] = {}

_SILENT: Final = frozenset({
    "response.queued",
    "response.reasoning_part.added",
    "response.reasoning_part.done",
    "response.reasoning_text.done",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.compaction.compacting",
    "keepalive",
})  # fmt: skip
_SILENT_STARTS: Final = (
    "response.web_search_call.",
    "response.file_search_call.",
    "response.code_interpreter_call",
    "response.image_generation_call.",
    "response.mcp_",
    "response.shell_call",
    "response.audio.",
)
"""What tells nothing that the item's end does not tell: the progress of what the provider runs itself, mostly."""


def _item_of(raw: Raw) -> Json:
    """An item; {} for what is no object."""
    found = _decode_any(raw)
    return found if isinstance(found, dict) else _NOTHING


class ResponsesReader:
    """See StreamReader."""

    def __init__(self) -> None:
        self.skipped = 0
        self._grow = Growing()
        self._has_ended = False

    def feed(self, name: str, data: bytes) -> list[Event]:
        """See StreamReader."""
        if self._has_ended:
            return []
        if is_too_deep(data):
            self.skipped += 1
            return []
        out: list[Event] = []
        self._grow.out = out
        try:
            event = _decode(data)
            kind = event.type = "error" if name == "error" else event.type or name
            handler = _HANDLERS.get(kind)
            if handler is not None:
                handler(self, event)
            elif kind == "error":
                self._fail(_decode_any(data))
            elif kind not in _SILENT and not kind.startswith(_SILENT_STARTS):
                self.skipped += 1
        except (DecodeError, UnicodeDecodeError, RecursionError):
            if data.strip() != b"[DONE]":
                self.skipped += 1
        return out

    def end(self) -> list[Event]:
        """See StreamReader."""
        if self._has_ended:
            return []
        self._has_ended = True
        return [Fault("server", "the provider's stream ended before `response.completed`")]

    # === lifecycle ===

    def _begin(self, event: _Event) -> None:
        if not self._grow.has_begun:
            self._grow.begin(*decode_response(event.response).begin())

    def _finish(self, event: _Event) -> None:
        """A terminal event; what was not streamed is made up for before it."""
        grow, raw = self._grow, event.response
        response = decode_response(raw) if raw is not _ABSENT else Response()
        status = response.status if isinstance(response.status, str) else event.type.partition(".")[2]
        if status == "failed" or event.type == "response.failed":
            self._fail({"error": response.error or "the response failed"})
            return
        grow.begin(*response.begin())
        output = response.items() if grow.items or len(response.output or ()) > grow.count else []
        for key, item in list(grow.items.items()):
            told = output[key] if isinstance(key, int) and 0 <= key < len(output) else _NOTHING
            grow.finish(key, told if told.get("type") == item.type else _NOTHING)
        if len(output) > grow.count:
            for at, told in enumerate(output):
                if at not in grow.seen and string(told, "id") not in grow.seen:
                    grow.whole(told)
        self._has_ended = True
        stop = stop_of(status, response.reason(), has_calls=grow.has_calls, has_refusal=grow.has_refusal)
        grow.out.append(Finish(stop, response.usage_of(raw)))

    def _fail(self, told: Any) -> None:
        self._has_ended = True
        obj = told if isinstance(told, dict) else _NOTHING
        status = obj.get("status")
        self._grow.out.append(fault_of(dict(obj), status if isinstance(status, int) else 0))

    # === items and their pieces ===

    def _added(self, event: _Event) -> None:
        obj = _item_of(event.item)
        self._grow.added(_key(event, obj), obj)

    def _done(self, event: _Event) -> None:
        obj = _item_of(event.item)
        if not obj or not self._grow.done(_key(event, obj), obj):
            self.skipped += 1

    def _text(self, event: _Event) -> None:
        kind = "refusal" if event.type == "response.refusal.delta" else "output_text"
        block = self._grow.part(_key(event), event.item_id or "", event.content_index, kind)
        if block is None or not block.is_open or type(event.delta) is not str:
            self.skipped += 1
        else:
            self._grow.give(block, "text", event.delta)

    def _call(self, event: _Event) -> None:
        item = self._grow.items.get(_key(event))
        if item is None or item.type not in CALLS or type(event.delta) is not str:
            self.skipped += 1  # what was not announced has no name yet: its end tells it all
        else:
            self._grow.give(item.blocks[0], "arguments", event.delta)

    def _thought(self, event: _Event) -> None:
        item = self._grow.thought(_key(event), event.item_id or "")
        if item is None or type(event.delta) is not str:
            self.skipped += 1
        elif event.type == "response.reasoning_text.delta":
            self._grow.give(item.blocks[0], "text", event.delta)
        else:
            self._grow.summary(item, event.summary_index, event.delta)

    # === their ends ===

    def _part(self, event: _Event) -> None:
        """A part begins or ends; those of reasoning are told by its deltas."""
        row = _item_of(event.part)
        if row.get("type") in TEXT_PARTS:
            block = self._grow.part(_key(event), event.item_id or "", event.content_index, string(row, "type"))
            if block is not None and event.type == "response.content_part.done":
                self._grow.finish_part(block, row)

    def _told(self, event: _Event) -> None:
        """The whole of a text or of arguments: what its pieces left out is given."""
        item = self._grow.items.get(_key(event))
        if item is None:
            return
        if item.type in CALLS:
            text = event.input if item.type == "custom_tool_call" else event.arguments
            if isinstance(text, str):
                self._grow.rest(item.blocks[0], "arguments", text)
        elif item.type == "reasoning":
            self._grow.rest_of_summary(item, event.summary_index, event.text or "")
        elif event.content_index in item.blocks:
            self._grow.rest(item.blocks[event.content_index], "text", event.text or event.refusal or "")

    def _cite(self, event: _Event) -> None:
        block = self._grow.part(_key(event), event.item_id or "", event.content_index, "output_text")
        if block is not None and block.is_open and isinstance(event.annotation, dict):
            self._grow.cite(block, event.annotation)
        else:
            self.skipped += 1


def _key(event: _Event, obj: Json = _NOTHING) -> int | str:
    return event.output_index if event.output_index is not None else event.item_id or string(obj, "id")


_HANDLERS: Final[dict[str, Callable[[ResponsesReader, _Event], None]]] = {
    "response.output_text.delta": ResponsesReader._text,
    "response.refusal.delta": ResponsesReader._text,
    "response.function_call_arguments.delta": ResponsesReader._call,
    "response.custom_tool_call_input.delta": ResponsesReader._call,
    "response.reasoning_summary_text.delta": ResponsesReader._thought,
    "response.reasoning_text.delta": ResponsesReader._thought,
    "response.created": ResponsesReader._begin,
    "response.in_progress": ResponsesReader._begin,
    "response.output_item.added": ResponsesReader._added,
    "response.output_item.done": ResponsesReader._done,
    "response.content_part.added": ResponsesReader._part,
    "response.content_part.done": ResponsesReader._part,
    "response.output_text.done": ResponsesReader._told,
    "response.refusal.done": ResponsesReader._told,
    "response.function_call_arguments.done": ResponsesReader._told,
    "response.custom_tool_call_input.done": ResponsesReader._told,
    "response.reasoning_summary_text.done": ResponsesReader._told,
    "response.output_text.annotation.added": ResponsesReader._cite,
    "response.completed": ResponsesReader._finish,
    "response.incomplete": ResponsesReader._finish,
    "response.failed": ResponsesReader._finish,
    "response.cancelled": ResponsesReader._finish,
    "response.done": ResponsesReader._finish,
}
