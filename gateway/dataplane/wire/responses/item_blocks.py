"""The other items of an answer while they are streamed to a client: calls, reasoning, and what OpenAI itself ran. Traps 1, 3, 46.

Each is made from an Open and writes the frames of its own kind as pieces come; what it streamed is what its item says in the end.
"""

from typing import Any

from gateway.dataplane.wire.canon import Opaque, Reasoning, ToolCall
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.responses.frames import Frames
from gateway.dataplane.wire.responses.names import CUSTOM_ID, FUNCTION_ID, OTHER_ID, REASONING_ID, SEARCH_ID, SHELL_ID
from gateway.dataplane.wire.responses.write_items import loaded


class CallBlock:
    """A function call, or a custom call with its bare input."""

    def __init__(self, frames: Frames, part: ToolCall) -> None:
        self._frames, self._part = frames, part
        self._place = frames.place()
        self._is_custom = part.kind == "custom"
        self._id = frames.item_id(part.item_id, CUSTOM_ID if self._is_custom else FUNCTION_ID, self._place)
        self._name = b"response.custom_tool_call_input" if self._is_custom else b"response.function_call_arguments"
        self._delta = self._name + b".delta"
        self._where = b'"item_id":%b,"output_index":%d' % (encode(self._id), self._place)
        self._pieces: list[str] = []
        frames.item_added(self._place, self._item("", "in_progress"))
        if part.arguments:
            self.arguments(part.arguments)

    def arguments(self, piece: str) -> None:
        """More of the arguments."""
        self._pieces.append(piece)
        self._frames.add(self._delta, b'%b,"delta":%b' % (self._where, encode(piece)))

    def close(self) -> None:
        """The call is whole. A function's arguments are an object even when the model wrote none."""
        if not self._pieces and not self._is_custom:
            self.arguments("{}")
        told = "".join(self._pieces)
        is_whole = self._is_custom or loaded(told) is not told
        if self._is_custom:
            fields = b'%b,"input":%b' % (self._where, encode(told))
        else:
            fields = b'%b,"name":%b,"arguments":%b' % (self._where, encode(self._part.name), encode(told))
        self._frames.add(self._name + b".done", fields)
        self._frames.item_done(self._place, self._item(told, "completed" if is_whole else "incomplete"))

    def _item(self, told: str, status: str) -> dict[str, Any]:
        part = self._part
        item = {
            "id": self._id,
            "type": "custom_tool_call" if self._is_custom else "function_call",
            "status": status,
            "call_id": part.id or f"call_{self._id}",
            "name": part.name,
            "input" if self._is_custom else "arguments": told,
        }
        if part.namespace:
            item["namespace"] = part.namespace
        return item


class HeldCallBlock:
    """A local shell call or a tool search of the client: they have no deltas, so the item comes when it is whole."""

    def __init__(self, frames: Frames, part: ToolCall) -> None:
        self._frames, self._part = frames, part
        self._pieces = [part.arguments]

    def arguments(self, piece: str) -> None:
        """More of the arguments."""
        self._pieces.append(piece)

    def close(self) -> None:
        """The item begins and ends."""
        told, part, place = loaded("".join(self._pieces)), self._part, self._frames.place()
        item: dict[str, Any]
        if part.kind == "shell":
            action = told if isinstance(told, dict) else {"command": [told]}
            item = {
                "id": self._frames.item_id(part.item_id, SHELL_ID, place),
                "type": "local_shell_call",
                "call_id": part.id,
                "action": {"type": "exec", "env": {}, **action},
            }
        else:
            item = {
                "id": self._frames.item_id(part.item_id, SEARCH_ID, place),
                "type": "tool_search_call",
                "call_id": part.id,
                "execution": "client",
                "arguments": told if isinstance(told, dict) else {"query": told},
            }
        self._frames.item_added(place, {**item, "status": "in_progress"})
        self._frames.item_done(place, {**item, "status": "completed"})


class ThoughtBlock:
    """Reasoning: its summaries and its own words are summary parts, its signature is the cipher (for those who asked for it)."""

    def __init__(self, frames: Frames, part: Reasoning, has_cipher: bool) -> None:
        self._frames, self._has_cipher = frames, has_cipher
        self._place = frames.place()
        self._id = frames.item_id(part.item_id, REASONING_ID, self._place)
        self._where = b'"item_id":%b,"output_index":%d,"summary_index":' % (encode(self._id), self._place)
        self._summary: list[str] = []
        self._pieces: list[str] = []
        self._current: object = None
        self._at = b""
        self.signature = part.signature
        frames.item_added(self._place, self._item())
        for at, text in enumerate(part.summary or ()):
            self.more(at, text)
        if part.text:
            self.more("text", part.text)

    def more(self, which: object, piece: str) -> None:
        """More of a summary part (its number) or of the words themselves (`text`)."""
        if which != self._current:
            self._end_part()
            self._current = which
            self._at = b"%b%d" % (self._where, len(self._summary))
            self._frames.add(
                b"response.reasoning_summary_part.added", b'%b,"part":{"type":"summary_text","text":""}' % self._at
            )
        self._pieces.append(piece)
        self._frames.add(b"response.reasoning_summary_text.delta", b'%b,"delta":%b' % (self._at, encode(piece)))

    def close(self) -> None:
        """The item ends."""
        self._end_part()
        self._frames.item_done(self._place, self._item())

    def _end_part(self) -> None:
        if self._current is None:
            return
        words = "".join(self._pieces)
        told = encode(words)
        self._frames.add(b"response.reasoning_summary_text.done", b'%b,"text":%b' % (self._at, told))
        part = b'%b,"part":{"type":"summary_text","text":%b}' % (self._at, told)
        self._frames.add(b"response.reasoning_summary_part.done", part)
        self._summary.append(words)
        self._pieces, self._current = [], None

    def _item(self) -> dict[str, Any]:
        summary = [{"type": "summary_text", "text": text} for text in self._summary]
        item: dict[str, Any] = {"id": self._id, "type": "reasoning", "summary": summary}
        if self._has_cipher:
            item["encrypted_content"] = self.signature or None
        return item


class OpaqueBlock:
    """An item of OpenAI's own tools, as it came."""

    def __init__(self, frames: Frames, part: Opaque) -> None:
        self._frames, self._place = frames, frames.place()
        value = part.value
        self._item = value if value.get("id") else {**value, "id": frames.item_id("", OTHER_ID, self._place)}
        frames.item_added(self._place, self._item)

    def close(self) -> None:
        """The item ends."""
        self._frames.item_done(self._place, self._item)
