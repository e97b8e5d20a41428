"""A client of OpenAI Responses; it reads streams as Codex does, by `output_item.done`."""

import json
from dataclasses import replace
from typing import Any

from tests.dataplane.wire import sse
from tests.dataplane.wire.responses.grammar import violations
from tests.e2e.matrix.nouns import Ask, Call, Numbers, Result, Seen, Sent, Tool, Trouble

_STOPS = {"completed": "end", "incomplete": "length"}


class Responses:
    """See Wire."""

    name = "openai.responses"
    has = frozenset({"developer", "freeform", "namespace", "image_url"})
    only: dict[str, Any] = {"max_tool_calls": 3}

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/responses"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    # === a client ===

    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]:
        content: list[Any] = [{"type": "input_text", "text": ask.prompt}]
        if ask.image:
            content.append({"type": "input_image", "image_url": f"data:image/png;base64,{ask.image}", "detail": "auto"})
        if ask.image_url:
            content.append({"type": "input_image", "image_url": ask.image_url})
        if ask.document:
            data = f"data:application/pdf;base64,{ask.document}"
            content.append({"type": "input_file", "filename": "report.pdf", "file_data": data})
        items: list[Any] = []
        if ask.developer:
            items.append(_message("developer", [{"type": "input_text", "text": ask.developer}]))
        items.append(_message("user", content))
        for one in ask.rounds:
            items += one.said
            items += [_output(result) for result in one.results]
            if one.prompt:
                items.append(_message("user", [{"type": "input_text", "text": one.prompt}]))
        made: dict[str, Any] = {"model": model, "input": items, "stream": stream, "store": False, **ask.more}
        made["include"] = ["reasoning.encrypted_content"]
        if ask.caches:
            made["prompt_cache_key"] = "session-1"
        if ask.system:
            made["instructions"] = ask.system
        if ask.tools:
            made["tools"] = [_tool(tool) for tool in ask.tools]
        if ask.forced:
            made["tool_choice"] = {"type": "function", "name": ask.forced}
        if ask.schema:
            form = {"type": "json_schema", "name": "city", "schema": ask.schema, "strict": True}
            made["text"] = {"format": form}
        if ask.thinks:
            made["reasoning"] = {"effort": "high", "summary": "auto"}
        if ask.max_tokens:
            made["max_output_tokens"] = ask.max_tokens
        return made

    def whole(self, body: bytes) -> Seen:
        response = json.loads(body)
        seen = _seen(response["output"])
        _end(seen, response)
        return seen

    def stream(self, body: bytes) -> Seen:
        return self.heard([(name, json.loads(data)) for name, data in sse.events(body)])

    def heard(self, events: list[Any]) -> Seen:
        done = [data["item"] for name, data in events if name == "response.output_item.done"]
        seen = _seen(done)
        seen.wrong = violations(events)
        deltas = "".join(data["delta"] for name, data in events if name == "response.output_text.delta")
        if events[-1][0] in ("response.failed", "error"):
            seen.text = deltas  # the item may never be done
        if deltas != seen.text:
            seen.wrong.append(f"text deltas {deltas[-60:]!r} are not the text {seen.text[-60:]!r}")
        for name, data in events:
            if name in ("response.completed", "response.incomplete"):
                _end(seen, data["response"])
                if data["response"]["output"] != done:
                    seen.wrong.append("the output of the last event is not what its items were")
            elif name == "response.failed":
                seen.troubles.append(_trouble(0, data["response"]["error"]))
            elif name == "error":
                seen.troubles.append(_trouble(0, data))
        return seen

    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble:
        return _trouble(status, json.loads(body)["error"], headers.get("retry-after", ""))

    # === at the provider ===

    def sent(self, body: dict[str, Any]) -> Sent:
        sent = Sent(system=body.get("instructions") or "", max_tokens=body.get("max_output_tokens") or 0)
        sent.tools = [tool.get("name", tool["type"]) for tool in body.get("tools") or ()]
        sent.schema = (body.get("text") or {}).get("format", {}).get("schema")
        choice = body.get("tool_choice")
        sent.forced = choice["name"] if isinstance(choice, dict) else ""
        sent.thinks = bool((body.get("reasoning") or {}).get("effort"))
        items = body["input"]
        for item in [_message("user", items)] if isinstance(items, str) else items:
            kind = item.get("type", "message")
            if kind == "message" and item["role"] in ("system", "developer"):
                sent.system += "\n" + _texts(item["content"])
            elif kind == "message" and item["role"] == "user":
                sent.user += "\n" + _texts(item["content"])
                sent.images += _images(item["content"])
            elif kind == "message":
                sent.said += _texts(item["content"], "")
            elif kind == "function_call":
                sent.calls.append(Call(item["call_id"], item["name"], item["arguments"]))
            elif kind == "custom_tool_call":
                sent.calls.append(Call(item["call_id"], item["name"], item["input"], is_freeform=True))
            elif kind in ("function_call_output", "custom_tool_call_output"):
                sent.results.append((item["call_id"], _texts(item["output"])))
                sent.failed.append("error" in _texts(item["output"]).lower())
                sent.images += _images(item["output"])
            elif kind == "reasoning" and item.get("encrypted_content"):
                sent.proofs.append(item["encrypted_content"])
        return sent


