"""The recorded exchanges of all who speak Responses, and Codex's own requests."""

import json
from functools import cache
from typing import Any

from gateway.dataplane.wire.codec import Target
from tests.dataplane.providers.shared import shared
from tests.dataplane.wire import sse

_DIALECT = "openai.responses"
_VENDORS = {"openai": "openai", "azure": "openai", "bedrock-mantle": "openai", "xai": "xai", "deepseek": "deepseek"}


@cache
def exchanges() -> tuple[dict[str, Any], ...]:
    """Requests to `…/responses` with their answers, in the order of their names; skips, loudly, where they are absent."""
    folder = shared("wire/dev")
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.responses/*.json"))]
    return tuple(one for one in found if one.get("dialect") == _DIALECT)


@cache
def responses_only() -> tuple[dict[str, Any], ...]:
    """Answers without a request: OpenAI's local shell, tool search, programs; LM Studio, xAI, Azure."""
    folder = shared("wire/response_only")
    paths = [
        path
        for path in sorted(folder.glob("*/*.json"))
        if "responses" in path.parent.name or path.parent.name == "azure"
    ]
    found = [json.loads(path.read_text()) for path in paths]
    return tuple(one for one in found if is_answer(one) or events_of(one) or one["response"]["status"] >= 400)


@cache
def codex_requests() -> dict[str, dict[str, Any]]:
    """Bodies that the real Codex CLI sent, by the name of the capture."""
    folder = shared("clients/codex")
    found = {path.stem: json.loads(path.read_text()).get("body") for path in sorted(folder.glob("*.json"))}
    return {name: body for name, body in found.items() if isinstance(body, dict) and "input" in body}


def is_answer(exchange: dict[str, Any]) -> bool:
    """Whether a whole answer was recorded."""
    body = exchange["response"].get("body")
    return isinstance(body, dict) and body.get("object") == "response" and isinstance(body.get("output"), list)


def events_of(exchange: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The events of a recorded stream of Responses; [] for anything else."""
    response = exchange["response"]
    if response["status"] >= 400:
        return []
    if "chunks" in response:
        chunks = [chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in response["chunks"]]
        return [("", chunk.encode()) for chunk in chunks] if '"response.created"' in chunks[0] else []
    return sse.events((response.get("sse") or "").encode())


def target_of(body: dict[str, Any], api: str = "openai.responses") -> Target:
    """Whom a request was written for."""
    provider = api.partition(".")[0]
    vendor = _VENDORS.get(provider, "")
    return Target(_DIALECT, provider, body.get("model") or "", vendor, vendor, is_official=vendor != "")
