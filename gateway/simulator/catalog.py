"""The answers that need no agent: model lists in each dialect, and embeddings. Pure."""

from __future__ import annotations

import base64
import math
import re
import struct
from hashlib import blake2b
from typing import Any

from .context import dumps
from .steps import Failure

MODELS: dict[str, tuple[str, ...]] = {
    "openai": (
        "gpt-6.1-sol", "gpt-6-sol", "gpt-6-luna", "gpt-5.6-sol", "gpt-5.5", "gpt-5.1", "gpt-5.1-codex", "gpt-5",
        "gpt-5-mini", "gpt-5-codex", "gpt-4.1", "gpt-4.1-mini", "gpt-4o", "gpt-4o-mini", "text-embedding-3-small",
        "text-embedding-3-large",
    ),
    "messages": (
        "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-8", "claude-opus-4-7",
        "claude-sonnet-4-6", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001",
    ),
    "gemini": (
        "gemini-3.8-flash", "gemini-3.5-flash", "gemini-3.5-flash-lite", "gemini-2.5-pro", "gemini-2.5-flash",
        "gemini-2.5-flash-lite",
    ),
}  # fmt: skip
_CREATED = 1_767_225_600
_MOST_INPUTS = 2048  # OpenAI's limit for one embeddings request


def models(dialect: str, codex: bool = False) -> bytes:
    """The list of models. Codex wants `models` and complains if it is missing; empty means: nothing to override."""
    if dialect == "messages":
        data = [_anthropic(m) for m in MODELS["messages"]]
        return dumps({"data": data, "has_more": False, "first_id": data[0]["id"], "last_id": data[-1]["id"]})
    if dialect == "gemini":
        return dumps({"models": [_gemini(m) for m in MODELS["gemini"]]})
    listed = {"object": "list", "data": [_openai(m) for m in MODELS["openai"]]}
    return dumps(listed | {"models": []} if codex else listed)


def model(dialect: str, name: str) -> bytes:
    """One model; the simulator knows every name."""
    return dumps({"messages": _anthropic, "gemini": _gemini}.get(dialect, _openai)(name))


def _openai(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "agentcc-simulator"}


def _anthropic(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": f"{name} (simulated)", "created_at": "2026-01-01T00:00:00Z"}


def _gemini(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}", "version": "001", "displayName": f"{name} (simulated)",
        "description": "agentcc provider simulator", "inputTokenLimit": 1048576, "outputTokenLimit": 65536,
        "supportedGenerationMethods": ["generateContent", "countTokens"], "temperature": 1, "topP": 0.95, "topK": 64,
    }  # fmt: skip


def embeddings(body: dict[str, Any], size: int) -> bytes | Failure:
    """OpenAI embeddings: texts that share words get near vectors, so that a semantic cache has something to find."""
    value = body.get("input")
    texts = value if isinstance(value, list) and value and not isinstance(value[0], int) else [value]
    if value is None or value in ("", []):
        return Failure(400, "Missing required parameter: 'input'.", code="missing_required_parameter", param="input")
    if len(texts) > _MOST_INPUTS:
        return Failure(
            400, f"'input' has {len(texts)} entries; the limit is {_MOST_INPUTS}.", code="invalid_value", param="input"
        )
    asked = body.get("dimensions")
    dimensions = (
        asked if isinstance(asked, int) and 0 < asked <= 4096 else 3072 if "large" in str(body.get("model")) else 1536
    )
    packed = body.get("encoding_format") == "base64"
    data = []
    for index, text in enumerate(texts):
        vector = embedding(str(text), dimensions)
        value = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if packed else vector
        data.append({"object": "embedding", "index": index, "embedding": value})
    tokens = embedding_tokens(size)
    return dumps(
        {
            "object": "list",
            "data": data,
            "model": body.get("model"),
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }
    )


def embedding_tokens(size: int) -> int:
    """What a request body of so many bytes is billed as."""
    return max(size // 4, 1)


def embedding(text: str, dimensions: int) -> list[float]:
    """A unit vector: every word adds eight signed entries at places given by its hash."""
    vector = [0.0] * dimensions
    for word in re.findall(r"\w+", text.lower()) or [text]:
        digest = blake2b(word.encode(), digest_size=32).digest()
        for i in range(0, 32, 4):
            place = int.from_bytes(digest[i : i + 3], "big") % dimensions
            vector[place] += 1.0 if digest[i + 3] & 1 else -1.0
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector]
