"""What the agent sees of a request: the same few facts in every dialect.

One reader per dialect turns a decoded body into a `View`: the last prompt, the tool results that came since, the
advertised tools, the wanted JSON schema. Texts that a client wraps in tags (`<environment_context>`,
`<system-reminder>`, `<session_context>`) are surroundings, not prompts. Pure, and forgiving: what is not understood is
skipped, because a provider would accept it too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from .steps import Record
from .tools import Tool

_OPENS = re.compile(r"\s*<([A-Za-z][\w-]*)(?: [^<>]*)?>")
_CLOSES = re.compile(r"</([A-Za-z][\w-]*)>\s*\Z")
_NOTES = re.compile(r"\s*(# AGENTS\.md instructions|# Context from my IDE|\[SYSTEM)", re.I)


class Result(Record, frozen=True):
    """A tool's answer."""

    text: str
    failed: bool = False


class View(Record, frozen=True):
    """One request, as the agent sees it. `model` is the name the client asked for."""

    dialect: str
    model: str
    stream: bool
    prompt: str
    results: tuple[Result, ...]  # since the prompt, in order
    tools: tuple[Tool, ...]
    turns: int  # user prompts so far
    schema: dict[str, Any] | None = None
    thinks: bool = False
    shows_thinking: bool = False
    forced_tool: str | None = None  # a name, or "*" for any
    tools_off: bool = False
    parallel: bool = True
    compaction: bool = False
    max_tokens: int | None = None
    include_usage: bool = True
    cache_key: str = ""
    helper: bool = False  # the client's own small question (thread title, model router), not the user's


class _Talk:
    """Collects prompt and results while a history is read from its start."""

    def __init__(self) -> None:
        self.prompt = ""
        self.results: list[Result] = []
        self.turns = 0
        self._open = False  # the last thing read was a prompt: further texts belong to it

    def user(self, text: str) -> None:
        text = _bare(text)
        if not text:
            return
        self.turns += not self._open
        self.prompt = text
        self.results = []
        self._open = True

    def result(self, text: str, failed: bool = False) -> None:
        self.results.append(Result(text, failed))
        self._open = False

    def other(self) -> None:
        self._open = False


