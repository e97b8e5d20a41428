"""A client's small request for an answer that is known: with the tools that the answer calls."""

import json
import re
from typing import Any

from gateway.dataplane.wire import PathSays, Turn
from tests.dataplane.wire.cross.road import read

LEGAL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_SCHEMA = {"type": "object", "properties": {}}
_WORDS = "Please answer."
_MODEL = "lab/asked"


def asked(dialect: str, calls: list[tuple[str, Any]], *, is_stream: bool) -> Turn:
    """The request of a client, read."""
    body, path = body_of(dialect, calls, is_stream=is_stream)
    return read(dialect, json.dumps(body).encode(), path)


def body_of(dialect: str, calls: list[tuple[str, Any]], *, is_stream: bool) -> tuple[dict[str, Any], PathSays]:
    """The request, and what its path says."""
    names = list(dict.fromkeys(name for name, _ in calls if isinstance(name, str) and LEGAL.fullmatch(name)))
    body = _BODIES[dialect](names)
    if dialect in ("gemini.generate", "bedrock.converse"):
        return body, PathSays(_MODEL, is_stream)
    body = {"model": _MODEL, "stream": is_stream, **body}
    if dialect == "openai.chat" and is_stream:
        body["stream_options"] = {"include_usage": True}
    return body, PathSays()


def _responses(names: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"input": _WORDS, "store": False, "include": ["reasoning.encrypted_content"]}
    tools = [{"type": "function", "name": name, "strict": False, "parameters": _SCHEMA} for name in names]
    return {**body, "tools": tools} if tools else body


def _chat(names: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": _WORDS}]}
    tools = [{"type": "function", "function": {"name": name, "parameters": _SCHEMA}} for name in names]
    return {**body, "tools": tools} if tools else body


def _messages(names: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"max_tokens": 4096, "messages": [{"role": "user", "content": _WORDS}]}
    tools = [{"name": name, "input_schema": _SCHEMA} for name in names]
    return {**body, "tools": tools} if tools else body


def _generate(names: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": _WORDS}]}]}
    tools = [{"name": name, "parametersJsonSchema": _SCHEMA} for name in names]
    return {**body, "tools": [{"functionDeclarations": tools}]} if tools else body


def _converse(names: list[str]) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": [{"text": _WORDS}]}]}
    tools = [{"toolSpec": {"name": name, "inputSchema": {"json": _SCHEMA}}} for name in names]
    return {**body, "toolConfig": {"tools": tools}} if tools else body


_BODIES = {
    "openai.responses": _responses,
    "openai.chat": _chat,
    "anthropic.messages": _messages,
    "gemini.generate": _generate,
    "bedrock.converse": _converse,
}
