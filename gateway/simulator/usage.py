"""Token counts that look like a provider's, and the memory that makes some of them cached.

Input is a quarter of the body's bytes. The cached part is the longest start of the conversation (tools, system,
messages) that this process has seen before under the same model and `prompt_cache_key`: the boundaries of each request
are remembered as hashes in a bounded LRU table, so the memory holds no text.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import structs

from .knobs import Knobs
from .steps import Call, Compaction, Reasoning, Record, Reply, Step, Text
from .view import View

_BYTES_PER_TOKEN = 4
_LEAST_CACHED = 1024  # OpenAI, Anthropic and Gemini cache no shorter prefixes
_STEP = 128  # OpenAI counts cached tokens in steps of 128
_BOUNDARIES = 50_000  # 16 bytes each, about 5 MB with the table around them
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
# Claude Code moves its cache mark to the newest block in each turn; the mark is no part of the prompt.
_MARK = re.compile(rb',?\s*"cache_control"\s*:\s*\{[^{}]*\}')
_POINT = re.compile(rb',?\s*\{\s*"cachePoint"\s*:\s*\{[^{}]*\}\s*\}')
_ORDER = {
    "responses": ("tools", "instructions", "input"),
    "chat": ("tools", "messages"),
    "messages": ("tools", "system", "messages"),
    "gemini": ("tools", "systemInstruction", "contents"),
    "converse": ("toolConfig", "system", "messages"),
}


class Usage(Record, frozen=True):
    """Tokens of one exchange. `input` holds `cached` and `written`; `output` holds `reasoning`."""

    input: int = 0
    cached: int = 0
    written: int = 0  # Anthropic's cache_creation
    output: int = 0
    reasoning: int = 0


class PrefixMemory:
    """Which conversation starts were seen before. Not thread-safe; one event loop owns it."""

    def __init__(self, limit: int = _BOUNDARIES) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._limit = limit

    def clear(self) -> None:
        """Forget everything."""
        self._seen.clear()

    def cached_tokens(self, view: View, raw: bytes) -> int:
        """Tokens of the longest known start of this request; remembers the request."""
        if len(raw) < _LEAST_CACHED * _BYTES_PER_TOKEN:
            return 0
        known = size = 0
        digest = blake2b(f"{view.dialect}\0{view.model}\0{view.cache_key}".encode(), digest_size=16)
        for part in _parts(view.dialect, raw):
            digest.update(part)
            size += len(part)
            boundary = digest.digest()
            if boundary in self._seen:
                self._seen.move_to_end(boundary)
                known = size
            else:
                self._seen[boundary] = None
        while len(self._seen) > self._limit:
            self._seen.popitem(last=False)
        tokens = known // _BYTES_PER_TOKEN // _STEP * _STEP
        return tokens if tokens >= _LEAST_CACHED else 0


def _parts(dialect: str, raw: bytes) -> list[bytes]:
    body = _RAW.decode(raw)
    parts: list[bytes] = []
    for key in _ORDER[dialect]:
        value = bytes(body.get(key, b""))
        if dialect == "messages":
            value = _MARK.sub(b"", value)
        elif dialect == "converse":
            value = _POINT.sub(b"", value)
        if value.startswith(b"["):
            parts += [bytes(x) for x in _LIST.decode(value)]
        elif value:
            parts.append(value)
    return parts


def output_tokens(step: Step) -> int:
    """Tokens a step is billed as: text by its deltas, calls by their bytes, reasoning by its own count."""
    if isinstance(step, Text):
        return len(step.pieces)
    if isinstance(step, Reasoning):
        return step.tokens
    if isinstance(step, Call):
        return 8 + len(step.text or str(step.args)) // _BYTES_PER_TOKEN
    return 64


def limited(reply: Reply, limit: int | None) -> Reply:
    """Stop at the client's output limit, as a provider does: reasoning counts, and a call that does not fit is not made."""
    if limit is None or limit < 1:
        return reply
    left, steps = limit, list[Step]()
    for step in reply.steps:
        tokens = output_tokens(step)
        if tokens > left and not isinstance(step, Compaction):
            return structs.replace(reply, steps=(*steps, *_first(step, left, tokens)), finish="length")
        left -= tokens
        steps.append(step)
    return reply


