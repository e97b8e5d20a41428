"""A client of Bedrock Converse and ConverseStream."""

import json
from typing import Any
from urllib.parse import quote

from gateway.dataplane.wire.bedrock_converse import BEDROCK_CONVERSE
from tests.dataplane.wire.converse.grammar import faults
from tests.e2e.matrix import eventstream
from tests.e2e.matrix.nouns import Ask, Call, Numbers, Result, Round, Seen, Sent, Trouble

_STOPS = {"end_turn": "end", "tool_use": "tools", "max_tokens": "length", "stop_sequence": "stop"}


class Converse:
    """See Wire."""

    name = "bedrock.converse"
    has = frozenset({"stop", "tool_error"})
    only: dict[str, Any] = {"guardrailConfig": {"guardrailIdentifier": "gr-1", "guardrailVersion": "1"}}

    def path(self, model: str, *, stream: bool) -> str:
        return f"/model/{quote(model, safe='')}/" + ("converse-stream" if stream else "converse")

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    # === a client ===

    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]:
        content: list[Any] = [{"text": ask.prompt}]
        if ask.image:
            content.append(_image(ask.image))
        if ask.document:
            content.append({"document": {"format": "pdf", "name": "report", "source": {"bytes": ask.document}}})
        if ask.caches:
            content.append({"cachePoint": {"type": "default"}})
        messages: list[Any] = [{"role": "user", "content": content}]
        for one in ask.rounds:
            messages += [{"role": "assistant", "content": one.said}, {"role": "user", "content": _after(one)}]
        config: dict[str, Any] = {}
        made: dict[str, Any] = {"messages": messages, **ask.more}
        if ask.system:
            made["system"] = [{"text": ask.system}]
        if ask.tools:
            specs = [
                {"toolSpec": {"name": tool.name, "description": "A tool", "inputSchema": {"json": tool.schema}}}
                for tool in ask.tools
            ]
            made["toolConfig"] = {"tools": specs}
        if ask.forced:
            made["toolConfig"]["toolChoice"] = {"tool": {"name": ask.forced}}
        if ask.schema:
            structure = {"jsonSchema": {"schema": json.dumps(ask.schema), "name": "city"}}
            made["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
        if ask.thinks:
            made["additionalModelRequestFields"] = {"thinking": {"type": "enabled", "budget_tokens": 4000}}
            config["maxTokens"] = 8000
        if ask.max_tokens:
            config["maxTokens"] = ask.max_tokens
        if ask.stop:
            config["stopSequences"] = [ask.stop]
        return {**made, "inferenceConfig": config} if config else made

    def whole(self, body: bytes) -> Seen:
        made = json.loads(body)
        seen = _seen(made["output"]["message"]["content"])
        seen.stop = _STOPS.get(made["stopReason"], made["stopReason"])
        seen.numbers = _numbers(made["usage"])
        return seen

    def stream(self, body: bytes) -> Seen:
        names = (":event-type", ":exception-type")
        events = [
            (next(headers[name] for name in names if name in headers), data)
            for headers, data in eventstream.frames(body)
        ]
        seen = self.heard(events)
        seen.wrong += faults(body.replace(BEDROCK_CONVERSE.keep_alive, b""), has_shapes=False)
        return seen

    def heard(self, events: list[Any]) -> Seen:
        blocks: dict[int, dict[str, Any]] = {}
        stop, numbers, troubles = "", None, []
        for kind, data in events:
            if kind.endswith("Exception"):
                troubles.append(Trouble(0, kind, data["message"]))
            elif kind == "contentBlockStart":
                use = data["start"]["toolUse"]
                blocks[data["contentBlockIndex"]] = {"toolUse": {**use, "input": ""}}
            elif kind == "contentBlockDelta":
                _add(blocks.setdefault(data["contentBlockIndex"], {}), data["delta"])
            elif kind == "contentBlockStop":
                block = blocks[data["contentBlockIndex"]]
                if "toolUse" in block:
                    block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
            elif kind == "messageStop":
                stop = data["stopReason"]
            elif kind == "metadata":
                numbers = _numbers(data["usage"])
        seen = _seen([blocks[index] for index in sorted(blocks)])
        seen.stop, seen.numbers, seen.troubles = _STOPS.get(stop, stop), numbers, troubles
        return seen

    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble:
        made = json.loads(body)
        kind = headers.get("x-amzn-errortype") or made["__type"]
        return Trouble(status, kind.partition(":")[0], made["message"], "", headers.get("retry-after", ""))

    # === at the provider ===

    def sent(self, body: dict[str, Any]) -> Sent:
        config = body.get("inferenceConfig") or {}
        sent = Sent(max_tokens=config.get("maxTokens") or 0, stop=config.get("stopSequences") or [])
        sent.system = _texts(body.get("system") or [])
        tools = body.get("toolConfig") or {}
        sent.tools = [tool["toolSpec"]["name"] for tool in tools.get("tools", ()) if "toolSpec" in tool]
        sent.forced = tools.get("toolChoice", {}).get("tool", {}).get("name", "")
        form = (body.get("outputConfig") or {}).get("textFormat")
        sent.schema = json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None
        fields = body.get("additionalModelRequestFields") or {}
        sent.thinks = fields.get("thinking", {}).get("type") in ("enabled", "adaptive")
        for message in body["messages"]:
            content = message["content"]
            if message["role"] == "user":
                sent.user += "\n" + _texts(content)
            else:
                sent.said += _texts(content, "")
            sent.images += _images(content)
            for block in content:
                if "toolUse" in block:
                    use = block["toolUse"]
                    sent.calls.append(Call(use["toolUseId"], use["name"], json.dumps(use["input"])))
                elif "toolResult" in block:
                    result = block["toolResult"]
                    sent.results.append((result["toolUseId"], _texts(result["content"])))
                    sent.failed.append(result.get("status") == "error")
                    sent.images += _images(result["content"])
                elif "reasoningContent" in block:
                    sent.proofs.append(block["reasoningContent"]["reasoningText"]["signature"])
        return sent


def _image(data: str) -> dict[str, Any]:
    return {"image": {"format": "png", "source": {"bytes": data}}}


def _after(one: Round) -> list[Any]:
    blocks = [_result(result) for result in one.results]
    return [*blocks, {"text": one.prompt}] if one.prompt else blocks


def _result(result: Result) -> dict[str, Any]:
    content: list[Any] = [{"text": result.text}]
    status = "error" if result.is_error else "success"
    if result.image:
        content.append(_image(result.image))
    return {"toolResult": {"toolUseId": result.call.id, "content": content, "status": status}}


def _add(block: dict[str, Any], delta: dict[str, Any]) -> None:
    if "text" in delta:
        block["text"] = block.get("text", "") + delta["text"]
    elif "toolUse" in delta:
        block["toolUse"]["input"] += delta["toolUse"]["input"]
    elif "reasoningContent" in delta:
        thought, held = delta["reasoningContent"], block.setdefault("reasoningContent", {})
        if "redactedContent" in thought:
            held["redactedContent"] = thought["redactedContent"]
        else:
            said = held.setdefault("reasoningText", {"text": ""})
            said["text"] += thought.get("text", "")
            if "signature" in thought:
                said["signature"] = thought["signature"]


def _seen(blocks: list[Any]) -> Seen:
    seen = Seen(said=blocks)
    for block in blocks:
        if "text" in block:
            seen.text += block["text"]
        elif "toolUse" in block:
            use = block["toolUse"]
            seen.calls.append(Call(use["toolUseId"], use["name"], json.dumps(use["input"])))
        elif "redactedContent" in block.get("reasoningContent", {}):
            seen.proofs.append(block["reasoningContent"]["redactedContent"])
        elif "reasoningContent" in block:
            thought = block["reasoningContent"]["reasoningText"]
            seen.thoughts += thought["text"]
            if "signature" in thought:
                seen.proofs.append(thought["signature"])
        else:
            seen.wrong.append(f"a block {list(block)}")
    return seen


def _numbers(usage: dict[str, Any]) -> Numbers:
    cached, written = usage.get("cacheReadInputTokens", 0), usage.get("cacheWriteInputTokens", 0)
    return Numbers(usage["inputTokens"] + cached + written, usage["outputTokens"], cached, written)


def _texts(blocks: list[Any], between: str = "\n") -> str:
    return between.join(block["text"] for block in blocks if "text" in block)


def _images(blocks: list[Any]) -> list[str]:
    return [block["image"]["source"]["bytes"] for block in blocks if "image" in block]
