"""Requests in four dialects, the pure answer to one, and a reader of SSE."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.simulator.answer import Answer, Request, State, answer

SHARED = Path(__file__).parents[3] / "shared" / "fixtures"
PATHS = {
    "responses": "/v1/responses",
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "gemini": "/v1beta/models/gemini-2.5-flash:{verb}",
}
DIALECTS = tuple(PATHS)


def ask(dialect: str, prompt: str, stream: bool = False, **more: Any) -> tuple[str, dict[str, Any]]:
    """(path with query, body) of a request with one prompt."""
    path = PATHS[dialect]
    if dialect == "gemini":
        body: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return path.format(verb=verb), body | more
    if dialect == "responses":
        body = {"model": "gpt-5.5", "input": prompt}
    else:
        model = "gpt-5.5" if dialect == "chat" else "claude-sonnet-4-5"
        body = {"model": model, "messages": [{"role": "user", "content": prompt}], "max_tokens": 1000}
    return path, body | ({"stream": True} if stream else {}) | more


def play(path: str, body: Any, state: State | None = None, method: str = "POST", **headers: str) -> Answer:
    """The pure answer to a request."""
    given = {"anthropic-version": "2023-06-01"} if path.startswith("/v1/messages") else {}
    given |= {k.replace("_", "-"): v for k, v in headers.items()}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    path, _, query = path.partition("?")
    return answer(Request(method, path, query, given.get, raw), state or State())


def payload(made: Answer) -> bytes:
    """All bytes of an answer."""
    return b"".join(data for _, data, _ in made.delivery.writes)


def events(data: bytes) -> list[dict[str, Any]]:
    """The JSON of each event of an SSE body; `[DONE]` as {"done": True}."""
    lines = (line for line in data.decode().splitlines() if line.startswith("data: "))
    return [{"done": True} if line == "data: [DONE]" else json.loads(line[6:]) for line in lines]


def client_fixture(name: str) -> dict[str, Any]:
    """A captured request of a real client; skips where the shared folder is not there."""
    file = SHARED / "clients" / name
    if not file.exists():
        pytest.skip(f"no {file}: the shared fixtures are not on this machine")
    body: dict[str, Any] = json.loads(file.read_bytes())["body"]
    return body