def _first(step: Step, left: int, tokens: int) -> tuple[Step, ...]:
    """What of a step was made when `left` of its tokens were."""
    if isinstance(step, Text) and left:
        return (Text(step.pieces[:left]),)
    if isinstance(step, Reasoning) and left:
        return (Reasoning(step.pieces[: len(step.pieces) * left // tokens], left),)
    return ()


def shares(step: Step, deltas: int, hidden: int = 0) -> list[int]:
    """The tokens of each of a step's deltas; `hidden` ones were generated before the first, with nothing to show for them."""
    tokens = output_tokens(step)
    parts = [tokens * (i + 1) // deltas - tokens * i // deltas for i in range(deltas)]
    return [parts[0] + hidden, *parts[1:]] if parts else []


def count(view: View, raw: bytes, steps: tuple[Step, ...], cached: int, knobs: Knobs) -> Usage:
    """The usage of one exchange. Never more prompt tokens than the body has bytes: no byte-level BPE makes more."""
    given = len(raw) // _BYTES_PER_TOKEN if knobs.prompt_tokens is None else min(knobs.prompt_tokens, len(raw))
    total = max(given, 1)
    reasoning = sum(s.tokens for s in steps if isinstance(s, Reasoning))
    written = 0
    has_writes = view.dialect in ("messages", "converse")
    is_marked = has_writes and (b'"cache_control"' in raw or b'"cachePoint"' in raw)
    if knobs.cached_share is not None or knobs.written_share is not None:
        cached = int(total * min(knobs.cached_share or 0.0, 1.0))
        written = min(int(total * (knobs.written_share or 0.0)), total - cached) if is_marked else 0
    elif has_writes:
        is_cached = is_marked and total >= _LEAST_CACHED
        cached = cached if is_cached else 0
        written = max(total - cached - 4, 0) if is_cached else 0
    return Usage(total, min(cached, total), written, sum(map(output_tokens, steps)), reasoning)


def openai(usage: Usage, responses: bool) -> dict[str, Any]:
    """OpenAI's usage object, in the words of Responses or of Chat."""
    a, b = ("input", "output") if responses else ("prompt", "completion")
    return {
        f"{a}_tokens": usage.input,
        f"{a}_tokens_details": {"cached_tokens": usage.cached, **({} if responses else {"audio_tokens": 0})},
        f"{b}_tokens": usage.output,
        f"{b}_tokens_details": {
            "reasoning_tokens": usage.reasoning,
            **(
                {}
                if responses
                else {"audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
            ),
        },
        "total_tokens": usage.input + usage.output,
    }


def anthropic(usage: Usage, output: int) -> dict[str, Any]:
    """Anthropic's usage object with `output` tokens so far."""
    return {
        "input_tokens": usage.input - usage.cached - usage.written,
        "cache_creation_input_tokens": usage.written,
        "cache_read_input_tokens": usage.cached,
        "cache_creation": {"ephemeral_5m_input_tokens": usage.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": output,
        "service_tier": "standard",
    }


def bedrock(usage: Usage) -> dict[str, Any]:
    """Converse's usage object."""
    made: dict[str, Any] = {
        "inputTokens": usage.input - usage.cached - usage.written,
        "outputTokens": usage.output,
        "totalTokens": usage.input + usage.output,
    }
    if usage.cached or usage.written:
        made |= {"cacheReadInputTokens": usage.cached, "cacheWriteInputTokens": usage.written}
    return made


def gemini(usage: Usage, output: int) -> dict[str, Any]:
    """Gemini's usageMetadata with `output` visible tokens so far."""
    made: dict[str, Any] = {"promptTokenCount": usage.input}
    if output:
        made["candidatesTokenCount"] = output
    made["totalTokenCount"] = usage.input + output + usage.reasoning
    if usage.cached:
        made["cachedContentTokenCount"] = usage.cached
    made["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.input}]
    if usage.reasoning:
        made["thoughtsTokenCount"] = usage.reasoning
    return made