def _message(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


def _tool(tool: Tool) -> dict[str, Any]:
    if tool.namespace:
        inner = _tool(replace(tool, namespace=""))
        return {"type": "namespace", "name": tool.namespace, "description": "Some tools", "tools": [inner]}
    if tool.is_freeform:
        grammar = {"type": "grammar", "syntax": "lark", "definition": 'start: "*** Begin Patch" /(.|\\n)+/'}
        return {"type": "custom", "name": tool.name, "description": "Edit files", "format": grammar}
    return {
        "type": "function",
        "name": tool.name,
        "description": "A tool",
        "parameters": tool.schema,
        "strict": False,
    }


def _output(result: Result) -> dict[str, Any]:
    output: Any = result.text
    if result.image:
        image = {"type": "input_image", "image_url": f"data:image/png;base64,{result.image}"}
        output = [{"type": "input_text", "text": result.text}, image]
    kind = "custom_tool_call_output" if result.call.is_freeform else "function_call_output"
    return {"type": kind, "call_id": result.call.id, "output": output}


def _seen(items: list[Any]) -> Seen:
    seen = Seen(said=[])
    for item in items:
        kind = item["type"]
        if kind == "message":
            seen.text += "".join(part["text"] for part in item["content"] if part["type"] == "output_text")
        elif kind == "function_call":
            seen.calls.append(
                Call(item["call_id"], item["name"], item["arguments"], namespace=item.get("namespace", ""))
            )
        elif kind == "custom_tool_call":
            seen.calls.append(Call(item["call_id"], item["name"], item["input"], is_freeform=True))
        elif kind == "reasoning":
            seen.thoughts += "\n\n".join(part["text"] for part in item["summary"])
            if item.get("encrypted_content"):
                seen.proofs.append(item["encrypted_content"])
        else:
            seen.wrong.append(f"an item of type {kind}")
        seen.said.append(item)
    return seen


def _end(seen: Seen, response: dict[str, Any]) -> None:
    status = response["status"]
    if status == "incomplete" and response["incomplete_details"]["reason"] != "max_output_tokens":
        status = response["incomplete_details"]["reason"]
    seen.stop = "tools" if seen.calls else _STOPS.get(status, status)
    usage = response["usage"]
    if usage:
        seen.numbers = Numbers(
            usage["input_tokens"],
            usage["output_tokens"],
            usage["input_tokens_details"]["cached_tokens"],
            None,
            usage["output_tokens_details"]["reasoning_tokens"],
        )
        if usage["total_tokens"] != usage["input_tokens"] + usage["output_tokens"]:
            seen.wrong.append("total_tokens is not the sum")


def _trouble(status: int, error: dict[str, Any], retry_after: str = "") -> Trouble:
    return Trouble(status, error.get("type") or "", error["message"], error.get("code") or "", retry_after)


def _texts(content: Any, between: str = "\n") -> str:
    if isinstance(content, str):
        return content
    return between.join(part["text"] for part in content if "text" in part)


def _images(content: Any) -> list[str]:
    if isinstance(content, str):
        return []
    return [part["image_url"].partition(",")[2] for part in content if part["type"] == "input_image"]
