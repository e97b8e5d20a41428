"""Requests of each dialect for a model of any provider, and what the journal says of their answers."""

import threading
import time
from typing import Any
from urllib.parse import quote

import httpx

from tests.e2e.wires import request
from tests.fakes.upstream import Answer
from tests.harness import Gateway

OWN = {
    "openai.responses": "openai/gpt-4.1-mini",
    "openai.chat": "openai/gpt-4.1-mini",
    "anthropic.messages": "anthropic/claude-sonnet-4-5",
    "gemini.generate": "gemini/gemini-2.5-flash",
    "bedrock.converse": "bedrock/test-claude",
}
"""A model whose provider speaks the dialect."""
_PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
}


def asked(dialect: str, model: str = "", *, stream: bool, is_array: bool = False) -> dict[str, Any]:
    """The arguments of httpx's `post` or `stream`; `is_array`: a Gemini stream without `alt=sse`."""
    model = model or OWN[dialect]
    if dialect == "gemini.generate":
        action = "streamGenerateContent" + ("" if is_array else "?alt=sse") if stream else "generateContent"
        return {"url": f"/v1beta/models/{model}:{action}", "json": request(dialect)}
    if dialect == "bedrock.converse":
        body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        return {"url": f"/model/{quote(model, safe='')}/converse{'-stream' if stream else ''}", "json": body}
    return {"url": _PATHS[dialect], "json": {**request(dialect, stream=stream), "model": model}}


def record_of(gateway: Gateway, got: httpx.Response) -> dict[str, Any]:
    return gateway.record(got.headers["x-agentcc-request-id"])


def cost_nusd(got: httpx.Response) -> int:
    """What the headers say that it cost."""
    return round(float(got.headers["x-agentcc-cost"]) * 1e9)


def late(client: httpx.Client, ask: dict[str, Any], answer: Answer) -> tuple[httpx.Response, bytes]:
    """The answer to a stream whose headers left before the provider began: `answer` waits until they are here."""
    answer.hold_headers = threading.Event()
    try:
        with client.stream("POST", **ask) as got:
            answer.hold_headers.set()
            return got, b"".join(got.iter_raw())
    finally:
        answer.hold_headers.set()


def timed(client: httpx.Client, ask: dict[str, Any]) -> tuple[httpx.Response, list[tuple[float, bytes]]]:
    """The answer to a stream: each HTTP chunk, and when it came (monotonic seconds)."""
    with client.stream("POST", **ask) as got:
        return got, [(time.monotonic(), piece) for piece in got.iter_raw()]
