"""Where words and tool calls stand in an answer, dialect by dialect: in an event of a stream, and in a whole body.

A reader looks at one decoded event and gives its bits in order; what a bit names can be written to in place (`container[key]`).
Pure, and lenient: what it does not know has no bits, but for strings in items of a kind that nobody knows.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

TEXT, CALL, ARGS, CLOSE, WHOLE, WHOLE_CALL = range(6)
"""TEXT: a piece of a channel's words. CALL: a call begins, `key` is its tool. ARGS: a piece of its arguments. CLOSE: the group's channels
(all: None) have ended. WHOLE: words that are complete. WHOLE_CALL: complete arguments, a string or an object; `key` is in `container`."""

Channel = tuple[Any, str, Any]
"""(group, what it is, which of its kind). Calls: what it is is `call`."""
Bit = tuple[int, Any, Any, Any]
"""(what, channel, container, key); of WHOLE the channel is only what it is; of WHOLE_CALL (channel, tool or None)."""

_NOT_WORDS: Final = frozenset(
    {
        "b64_json", "call_id", "data", "encrypted_content", "finishReason", "id", "mimeType", "model", "name", "obfuscation",
        "partial_image_b64", "redacted_thinking", "result", "role", "signature", "status", "thoughtSignature", "type",
    }
)  # fmt: skip
"""Members that hold no words: ids, enums, media, what is sealed."""
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}
_ACTIONS: Final = {
    "local_shell_call": "action", "shell_call": "action", "apply_patch_call": "operation", "computer_call": "action",
}  # fmt: skip
"""Responses: items that the client's own program acts on, and their arguments."""


def strings(value: Any, label: str, bits: list[Bit], but: frozenset[str] = _NOT_WORDS) -> list[Bit]:
    """Each string in `value` as a WHOLE, except in members `but`."""
    stack = [value]
    while stack:
        node = stack.pop()
        pairs: Any = node.items() if isinstance(node, dict) else enumerate(node)
        for key, one in pairs:
            if isinstance(one, str):
                if key not in but:
                    bits.append((WHOLE, label, node, key))
            elif isinstance(one, dict | list) and key not in but:
                stack.append(one)
    return bits


