"""A client of OpenAI Chat Completions; it sends back the message that it was given, as OpenAI's SDK makes it."""

import json
from typing import Any

from tests.dataplane.wire import sse
from tests.dataplane.wire.chat.grammar import violations
from tests.e2e.matrix.nouns import Ask, Call, Numbers, Result, Seen, Sent, Trouble

_STOPS = {"stop": "end", "tool_calls": "tools", "length": "length"}


class Chat:
    """See Wire."""

    name = "openai.chat"
    has = frozenset({"developer", "freeform", "stop", "image_url"})
    only: dict[str, Any] = {"logit_bias": {"50256": -100}}

    def path(self, model: str, *, stream: bool) -> str:
        return "/v1/chat/completions"

    def headers(self, key: str) -> dict[str, str]:
        return {"authorization": f"Bearer {key}"}

    # === a client ===

    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]:
        messages: list[Any] = []
        if ask.system:
            messages.append({"role": "system", "content": ask.system})
        if ask.developer:
            messages.append({"role": "developer", "content": ask.developer})
        content: Any = _content(ask.prompt, ask.image)
        if ask.image_url:
            image = {"type": "image_url", "image_url": {"url": ask.image_url}}
            content = [{"type": "text", "text": ask.prompt}, image]
        if ask.document:
            data = f"data:application/pdf;base64,{ask.document}"
            file = {"type": "file", "file": {"filename": "report.pdf", "file_data": data}}
            content = [{"type": "text", "text": ask.prompt}, file]
        messages.append({"role": "user", "content": content})
        for one in ask.rounds:
            messages.append(one.said)
            messages += [_result(result) for result in one.results]
            if one.prompt:
                messages.append({"role": "user", "content": one.prompt})
        made: dict[str, Any] = {"model": model, "messages": messages, **ask.more}
        if stream:
            made |= {"stream": True, "stream_options": {"include_usage": True}}
        if ask.caches:
            made["prompt_cache_key"] = "session-1"
        if ask.tools:
            made["tools"] = [_tool(tool) for tool in ask.tools]
        if ask.forced:
            made["tool_choice"] = {"type": "function", "function": {"name": ask.forced}}
        if ask.schema:
            form = {"name": "city", "schema": ask.schema, "strict": True}
            made["response_format"] = {"type": "json_schema", "json_schema": form}
        if ask.thinks:
            made["reasoning_effort"] = "high"
        if ask.max_tokens:
            made["max_completion_tokens"] = ask.max_tokens
        if ask.stop:
            made["stop"] = [ask.stop]
        return made

    def whole(self, body: bytes) -> Seen:
        made = json.loads(body)
        (choice,) = made["choices"]
        seen = _seen(choice["message"])
        seen.stop = _STOPS.get(choice["finish_reason"], choice["finish_reason"])
        if made.get("usage"):
            seen.numbers = _numbers(made["usage"])
        return seen

    def stream(self, body: bytes) -> Seen:
        return self.heard([data.decode() if data == b"[DONE]" else json.loads(data) for _, data in sse.events(body)])

    def heard(self, chunks: list[Any]) -> Seen:
        message: dict[str, Any] = {"role": "assistant", "content": None}
        finish, usage, troubles = "", None, []
        for chunk in chunks:
            if chunk == "[DONE]":
                continue
            if "error" in chunk:
                troubles.append(_trouble(0, chunk["error"]))
            elif chunk["choices"]:
                _add(message, chunk["choices"][0]["delta"])
                finish = chunk["choices"][0]["finish_reason"] or finish
            usage = chunk.get("usage") or usage
        seen = _seen(message)
        seen.troubles, seen.stop = troubles, _STOPS.get(finish, finish)
        seen.wrong = violations(chunks, wants_usage=True)
        if usage:
            seen.numbers = _numbers(usage)
        return seen

    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble:
        return _trouble(status, json.loads(body)["error"], headers.get("retry-after", ""))

    # === at the provider ===

    def sent(self, body: dict[str, Any]) -> Sent:
        sent = Sent(max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 0)
        sent.stop = body.get("stop") or []
        sent.tools = [tool[tool["type"]]["name"] for tool in body.get("tools") or ()]
        sent.schema = (body.get("response_format") or {}).get("json_schema", {}).get("schema")
        choice = body.get("tool_choice")
        sent.forced = choice["function"]["name"] if isinstance(choice, dict) else ""
        sent.thinks = bool(body.get("reasoning_effort"))
        for message in body["messages"]:
            role, content = message["role"], message.get("content")
            sent.images += _images(content)
            if role in ("system", "developer"):
                sent.system += "\n" + _texts(content)
            elif role == "user":
                sent.user += "\n" + _texts(content)
            elif role == "tool":
                sent.results.append((message["tool_call_id"], _texts(content)))
                sent.failed.append("error" in _texts(content).lower())
            else:
                sent.said += _texts(content)
                sent.calls += _calls(message)
        return sent


def _content(text: str, image: str) -> Any:
    if not image:
        return text
    return [
        {"type": "text", "text": text},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}},
    ]


def _tool(tool: Any) -> dict[str, Any]:
    if tool.is_freeform:
        return {"type": "custom", "custom": {"name": tool.name, "description": "Edit files"}}
    function = {"name": tool.name, "description": "A tool", "parameters": tool.schema}
    return {"type": "function", "function": function}


def _result(result: Result) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": result.call.id, "content": _content(result.text, result.image)}


def _add(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """As SDKs accumulate: strings grow, lists by their index, everything else is taken."""
    for name, value in delta.items():
        if name in ("tool_calls", "reasoning_details"):
            for entry in value:
                held = message.setdefault(name, [])
                while len(held) <= entry["index"]:
                    held.append({})
                _add(held[entry["index"]], {key: one for key, one in entry.items() if key != "index"})
        elif isinstance(value, dict):
            _add(message.setdefault(name, {}), value)
        elif isinstance(value, str) and isinstance(message.get(name), str) and name not in ("role", "id", "type"):
            message[name] += value
        elif value is not None:
            message[name] = value


def _seen(message: dict[str, Any]) -> Seen:
    seen = Seen(text=message.get("content") or "", thoughts=message.get("reasoning_content") or "", said=message)
    seen.calls = _calls(message)
    details = message.get("reasoning_details") or ()
    seen.proofs = [one.get("signature") or one.get("data") for one in details]
    return seen


def _calls(message: dict[str, Any]) -> list[Call]:
    found = []
    for call in message.get("tool_calls") or ():
        inner = call[call["type"]]
        if call["type"] == "custom":
            found.append(Call(call["id"], inner["name"], inner["input"], is_freeform=True))
        else:
            found.append(Call(call["id"], inner["name"], inner["arguments"]))
    return found


def _numbers(usage: dict[str, Any]) -> Numbers:
    return Numbers(
        usage["prompt_tokens"],
        usage["completion_tokens"],
        usage["prompt_tokens_details"]["cached_tokens"],
        None,
        usage["completion_tokens_details"]["reasoning_tokens"],
    )


def _trouble(status: int, error: dict[str, Any], retry_after: str = "") -> Trouble:
    return Trouble(status, error["type"] or "", error["message"], error["code"] or "", retry_after)


def _texts(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(part["text"] for part in content if part["type"] == "text")


def _images(content: Any) -> list[str]:
    if content is None or isinstance(content, str):
        return []
    return [part["image_url"]["url"].partition(",")[2] for part in content if part["type"] == "image_url"]
