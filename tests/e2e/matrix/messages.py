"""A client of Anthropic Messages."""

import json
from typing import Any

from tests.dataplane.wire import sse
from tests.dataplane.wire.messages.grammar import violations
from tests.e2e.matrix.nouns import Ask, Call, Numbers, Result, Seen, Sent, Trouble

_STOPS = {"end_turn": "end", "tool_use": "tools", "max_tokens": "length", "stop_sequence": "stop"}
_PLENTY = 8000


class Messages:
    """See Wire."""

    name = "anthropic.messages"
    has = frozenset({"stop", "image_url", "tool_error"})
    only: dict[str, Any] = {"container": "container_1"}

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        return {"x-api-key": key, "anthropic-version": "2023-06-01"}

    # === a client ===

    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]:
        content: list[Any] = [{"type": "text", "text": ask.prompt}]
        if ask.image:
            content.insert(0, _image(ask.image))
        if ask.image_url:
            content.insert(0, {"type": "image", "source": {"type": "url", "url": ask.image_url}})
        if ask.document:
            source = {"type": "base64", "media_type": "application/pdf", "data": ask.document}
            content.insert(0, {"type": "document", "source": source, "title": "report.pdf"})
        if ask.caches:
            content[-1]["cache_control"] = {"type": "ephemeral"}
        messages: list[Any] = [{"role": "user", "content": content}]
        for one in ask.rounds:
            messages.append({"role": "assistant", "content": one.said})
            after: list[Any] = [_result(result) for result in one.results]
            if one.prompt:
                after.append({"type": "text", "text": one.prompt})
            messages.append({"role": "user", "content": after})
        made: dict[str, Any] = {
            "model": model,
            "max_tokens": ask.max_tokens or _PLENTY,
            "messages": messages,
            **ask.more,
        }
        if stream:
            made["stream"] = True
        if ask.system:
            made["system"] = [{"type": "text", "text": ask.system}]
        if ask.tools:
            made["tools"] = [
                {"name": tool.name, "description": "A tool", "input_schema": tool.schema} for tool in ask.tools
            ]
        if ask.forced:
            made["tool_choice"] = {"type": "tool", "name": ask.forced}
        if ask.schema:
            made["output_config"] = {"format": {"type": "json_schema", "schema": ask.schema}}
        if ask.thinks:
            made["thinking"] = {"type": "enabled", "budget_tokens": 4000}
        if ask.stop:
            made["stop_sequences"] = [ask.stop]
        return {**made, **ask.more}

    def whole(self, body: bytes) -> Seen:
        made = json.loads(body)
        seen = _seen(made["content"])
        seen.stop = _STOPS.get(made["stop_reason"], made["stop_reason"])
        seen.numbers = _numbers(made["usage"])
        return seen

    def stream(self, body: bytes) -> Seen:
        return self.heard([(name, json.loads(data)) for name, data in sse.events(body)])

    def heard(self, events: list[Any]) -> Seen:
        blocks: list[dict[str, Any]] = []
        usage: dict[str, Any] = {}
        stop, troubles = "", []
        for name, data in events:
            if name == "message_start":
                usage |= data["message"]["usage"]
            elif name == "content_block_start":
                block = dict(data["content_block"])
                blocks.append(block | {"input": ""} if block["type"] == "tool_use" else block)
            elif name == "content_block_delta":
                _add(blocks[data["index"]], data["delta"])
            elif name == "content_block_stop" and blocks[data["index"]]["type"] == "tool_use":
                blocks[data["index"]]["input"] = json.loads(blocks[data["index"]]["input"] or "{}")
            elif name == "message_delta":
                stop = data["delta"]["stop_reason"]
                usage |= {key: value for key, value in data["usage"].items() if value is not None}
            elif name == "error":
                troubles.append(_trouble(0, data))
        seen = _seen(blocks)
        seen.wrong, seen.troubles = violations(events), troubles
        seen.stop = _STOPS.get(stop, stop)
        if usage and stop:
            seen.numbers = _numbers(usage)
        return seen

    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble:
        return _trouble(status, json.loads(body), headers.get("retry-after", ""))

    # === at the provider ===

    def sent(self, body: dict[str, Any]) -> Sent:
        sent = Sent(system=_texts(body.get("system")), max_tokens=body["max_tokens"])
        sent.stop = body.get("stop_sequences") or []
        sent.tools = [tool["name"] for tool in body.get("tools") or ()]
        sent.schema = (body.get("output_config") or {}).get("format", {}).get("schema")
        sent.forced = (body.get("tool_choice") or {}).get("name", "")
        sent.thinks = (body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
        for message in body["messages"]:
            content = message["content"]
            if message["role"] == "user":
                sent.user += "\n" + _texts(content)
            else:
                sent.said += _texts(content, "")
            for block in [] if isinstance(content, str) else content:
                kind = block["type"]
                if kind == "tool_use":
                    sent.calls.append(Call(block["id"], block["name"], json.dumps(block["input"])))
                elif kind == "tool_result":
                    sent.results.append((block["tool_use_id"], _texts(block["content"])))
                    sent.failed.append(block.get("is_error", False))
                    sent.images += _images(block["content"])
                elif kind == "thinking":
                    sent.proofs.append(block["signature"])
            sent.images += _images(content)
        return sent


def _image(data: str) -> dict[str, Any]:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}


def _result(result: Result) -> dict[str, Any]:
    content: Any = result.text
    if result.image:
        content = [{"type": "text", "text": result.text}, _image(result.image)]
    made = {"type": "tool_result", "tool_use_id": result.call.id, "content": content}
    return {**made, "is_error": True} if result.is_error else made


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    name = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}.get(delta["type"])
    if name == "partial_json":
        block["input"] += delta[name]
    elif name:
        block[name] += delta[name]
    elif delta["type"] == "signature_delta":
        block["signature"] = delta["signature"]


def _seen(blocks: list[Any]) -> Seen:
    seen = Seen(said=blocks)
    for block in blocks:
        kind = block["type"]
        if kind == "text":
            seen.text += block["text"]
        elif kind == "thinking":
            seen.thoughts += block["thinking"]
            seen.proofs.append(block["signature"])
        elif kind == "redacted_thinking":
            seen.proofs.append(block["data"])
        elif kind == "tool_use":
            seen.calls.append(Call(block["id"], block["name"], json.dumps(block["input"])))
        else:
            seen.wrong.append(f"a block of type {kind}")
    return seen


def _numbers(usage: dict[str, Any]) -> Numbers:
    cached, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
    return Numbers(usage["input_tokens"] + cached + written, usage["output_tokens"], cached, written, thought)


def _trouble(status: int, body: dict[str, Any], retry_after: str = "") -> Trouble:
    assert body["type"] == "error", body
    return Trouble(status, body["error"]["type"], body["error"]["message"], "", retry_after)


def _texts(content: Any, between: str = "\n") -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return between.join(block["text"] for block in content if block["type"] == "text")


def _images(content: Any) -> list[str]:
    if content is None or isinstance(content, str):
        return []
    sources = [block["source"] for block in content if block["type"] == "image"]
    return [source.get("data") or source["url"] for source in sources]
