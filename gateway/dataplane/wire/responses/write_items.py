"""Messages, from the canon to the items of a Responses conversation. Traps 1, 10, 11, 22, 24, 31, 34.

Thinking never becomes an assistant's text: with a signature of the target's own vendor it is a `reasoning` item again, else it is
dropped and reported.
"""

from typing import Any, Final

from msgspec import DecodeError
from msgspec.json import Decoder

from gateway.dataplane.wire.canon import Media, Message, Opaque, Part, Reasoning, Refusal, Text, ToolCall, ToolResult
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses.names import (
    CUSTOM_ID,
    FUNCTION_ID,
    MESSAGE_ID,
    REASONING_ID,
    SEARCH_ID,
    SHELL_ID,
    is_item,
    legal_id,
    put,
)
from gateway.dataplane.wire.responses.write_parts import write_parts
from gateway.dataplane.wire.translate.media import left_out
from gateway.dataplane.wire.translate.reasoning import report_unsent

_decode = Decoder().decode
_OUTPUT: Final = {
    "function": "function_call_output",
    "custom": "custom_tool_call_output",
    "shell": "local_shell_call_output",
}
_ID_OF_CALL: Final = {"function": FUNCTION_ID, "custom": CUSTOM_ID, "shell": SHELL_ID, "tool_search": SEARCH_ID}
_ERROR: Final = "Error:"
_LOOKED_AT: Final = 2000


class Items:
    """The items of a conversation: calls, outputs and reasoning are items of their own, texts and media that stand side by side
    one message. What Responses wrote itself (`is_own`) goes back as it came; ids of others only where they are legal.
    """

    def __init__(self, target: Target, report: Report, *, is_own: bool) -> None:
        self._target, self._report, self._is_own = target, report, is_own
        self.items: list[dict[str, Any]] = []

    def add(self, message: Message) -> None:
        """The items of one more message."""
        content: list[Part] = []
        for part in message.parts:
            if isinstance(part, Text | Media | Refusal) or (isinstance(part, Opaque) and not is_item(part)):
                content.append(part)
                continue
            self._message(message, content)
            content = []
            item = self._item(part)
            if item is not None:
                self.items.append(item)
        if self._is_own and (content or not message.parts):
            self._own_message(message, content)
        elif content:
            self._message(message, content)

    def _item(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, ToolCall):
            return self._call(part)
        if isinstance(part, ToolResult):
            return _own_output(part, self._report) if self._is_own else self._output(part)
        if isinstance(part, Reasoning):
            # what was opened by `translate.reasoning` has an origin, and is no longer as it came
            return _own_reasoning(part) if self._is_own and not part.origin else self._reasoning(part)
        return part.value if self._is_own and isinstance(part, Opaque) else None

    # === messages ===

    def _own_message(self, message: Message, parts: list[Part]) -> None:
        usual = "output_text" if message.role == "assistant" else "input_text"
        only = parts[0] if message.is_plain and len(parts) == 1 else None
        content: Any = only.text if isinstance(only, Text) else write_parts(parts, usual, True, self._report, "input")
        obj: dict[str, Any] = {"type": "message", "role": message.role, "content": content}
        if message.item_id:
            obj["id"] = message.item_id
        self.items.append(put(obj, message.extra))

    def _message(self, message: Message, parts: list[Part]) -> None:
        role = "user" if message.role == "tool" else message.role
        usual = "output_text" if role == "assistant" else "input_text"
        content = write_parts(parts, usual, self._is_own, self._report, "messages")
        if not content:
            return
        item: dict[str, Any] = {"type": "message", "role": role}
        if legal_id(message.item_id, MESSAGE_ID):
            item["id"] = message.item_id
        only = content[0] if len(content) == 1 and message.is_plain and role != "assistant" else None
        item["content"] = only["text"] if only is not None and only["type"] == "input_text" else content
        self.items.append(item)

    # === calls and their outputs ===

    def _call(self, part: ToolCall) -> dict[str, Any]:
        if self._is_own:
            return put(_call(part, part.item_id), part.extra)
        call = _call(part, legal_id(part.item_id, _ID_OF_CALL[part.kind]))
        if part.kind == "function" and not part.arguments:
            call["arguments"] = "{}"
        return call

    def _output(self, part: ToolResult) -> dict[str, Any]:
        if part.kind == "tool_search":
            return _own_output(
                ToolResult(call_id=part.call_id, parts=[], value=part.value, kind=part.kind), self._report
            )
        inside: list[Part] = [] if part.value is None else [Text(text=encode(part.value).decode())]
        for one in part.parts:
            if isinstance(one, Opaque):  # better as JSON than not at all: the model asked for it
                inside.append(Text(text=encode(one.value).decode()))
                self._report.drop(f"messages.tool_result.{one.kind}", "as_json")
            elif isinstance(one, Text) or one.kind in ("image", "document"):
                inside.append(one)
            else:  # outputs take text, images and files
                self._report.drop(f"messages.tool_result.{one.kind}")
                inside.append(Text(text=left_out(one)))
        content = write_parts(inside, "input_text", False, self._report, "messages.tool_result")
        if part.is_error and not any("error" in one.get("text", "")[:_LOOKED_AT].lower() for one in content):
            content.insert(0, {"type": "input_text", "text": _ERROR})  # there is no other word for it here
        output: Any = content
        if all(one["type"] == "input_text" for one in content) and (len(content) < 2 or content[0]["text"] == _ERROR):
            output = " ".join(one["text"] for one in content)
        kind = _OUTPUT[part.kind]
        if part.kind == "shell":
            return {"type": kind, "id": part.call_id, "output": output}
        return {"type": kind, "call_id": part.call_id, "output": output}

    # === reasoning ===

    def _reasoning(self, part: Reasoning) -> dict[str, Any] | None:
        """With `store: false` OpenAI takes no reasoning without its cipher; others that speak Responses take the words back."""
        item: dict[str, Any] = {"type": "reasoning"}
        if legal_id(part.item_id, REASONING_ID):
            item["id"] = part.item_id
        item["summary"] = [{"type": "summary_text", "text": text} for text in part.summary or ()]
        if part.signature:
            return {**item, "encrypted_content": part.signature}
        vendor = self._target.vendor
        if part.text and vendor != "openai" and part.origin and part.origin.partition("/")[0] == vendor:
            return {**item, "content": [{"type": "reasoning_text", "text": part.text}]}
        report_unsent(part, self._target, self._report)
        return None


