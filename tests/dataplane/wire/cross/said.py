"""What an answer says, read by no code of ours: text, calls, how it stopped, what it used. For what providers sent and for what
clients got, whole or streamed, also for streams that were cut.

Streams are put together into the dialect's whole answer first, by the rules of its documentation.
"""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

Json = dict[str, Any]


class Said(Struct):
    """`stop` is one of stop, tool, length, filter, other, error or '' (none yet). Counts are whole: input with what was cached,
    output with what was thought; `usage` is empty when none was told. A call's arguments are their JSON value, or the text when
    that is none. `others` names what only its dialect can say."""

    text: str = ""
    refusal: str = ""
    thoughts: str = ""
    calls: list[tuple[str, Any]] = []
    stop: str = ""
    error: str = ""
    usage: dict[str, int] = {}
    others: list[str] = []


def said_by(dialect: str, body: Json) -> Said:
    """A whole answer."""
    return _WHOLE[dialect](body)


def said_in(dialect: str, events: Iterable[tuple[str, Any]]) -> Said:
    """A stream: (event name, decoded data; text when it is no JSON)."""
    return _WHOLE[dialect](_GATHER[dialect](events))


def gathered(dialect: str, events: Iterable[tuple[str, Any]]) -> Json:
    """A stream as the whole answer of its dialect, with all that a client gives back in its next turn."""
    return _GATHER[dialect](events)


def value_of(text: str) -> Any:
    """Arguments as their value; none is an empty object, and what is no JSON stays text."""
    try:
        return json.loads(text) if text.strip() else {}
    except ValueError:
        return text


def _count(usage: Any, *names: str) -> int:
    for name in names:
        usage = usage.get(name) if isinstance(usage, dict) else None
    return usage if isinstance(usage, int) else 0


# === Responses ===


def _responses(body: Json) -> Said:
    said = Said(error=(body.get("error") or {}).get("message", "") if body.get("error") else "")
    for item in body.get("output") or ():
        kind = item.get("type")
        if kind == "message":
            for part in item.get("content") or ():
                if part["type"] == "output_text":
                    said.text += part.get("text") or ""
                elif part["type"] == "refusal":
                    said.refusal += part.get("refusal") or ""
                else:
                    said.others.append(part["type"])
        elif kind == "function_call":
            said.calls.append((item["name"], value_of(item.get("arguments") or "")))
        elif kind == "custom_tool_call":
            said.calls.append((item["name"], item.get("input") or ""))
        elif kind == "reasoning":
            said.thoughts += "".join(part.get("text") or "" for part in item.get("summary") or ())
        else:
            said.others.append(str(kind))
    reason = (body.get("incomplete_details") or {}).get("reason")
    said.stop = {
        "completed": "tool" if said.calls else "stop",
        "incomplete": {"max_output_tokens": "length", "content_filter": "filter"}.get(str(reason), "other"),
        "failed": "error",
    }.get(str(body.get("status")), "")
    usage = body.get("usage")
    if usage:
        said.usage = {
            "input": _count(usage, "input_tokens"),
            "output": _count(usage, "output_tokens"),
            "cached": _count(usage, "input_tokens_details", "cached_tokens"),
            "reasoning": _count(usage, "output_tokens_details", "reasoning_tokens"),
        }
    return said


def _gather_responses(events: Iterable[tuple[str, Any]]) -> Json:
    body: Json = {"output": []}
    items: dict[int, Json] = {}
    for _, event in events:
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "response.output_item.added":
            items[event["output_index"]] = {**event["item"], "content": [], "summary": []}
            if event["item"]["type"].endswith("_call") and "arguments" in event["item"]:
                items[event["output_index"]]["arguments"] = event["item"]["arguments"] or ""
        elif kind == "response.output_item.done":
            items[event["output_index"]] = event["item"]
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            body = dict(event["response"])
        elif kind == "error":
            body |= {"status": "failed", "error": event}
        elif kind in _PIECES and event["output_index"] in items:
            member, part_type, at = _PIECES[kind]
            item = items[event["output_index"]]
            if not at:
                item[member] = (item.get(member) or "") + event["delta"]
                continue
            parts = item["summary" if part_type == "summary_text" else "content"]
            while len(parts) <= event[at]:
                parts.append({"type": part_type, member: ""})
            parts[event[at]] = {"type": part_type, member: (parts[event[at]].get(member) or "") + event["delta"]}
    if items:
        body["output"] = [items[at] for at in sorted(items)]
    return body