def all_strings(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of each string in the arguments of a call, which may have members of any name."""
    return (
        [(node, key) for _, _, node, key in strings(value, "", [], frozenset())]
        if isinstance(value, dict | list)
        else []
    )


def _asked(channel: Channel, tool: Any, container: dict[str, Any], key: str) -> Bit:
    """A complete call; one without arguments is a call too."""
    if container.get(key) is None:
        container[key] = {}
    return WHOLE_CALL, (channel, tool if isinstance(tool, str) else ""), container, key


# === Responses ===


def responses(event: dict[str, Any]) -> list[Bit]:
    """An event of a Responses stream."""
    kind = event.get("type")
    if not isinstance(kind, str):
        return []
    group = event.get("output_index", event.get("item_id"))
    if kind.endswith(".delta"):
        if not isinstance(event.get("delta"), str):
            return []
        if kind in {"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"}:
            return [(ARGS, (group, "call", 0), event, "delta")]
        label = "reasoning" if "reasoning" in kind else "text"
        return [(TEXT, (group, label, event.get("content_index", event.get("summary_index"))), event, "delta")]
    if kind == "response.output_item.added":
        return _item(event.get("item"), group)
    if kind == "response.output_item.done":
        return [(CLOSE, group, None, None), *_item(event.get("item"), group, is_done=True)]
    if kind == "response.function_call_arguments.done":
        return (
            [(WHOLE_CALL, ((group, "call", 0), event.get("name")), event, "arguments")] if "arguments" in event else []
        )
    if kind == "response.custom_tool_call_input.done":
        return [(WHOLE_CALL, ((group, "call", 0), None), event, "input")] if "input" in event else []
    if kind in ("response.completed", "response.incomplete", "response.failed"):
        return [(CLOSE, None, None, None), *responses_body(event.get("response"))]
    if kind in ("response.created", "response.in_progress", "response.queued", "error"):
        return []  # the first three repeat the request
    return strings(event, "reasoning" if "reasoning" in kind else "text", [])


def responses_body(body: Any) -> list[Bit]:
    """A whole answer of Responses."""
    bits: list[Bit] = []
    for at, item in enumerate(_objects(body, "output")):
        bits += _item(item, at, is_done=True)
    return bits


def _item(item: Any, group: Any, *, is_done: bool = False) -> list[Bit]:
    if not isinstance(item, dict):
        return []
    kind, channel = item.get("type"), (group, "call", 0)
    member = _CALLS.get(kind) or _ACTIONS.get(kind)  # type: ignore[arg-type]
    if member is None:
        return strings(item, "reasoning" if kind == "reasoning" else "text", [])
    name = item.get("name") if kind in _CALLS else kind
    tool = name if isinstance(name, str) else ""
    bits: list[Bit] = [] if is_done else [(CALL, channel, None, tool)]
    if is_done or item.get(member):
        bits.append(_asked(channel, tool, item, member))
    return bits


# === Chat ===

_CHAT_WORDS: Final = {
    "content": "text", "refusal": "text", "reasoning_content": "reasoning", "reasoning": "reasoning", "text": "text",
}  # fmt: skip


def chat(chunk: dict[str, Any]) -> list[Bit]:
    """A chunk of a Chat stream."""
    bits: list[Bit] = []
    for at, choice in enumerate(_objects(chunk, "choices")):
        index = choice.get("index", at)
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for key, value in delta.items():
                if isinstance(value, str):
                    label = _CHAT_WORDS.get(key)
                    if label is not None:
                        bits.append((TEXT, (index, label, key), delta, key))
                elif value and key in ("tool_calls", "function_call"):
                    calls = value if isinstance(value, list) else [{"function": value}]
                    for number, call in enumerate(calls):
                        _chat_call(call, index, number, bits)
                elif isinstance(value, dict | list):
                    strings(value, "text", bits)
        elif isinstance(choice.get("message"), dict):
            bits += _message(choice["message"], index)
        if choice.get("finish_reason"):
            bits.append((CLOSE, index, None, None))
    return bits


def chat_body(body: dict[str, Any]) -> list[Bit]:
    """A whole answer of Chat."""
    bits: list[Bit] = []
    for at, choice in enumerate(_objects(body, "choices")):
        if isinstance(choice.get("message"), dict):
            bits += _message(choice["message"], at)
    return bits


def _chat_call(call: Any, index: Any, number: int, bits: list[Bit]) -> None:
    if not isinstance(call, dict):
        return
    channel = (index, "call", call.get("index", number))
    for said, member in _named(call):
        if isinstance(said.get("name"), str) and said["name"]:
            bits.append((CALL, channel, None, said["name"]))
        if isinstance(said.get(member), str):
            bits.append((ARGS, channel, said, member))


def _named(call: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """What a call names, function or custom tool, and the member that its arguments are in."""
    for kind, member in (("function", "arguments"), ("custom", "input")):
        said = call.get(kind)
        if isinstance(said, dict):
            yield said, member


def _message(message: dict[str, Any], index: int) -> list[Bit]:
    inner = {
        k: v for k, v in message.items() if isinstance(v, dict | list) and k not in ("tool_calls", "function_call")
    }
    bits = strings(inner, "text", []) if inner else []
    bits += [
        (WHOLE, _CHAT_WORDS.get(k, "text"), message, k)
        for k, v in message.items()
        if isinstance(v, str) and k not in _NOT_WORDS
    ]
    for number, call in enumerate([*_objects(message, "tool_calls"), {"function": message.get("function_call")}]):
        for said, member in _named(call):
            bits.append(_asked((index, "call", number), said.get("name"), said, member))
    return bits


# === Messages ===


def messages(event: dict[str, Any]) -> list[Bit]:
    """An event of a Messages stream."""
    kind, index = event.get("type"), event.get("index")
    if kind == "content_block_delta":
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return []
        for member, label in (("text", "text"), ("partial_json", "call"), ("thinking", "reasoning")):
            if isinstance(delta.get(member), str):
                return [(ARGS if label == "call" else TEXT, (index, label, 0), delta, member)]
        return strings(delta, "text", [])
    if kind == "content_block_start":
        return _block(event.get("content_block"), index, is_begun=True)
    if kind == "content_block_stop":
        return [(CLOSE, index, None, None)]
    if kind in {"message_stop", "message_delta"}:
        return [(CLOSE, None, None, None)]
    if kind == "message_start":
        return messages_body(event.get("message"))
    return []


def messages_body(body: Any) -> list[Bit]:
    """A whole answer of Messages."""
    bits: list[Bit] = []
    for at, block in enumerate(_objects(body, "content")):
        bits += _block(block, at)
    return bits


def _block(block: Any, index: Any, *, is_begun: bool = False) -> list[Bit]:
    if not isinstance(block, dict):
        return []
    kind = block.get("type")
    if kind == "tool_use":
        channel, tool = (index, "call", 0), str(block.get("name", ""))
        bits: list[Bit] = [(CALL, channel, None, tool)] if is_begun else []
        if block.get("input") or not is_begun:
            bits.append(_asked(channel, tool, block, "input"))
        return bits
    if is_begun and kind in ("text", "thinking"):
        return [(TEXT, (index, "text" if kind == "text" else "reasoning", 0), block, kind)] if block.get(kind) else []
    return strings(block, "reasoning" if kind == "thinking" else "text", [])


# === Gemini ===


def gemini(chunk: dict[str, Any]) -> list[Bit]:
    """A chunk of a Gemini stream."""
    return _gemini(chunk, is_stream=True)


def gemini_body(body: dict[str, Any]) -> list[Bit]:
    """A whole answer of Gemini."""
    return _gemini(body, is_stream=False)


def _gemini(body: dict[str, Any], *, is_stream: bool) -> list[Bit]:
    bits: list[Bit] = []
    for at, candidate in enumerate(_objects(body, "candidates")):
        index = candidate.get("index", at)
        for number, part in enumerate(_objects(candidate.get("content"), "parts")):
            label = "reasoning" if part.get("thought") is True else "text"
            call = part.get("functionCall")
            if isinstance(call, dict):
                bits.append(_asked((index, "call", number), call.get("name"), call, "args"))
            elif is_stream and isinstance(part.get("text"), str):
                bits.append((TEXT, (index, label, 0), part, "text"))
            else:
                strings(part, label, bits)
        if is_stream and candidate.get("finishReason"):
            bits.append((CLOSE, index, None, None))
    return bits


# === Converse ===


def converse(event: dict[str, Any]) -> list[Bit]:
    """An event of a Converse stream: its payload, told apart by its members."""
    index = event.get("contentBlockIndex")
    delta, start = event.get("delta"), event.get("start")
    if isinstance(delta, dict):
        if isinstance(delta.get("text"), str):
            return [(TEXT, (index, "text", 0), delta, "text")]
        use, thought = delta.get("toolUse"), delta.get("reasoningContent")
        if isinstance(use, dict) and isinstance(use.get("input"), str):
            return [(ARGS, (index, "call", 0), use, "input")]
        if isinstance(thought, dict) and isinstance(thought.get("text"), str):
            return [(TEXT, (index, "reasoning", 0), thought, "text")]
        return strings(delta, "text", [])
    if isinstance(start, dict):
        use = start.get("toolUse")
        return [(CALL, (index, "call", 0), None, str(use.get("name", "")))] if isinstance(use, dict) else []
    if "stopReason" in event:
        return [(CLOSE, None, None, None)]
    return [(CLOSE, index, None, None)] if index is not None else []


def converse_body(body: dict[str, Any]) -> list[Bit]:
    """A whole answer of Converse."""
    bits: list[Bit] = []
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    for at, block in enumerate(_objects(message, "content")):
        use = block.get("toolUse")
        if isinstance(use, dict):
            bits.append(_asked((at, "call", 0), use.get("name"), use, "input"))
        else:
            strings(block, "reasoning" if "reasoningContent" in block else "text", bits)
    return bits


def _objects(value: Any, key: str) -> list[dict[str, Any]]:
    """The list `key` of an object, what is no object in it as an empty one, which says nothing; none where there is no list."""
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        return []
    for one in found:
        if not isinstance(one, dict):
            return [each if isinstance(each, dict) else {} for each in found]
    return found


STREAMS: Final[dict[str, Callable[[dict[str, Any]], list[Bit]]]] = {
    "openai.responses": responses,
    "openai.chat": chat,
    "anthropic.messages": messages,
    "gemini.generate": gemini,
    "bedrock.converse": converse,
}
BODIES: Final[dict[str, Callable[[dict[str, Any]], list[Bit]]]] = {
    "openai.responses": responses_body,
    "openai.chat": chat_body,
    "anthropic.messages": messages_body,
    "gemini.generate": gemini_body,
    "bedrock.converse": converse_body,
}
