"""The recorded exchanges of all who speak Chat, each with the target that its request was written for."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from gateway.dataplane.wire.codec import Target
from tests.dataplane.providers.shared import shared
from tests.dataplane.wire import sse

DIALECTS = {"openai.chat", "openai.chat~", "mistral.chat"}
_VENDORS = {
    "openai": "openai", "azure": "openai", "mistral": "mistral", "deepseek": "deepseek", "zai": "zai", "xai": "xai",
}  # fmt: skip


@cache
def exchanges() -> tuple[dict[str, Any], ...]:
    """All of them, in the order of their names; the test is skipped, loudly, where they are absent."""
    folder = shared("wire/dev")
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*/*.json"))]
    return tuple(one for one in found if one.get("dialect") in DIALECTS)


def responses_only() -> list[dict[str, Any]]:
    """Answers without a request, of vendors that no exchange was recorded of."""
    folder: Path = shared("wire/response_only")
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.chat/*.json"))]
    return [one for one in found if one["api"] != "cohere.chat"]


def target_of(exchange: dict[str, Any]) -> Target:
    """Whom the request was written for."""
    provider = exchange["api"].partition(".")[0]
    vendor = _VENDORS.get(provider, "")
    body = exchange["request"]["body"]
    if "enable_thinking" in body:
        provider, vendor = "dashscope", "qwen"
    model = body.get("model") or ""
    return Target("openai.chat", provider, model, vendor, vendor, 0, 0, vendor != "")


def chunks_of(exchange: dict[str, Any]) -> list[tuple[str, bytes]]:
    """The events of a recorded stream; [] for a whole answer."""
    response = exchange["response"]
    if "chunks" in response:
        return [
            ("", chunk.encode() if isinstance(chunk, str) else json.dumps(chunk).encode())
            for chunk in response["chunks"]
        ]
    return sse.events(f"{response.get('sse') or ''}\n".encode())  # one was recorded without its last empty line