_PIECES = {
    "response.output_text.delta": ("text", "output_text", "content_index"),
    "response.refusal.delta": ("refusal", "refusal", "content_index"),
    "response.reasoning_summary_text.delta": ("text", "summary_text", "summary_index"),
    "response.function_call_arguments.delta": ("arguments", "", ""),
    "response.custom_tool_call_input.delta": ("input", "", ""),
}


# === Chat ===


def _chat(body: Json) -> Said:
    error = body.get("error")
    said = Said(error=(error.get("message") if isinstance(error, dict) else error) or "" if error else "")
    choice = next(iter(body.get("choices") or ()), {})
    if len(body.get("choices") or ()) > 1:
        said.others.append("choices")
    message = choice.get("message") or {}
    content = message.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        if part["type"] == "text":
            said.text += part["text"]
        elif part["type"] == "thinking":
            said.thoughts += "".join(one.get("text", "") for one in part["thinking"])
        else:
            said.others.append(part["type"])
    said.refusal = message.get("refusal") or ""
    said.thoughts += message.get("reasoning_content") or message.get("reasoning") or ""
    for call in message.get("tool_calls") or ():
        if call.get("type") == "custom":
            said.calls.append((call["custom"]["name"], call["custom"]["input"]))
            continue
        function = call.get("function") or {}
        arguments = function.get("arguments")
        said.calls.append(
            (function.get("name"), value_of(arguments or "") if not isinstance(arguments, dict) else arguments)
        )
    old = message.get("function_call") or {}
    if old.get("name"):
        said.calls.append((old["name"], value_of(old["arguments"])))
    said.others += [name for name in ("audio", "images", "executed_tools") if message.get(name)]
    finish = choice.get("finish_reason")
    said.stop = {
        "stop": "tool" if said.calls else "stop",
        "tool_calls": "tool",
        "function_call": "tool",
        "length": "length",
        "content_filter": "filter",
    }.get(finish, "other" if finish else "")
    if said.error:
        said.stop = "error"
    usage = body.get("usage")
    if usage:
        said.usage = {
            "input": _count(usage, "prompt_tokens"),
            "output": _count(usage, "completion_tokens"),
            "cached": _count(usage, "prompt_tokens_details", "cached_tokens")
            or _count(usage, "prompt_cache_hit_tokens"),
            "reasoning": _count(usage, "completion_tokens_details", "reasoning_tokens"),
        }
    return said


def _gather_chat(events: Iterable[tuple[str, Any]]) -> Json:
    message: Json = {"content": "", "reasoning_content": "", "refusal": ""}
    calls: dict[Any, Json] = {}
    body: Json = {}
    finish = None
    for _, chunk in events:
        if not isinstance(chunk, dict):
            continue
        body |= {name: chunk[name] for name in ("error", "usage") if chunk.get(name)}
        if usage := (chunk.get("x_groq") or {}).get("usage"):
            body["usage"] = usage
        for choice in chunk.get("choices") or ():
            if choice.get("index"):
                message["images"] = True  # several choices
                continue
            finish = choice.get("finish_reason") or finish
            _grow_chat(message, calls, choice.get("delta") or {})
            if choice.get("usage"):
                body["usage"] = choice["usage"]
    message["tool_calls"] = list(calls.values())
    return {**body, "choices": [{"message": message, "finish_reason": finish}]}


def _grow_chat(message: Json, calls: dict[Any, Json], delta: Json) -> None:
    content = delta.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        if part["type"] == "text":
            message["content"] += part["text"]
        elif part["type"] == "thinking":
            message["reasoning_content"] += "".join(one.get("text", "") for one in part["thinking"])
    message["reasoning_content"] += delta.get("reasoning_content") or delta.get("reasoning") or ""
    if delta.get("reasoning_details"):
        message["reasoning_details"] = [*message.get("reasoning_details", ()), *delta["reasoning_details"]]
    message["refusal"] += delta.get("refusal") or ""
    message |= {name: delta[name] for name in ("audio", "images", "executed_tools", "extra_content") if delta.get(name)}
    if old := delta.get("function_call"):
        made = message.setdefault("function_call", {"name": "", "arguments": ""})
        made["name"] += old.get("name") or ""
        made["arguments"] += old.get("arguments") or ""
    for call in delta.get("tool_calls") or ():
        kind = "custom" if call.get("custom") else "function"
        text = "input" if kind == "custom" else "arguments"
        at = call.get("index", len(calls))
        made = calls.setdefault(at, {"type": kind, kind: {"name": "", text: ""}})
        made |= {name: call[name] for name in ("id", "extra_content") if call.get(name)}
        inner = call.get(kind) or {}
        made[kind]["name"] += inner.get("name") or ""
        piece = inner.get(text)
        made[kind][text] += json.dumps(piece) if isinstance(piece, dict) else piece or ""