def _bare(text: str) -> str:
    """The text without the tagged blocks before and behind it; empty if nothing else is there."""
    start, end = 0, len(text)
    while (opened := _OPENS.match(text, start)) and (close := text.find(f"</{opened[1]}>", opened.end())) >= 0:
        start = close + len(opened[1]) + 3
    while (closed := _CLOSES.search(text, max(start, end - 200), end)) and (
        begin := text.rfind(f"<{closed[1]}", start, closed.start())
    ) >= 0:
        end = begin
    stripped = text[start:end].strip()
    return "" if _NOTES.match(stripped) else stripped


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        yield from (x for x in value if isinstance(x, dict))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _flat(content: Any) -> str:
    """The text of a content value: a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(p if isinstance(p, str) else str(_dict(p).get("text") or "") for p in content)
    return "" if content is None else orjson.dumps(content).decode()


def _tool(name: Any, schema: Any, description: Any, custom: bool = False, namespace: str | None = None) -> Tool:
    schema = _dict(schema)
    required = schema.get("required")
    return Tool(
        name=str(name or ""), custom=custom, namespace=namespace, properties=_dict(schema.get("properties")),
        required=tuple(str(x) for x in required) if isinstance(required, list) else (),
        description=str(description or ""),
    )  # fmt: skip


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_responses(body: dict[str, Any], model: str, stream: bool) -> View:
    """OpenAI Responses."""
    talk, tools = _Talk(), list(_responses_tools(body.get("tools"), None))
    items = body.get("input")
    if isinstance(items, str):
        talk.user(items)
    compaction = False
    for item in _dicts(items):
        kind = str(item.get("type") or "message")
        if kind == "message":
            if item.get("role") == "user":
                _user_parts(talk, item.get("content"))
            elif item.get("role") == "assistant":
                talk.other()
        elif kind.endswith("_output"):
            talk.result(_flat(item.get("output")))
        elif kind == "additional_tools":
            tools += _responses_tools(item.get("tools"), None)
        elif kind in ("function_call", "custom_tool_call", "reasoning", "local_shell_call"):
            talk.other()
        compaction = kind == "compaction_trigger"
    choice, reasoning = body.get("tool_choice"), _dict(body.get("reasoning"))
    form = _dict(_dict(body.get("text")).get("format"))
    effort = reasoning.get("effort")
    return View(
        dialect="responses", model=model, stream=stream, prompt=talk.prompt, results=tuple(talk.results),
        tools=tuple(tools), turns=talk.turns, schema=_schema(form.get("schema"), form.get("type")),
        thinks=bool(reasoning) and effort not in ("none", "minimal"),
        shows_thinking=reasoning.get("summary") not in (None, "none"),
        forced_tool=_forced(choice, "required"), tools_off=choice == "none", compaction=compaction,
        parallel=body.get("parallel_tool_calls") is not False,
        max_tokens=_int(body.get("max_output_tokens")), cache_key=str(body.get("prompt_cache_key") or ""),
        helper='"thread_source":"thread_title"' in str(_dict(body.get("client_metadata")).get("x-codex-turn-metadata")),
    )  # fmt: skip


def _responses_tools(tools: Any, namespace: str | None) -> Iterator[Tool]:
    for t in _dicts(tools):
        kind = t.get("type")
        if kind == "namespace":
            yield from _responses_tools(t.get("tools"), str(t.get("name") or ""))
        elif kind in ("function", "custom"):
            yield _tool(t.get("name"), t.get("parameters"), t.get("description"), kind == "custom", namespace)


def _user_parts(talk: _Talk, content: Any) -> None:
    """The last real text of a message is its prompt."""
    if isinstance(content, str):
        talk.user(content)
    for part in _dicts(content):
        if isinstance(part.get("text"), str):
            talk.user(part["text"])


def read_chat(body: dict[str, Any], model: str, stream: bool) -> View:
    """OpenAI Chat Completions."""
    talk = _Talk()
    for message in _dicts(body.get("messages")):
        role = message.get("role")
        if role == "user":
            _user_parts(talk, message.get("content"))
        elif role in ("tool", "function"):
            talk.result(_flat(message.get("content")))
        elif role == "assistant":
            talk.other()
    tools = []
    for t in _dicts(body.get("tools")):
        inner = _dict(t.get("function") or t.get("custom"))
        tools.append(
            _tool(inner.get("name"), inner.get("parameters"), inner.get("description"), t.get("type") == "custom")
        )
    choice, form = body.get("tool_choice"), _dict(body.get("response_format"))
    effort = body.get("reasoning_effort")
    return View(
        dialect="chat", model=model, stream=stream, prompt=talk.prompt, results=tuple(talk.results),
        tools=tuple(tools), turns=talk.turns,
        schema=_schema(_dict(form.get("json_schema")).get("schema"), form.get("type")),
        thinks=effort not in (None, "none", "minimal"),
        forced_tool=_forced(choice, "required"), tools_off=choice == "none",
        parallel=body.get("parallel_tool_calls") is not False,
        max_tokens=_int(body.get("max_completion_tokens")) or _int(body.get("max_tokens")),
        include_usage=not stream or bool(_dict(body.get("stream_options")).get("include_usage")),
        cache_key=str(body.get("prompt_cache_key") or ""),
    )  # fmt: skip


def read_messages(body: dict[str, Any], model: str, stream: bool) -> View:
    """Anthropic Messages."""
    talk = _Talk()
    for message in _dicts(body.get("messages")):
        if message.get("role") == "assistant":
            talk.other()
        elif message.get("role") == "user":
            content = message.get("content")
            for part in _dicts(content):
                if part.get("type") == "tool_result":
                    talk.result(_flat(part.get("content")), bool(part.get("is_error")))
            _user_parts(talk, content)
    tools = [
        _tool(t.get("name"), t.get("input_schema"), t.get("description"))
        for t in _dicts(body.get("tools"))
        if "input_schema" in t
    ]
    choice, thinking = _dict(body.get("tool_choice")), _dict(body.get("thinking"))
    form = _dict(_dict(body.get("output_config")).get("format") or body.get("output_format"))
    on = thinking.get("type") in ("enabled", "adaptive")
    return View(
        dialect="messages", model=model, stream=stream, prompt=talk.prompt, results=tuple(talk.results),
        tools=tuple(tools), turns=talk.turns, schema=_schema(form.get("schema"), form.get("type")),
        thinks=on, shows_thinking=on, forced_tool={"tool": choice.get("name"), "any": "*"}.get(str(choice.get("type"))),
        parallel=not choice.get("disable_parallel_tool_use"), tools_off=choice.get("type") == "none",
        max_tokens=_int(body.get("max_tokens")),
    )  # fmt: skip


def read_gemini(body: dict[str, Any], model: str, stream: bool) -> View:
    """Gemini generateContent."""
    talk = _Talk()
    for content in _dicts(body.get("contents")):
        if content.get("role") == "model":
            talk.other()
            continue
        for part in _dicts(content.get("parts")):
            response = part.get("functionResponse")
            if isinstance(response, dict):
                answer = _dict(response.get("response"))
                failed = "error" in answer and "output" not in answer
                talk.result(
                    _flat(answer.get("output") or answer.get("result") or answer.get("error") or answer or ""), failed
                )
            elif isinstance(part.get("text"), str):
                talk.user(part["text"])
    tools = []
    for group in _dicts(body.get("tools")):
        declared = group.get("functionDeclarations") or group.get("function_declarations")
        tools += [
            _tool(f.get("name"), f.get("parametersJsonSchema") or f.get("parameters"), f.get("description"))
            for f in _dicts(declared)
        ]
    config = _dict(body.get("generationConfig"))
    calling = _dict(_dict(body.get("toolConfig")).get("functionCallingConfig"))
    thinking = config.get("thinkingConfig")
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    allowed = calling.get("allowedFunctionNames")
    names = allowed if isinstance(allowed, list) else []
    json_wanted = config.get("responseMimeType") == "application/json"
    properties = _dict(_dict(schema).get("properties"))
    return View(
        dialect="gemini", model=model, stream=stream, prompt=talk.prompt, results=tuple(talk.results),
        tools=tuple(tools), turns=talk.turns, schema=_schema(schema, "json_object" if json_wanted else None),
        thinks=isinstance(thinking, dict) and thinking.get("thinkingBudget") != 0,
        shows_thinking=bool(_dict(thinking).get("includeThoughts")),
        forced_tool=None if calling.get("mode") != "ANY" else str(names[0]) if names else "*",
        tools_off=calling.get("mode") == "NONE", max_tokens=_int(config.get("maxOutputTokens")),
        helper="complexity_score" in properties,
    )  # fmt: skip


def read_converse(body: dict[str, Any], model: str, stream: bool) -> View:
    """Bedrock Converse."""
    talk = _Talk()
    for message in _dicts(body.get("messages")):
        if message.get("role") == "assistant":
            talk.other()
            continue
        for part in _dicts(message.get("content")):
            result = part.get("toolResult")
            if isinstance(result, dict):
                said = [p.get("text") or _flat(p.get("json")) for p in _dicts(result.get("content"))]
                talk.result("\n".join(map(str, said)), result.get("status") == "error")
        _user_parts(talk, message.get("content"))
    config, extra = _dict(body.get("toolConfig")), _dict(body.get("additionalModelRequestFields"))
    specs = [_dict(tool.get("toolSpec")) for tool in _dicts(config.get("tools")) if "toolSpec" in tool]
    tools = [_tool(s.get("name"), _dict(s.get("inputSchema")).get("json"), s.get("description")) for s in specs]
    choice = _dict(config.get("toolChoice"))
    on = _dict(extra.get("thinking")).get("type") in ("enabled", "adaptive")
    return View(
        dialect="converse", model=model, stream=stream, prompt=talk.prompt, results=tuple(talk.results),
        tools=tuple(tools), turns=talk.turns, thinks=on, shows_thinking=on,
        forced_tool="*" if "any" in choice else _dict(choice.get("tool")).get("name"),
        max_tokens=_int(_dict(body.get("inferenceConfig")).get("maxTokens")),
    )  # fmt: skip


def _schema(schema: Any, kind: Any) -> dict[str, Any] | None:
    if isinstance(schema, dict) and schema:
        return schema
    if kind == "json_object":
        return {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    return None


def _forced(choice: Any, word: str) -> str | None:
    if choice == word:
        return "*"
    if isinstance(choice, dict):
        name = choice.get("name") or _dict(choice.get("function") or choice.get("custom")).get("name")
        return str(name) if name else "*" if choice.get("mode") == word else None
    return None


READERS: dict[str, Callable[[dict[str, Any], str, bool], View]] = {
    "responses": read_responses,
    "chat": read_chat,
    "messages": read_messages,
    "gemini": read_gemini,
    "converse": read_converse,
}