def _own_output(part: ToolResult, report: Report) -> dict[str, Any]:
    if part.kind == "tool_search":
        obj: dict[str, Any] = {"type": "tool_search_output", "execution": "client", "call_id": part.call_id}
        obj |= part.value or {"tools": []}
    else:
        plain = part.parts[0] if part.is_plain and part.parts else None
        output: Any = (
            plain.text if isinstance(plain, Text) else write_parts(part.parts, "input_text", True, report, "output")
        )
        obj = {"type": _OUTPUT[part.kind], "output": output}
        if part.kind == "shell":
            obj["id"] = part.call_id
        else:
            obj["call_id"] = part.call_id
    if part.item_id:
        obj["id"] = part.item_id
    return put(obj, part.extra)


def _own_reasoning(part: Reasoning) -> dict[str, Any]:
    obj: dict[str, Any] = {"type": "reasoning"}
    if part.item_id:
        obj["id"] = part.item_id
    if part.summary is not None:
        obj["summary"] = [{"type": "summary_text", "text": text} for text in part.summary]
    if part.text:
        obj["content"] = [{"type": "reasoning_text", "text": part.text}]
    if part.signature:
        obj["encrypted_content"] = part.signature
    return put(obj, part.extra)


def _call(part: ToolCall, item_id: str) -> dict[str, Any]:
    obj: dict[str, Any]
    match part.kind:
        case "custom":
            obj = {"type": "custom_tool_call", "call_id": part.id, "name": part.name, "input": part.arguments}
        case "shell":
            obj = {"type": "local_shell_call", "call_id": part.id, "action": loaded(part.arguments)}
        case "tool_search":
            arguments = loaded(part.arguments)
            obj = {"type": "tool_search_call", "execution": "client", "call_id": part.id, "arguments": arguments}
        case _:
            obj = {"type": "function_call", "call_id": part.id, "name": part.name, "arguments": part.arguments}
    if part.namespace:
        obj["namespace"] = part.namespace
    if item_id:
        obj["id"] = item_id
    return obj


def loaded(arguments: str) -> Any:
    """The JSON of arguments; what is none, or too deep, stays text."""
    if not arguments:
        return {}
    try:
        return arguments if is_too_deep(arguments) else _decode(arguments)
    except (DecodeError, UnicodeError):
        return arguments