# === Messages ===


def _messages(body: Json) -> Said:
    said = Said(error=(body.get("error") or {}).get("message", ""))
    for block in body.get("content") or ():
        kind = block["type"]
        if kind == "text":
            said.text += block["text"]
        elif kind == "tool_use":
            said.calls.append((block["name"], block["input"]))
        elif kind == "thinking":
            said.thoughts += block["thinking"]
        elif kind != "redacted_thinking":
            said.others.append(kind)
    said.stop = {
        "end_turn": "tool" if said.calls else "stop",
        "stop_sequence": "stop",
        "tool_use": "tool",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "filter",
        None: "",
    }.get(body.get("stop_reason"), "other")
    if said.error:
        said.stop = "error"
    usage = body.get("usage")
    if usage:
        read, written = _count(usage, "cache_read_input_tokens"), _count(usage, "cache_creation_input_tokens")
        said.usage = {
            "input": _count(usage, "input_tokens") + read + written,
            "output": _count(usage, "output_tokens"),
            "cached": read,
        }
    return said


def _gather_messages(events: Iterable[tuple[str, Any]]) -> Json:
    body: Json = {}
    blocks: dict[int, Json] = {}
    inputs: dict[int, str] = {}
    for _, event in events:
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "message_start":
            body = {**event["message"], "usage": dict(event["message"].get("usage") or {})}
        elif kind == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif kind == "content_block_delta":
            delta, block = event["delta"], blocks[event["index"]]
            for name in ("text", "thinking"):
                if delta["type"] == f"{name}_delta":
                    block[name] += delta[name]
            if delta["type"] == "signature_delta":
                block["signature"] = delta["signature"]
            elif delta["type"] == "input_json_delta":
                inputs[event["index"]] = inputs.get(event["index"], "") + delta["partial_json"]
        elif kind == "message_delta":
            body |= {name: value for name, value in event["delta"].items() if value is not None}
            body["usage"] = {
                **(body.get("usage") or {}),
                **{k: v for k, v in (event.get("usage") or {}).items() if v is not None},
            }
        elif kind == "error":
            body["error"] = event["error"]
    for index, text in inputs.items():
        if text:
            blocks[index]["input"] = value_of(text)
    body["content"] = [*(body.get("content") or ()), *(blocks[index] for index in sorted(blocks))]
    return body


# === Gemini ===

_FILTERS = (
    "SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE", "MODEL_ARMOR",
)  # fmt: skip


def _generate(body: Json) -> Said:
    said = Said(error=(body.get("error") or {}).get("message", ""))
    candidates = body.get("candidates") or ()
    if len(candidates) > 1:
        said.others.append("choices")
    candidate = candidates[0] if candidates else {}
    for part in (candidate.get("content") or {}).get("parts") or ():
        if part.get("thought"):
            said.thoughts += part.get("text") or ""
        elif "text" in part:
            said.text += part["text"]
        elif "functionCall" in part:
            said.calls.append((part["functionCall"]["name"], part["functionCall"].get("args") or {}))
        else:
            said.others += [name for name in part if name != "thoughtSignature"]
    finish = candidate.get("finishReason")
    natural = "tool" if said.calls else "stop"
    # some clients ask Vertex for enums as numbers
    said.stop = {"STOP": natural, 1: natural, "MAX_TOKENS": "length", 2: "length", None: ""}.get(finish, "other")
    if finish in _FILTERS or (body.get("promptFeedback") or {}).get("blockReason"):
        said.stop = "filter"
    if said.error:
        said.stop = "error"
    usage = body.get("usageMetadata")
    if usage:
        said.usage = {
            "input": _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount"),
            "output": _count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount"),
            "cached": _count(usage, "cachedContentTokenCount"),
            "reasoning": _count(usage, "thoughtsTokenCount"),
        }
    return said


def _gather_generate(events: Iterable[tuple[str, Any]]) -> Json:
    body: Json = {}
    parts: list[Json] = []
    finish = None
    count = 0
    for _, chunk in events:
        if not isinstance(chunk, dict):
            continue
        body |= {name: chunk[name] for name in ("error", "promptFeedback") if chunk.get(name)}
        body["usageMetadata"] = {**body.get("usageMetadata", {}), **(chunk.get("usageMetadata") or {})}
        for candidate in (chunk.get("candidates") or ())[:1]:
            count += 1
            parts += (candidate.get("content") or {}).get("parts") or ()
            finish = candidate.get("finishReason") or finish
    if count:
        body["candidates"] = [{"content": {"parts": parts}, "finishReason": finish}]
    return body


# === Converse ===


def _converse(body: Json) -> Said:
    said = Said(error=body.get("message") or "" if "output" not in body else "")
    for block in body.get("output", {}).get("message", {}).get("content") or ():
        if "text" in block:
            said.text += block["text"]
        elif "toolUse" in block:
            if block["toolUse"].get("type") == "server_tool_use":
                said.others.append("server_tool_use")
            else:
                said.calls.append((block["toolUse"]["name"], block["toolUse"].get("input") or {}))
        elif "reasoningContent" in block:
            said.thoughts += (block["reasoningContent"].get("reasoningText") or {}).get("text") or ""
        elif "citationsContent" in block:
            said.text += "".join(one.get("text") or "" for one in block["citationsContent"].get("content") or ())
        else:
            said.others += list(block)
    said.stop = {
        "end_turn": "tool" if said.calls else "stop",
        "stop_sequence": "stop",
        "tool_use": "tool",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "content_filtered": "filter",
        "guardrail_intervened": "filter",
        None: "",
    }.get(body.get("stopReason"), "other")
    if said.error or body.get("error"):
        said.stop, said.error = "error", said.error or body["error"]
    usage = body.get("usage")
    if usage:
        read, written = _count(usage, "cacheReadInputTokens"), _count(usage, "cacheWriteInputTokens")
        said.usage = {
            "input": _count(usage, "inputTokens") + read + written,
            "output": _count(usage, "outputTokens"),
            "cached": read,
        }
    return said


def _gather_converse(events: Iterable[tuple[str, Any]]) -> Json:
    blocks: dict[int, Json] = {}
    body: Json = {}
    for name, event in events:
        if name.endswith("Exception"):
            body["error"] = event.get("message") or name
        elif name == "messageStop":
            body["stopReason"] = event["stopReason"]
        elif name == "metadata":
            body["usage"] = event.get("usage")
        elif name == "contentBlockStart":
            start = event["start"]
            block = {"toolUse": {**start["toolUse"], "input": ""}} if "toolUse" in start else dict(start)
            blocks[event["contentBlockIndex"]] = block
        elif name == "contentBlockDelta":
            block = blocks.setdefault(event["contentBlockIndex"], {})
            delta = event["delta"]
            if "text" in delta:
                block["text"] = block.get("text", "") + delta["text"]
            elif "toolUse" in delta and "toolUse" in block:
                block["toolUse"]["input"] += delta["toolUse"].get("input") or ""
            elif "reasoningContent" in delta:
                thought, outer = delta["reasoningContent"], block.setdefault("reasoningContent", {})
                if "redactedContent" in thought:
                    outer["redactedContent"] = thought["redactedContent"]
                    continue
                inner = outer.setdefault("reasoningText", {"text": ""})
                inner["text"] += thought.get("text") or ""
                inner |= {"signature": thought["signature"]} if thought.get("signature") else {}
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = value_of(block["toolUse"]["input"])
    return {**body, "output": {"message": {"content": [blocks[index] for index in sorted(blocks)]}}}


_WHOLE = {
    "openai.responses": _responses,
    "openai.chat": _chat,
    "anthropic.messages": _messages,
    "gemini.generate": _generate,
    "bedrock.converse": _converse,
}
_GATHER = {
    "openai.responses": _gather_responses,
    "openai.chat": _gather_chat,
    "anthropic.messages": _gather_messages,
    "gemini.generate": _gather_generate,
    "bedrock.converse": _gather_converse,
}
