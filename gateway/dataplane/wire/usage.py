"""A provider's raw usage JSON → canonical Usage, one function per dialect. Pure.

Rules: what a provider reports is never refused for its form. A count that is absent, null, negative or no number is 0; a
fraction is rounded up; unknown fields are ignored. What is no JSON object, holds none of the main counts, or one of them that is
negative or no number, gives None: the caller then estimates. Where counts contradict each other the larger reading wins, because
an under-count is money lost.

Usage is decoded to a dict, not to a struct, so that one field of an unexpected type cannot cost the others. That takes
5-10 us; the plain form that OpenAI itself sends is tried first as a strict struct (plain_usage.py, under 1 us).
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import DecodeError, structs
from msgspec.json import Decoder

from gateway import _native
from gateway.base.core.struct import Wire
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.plain_usage import plain_chat, plain_responses

UsageReader = Callable[[bytes, bytes | None], Usage | None]
"""`(usage, second)`: `usage` is the raw usage object. `second` is, for Anthropic, the usage of the last `message_delta`;
for the OpenAI dialects and Gemini the whole answer, if it is at hand, since `service_tier` and searches stand there."""

_Json = Mapping[str, Any]
_decode = Decoder().decode
_EMPTY: _Json = {}
_MAX_TOKENS = 1 << 53
_MODEL_CHARS = 200
_QUOTE = 0x22
_GEO_FREE = frozenset(("", "global", "not_available"))


def usage_from_openai_responses(raw_usage: bytes, response: bytes | None = None) -> Usage | None:
    """OpenAI Responses and those who speak it (xAI, DeepSeek, OpenRouter); images have the same shape."""
    plain = plain_responses(raw_usage)
    if plain is not None:
        return _with_extras(plain, response)
    usage = _object(raw_usage)
    if not _is_counted(usage, "input_tokens", "output_tokens", "total_tokens"):
        return None
    return _openai(usage, "input", "output", response)


def usage_from_openai_chat(raw_usage: bytes, response: bytes | None = None) -> Usage | None:
    """OpenAI Chat and those who speak it (DeepSeek, Groq, Mistral, xAI, OpenRouter, Together ...)."""
    plain = plain_chat(raw_usage)
    if plain is not None:
        return _with_extras(plain, response)
    usage = _object(raw_usage)
    if not _is_counted(usage, "prompt_tokens", "completion_tokens", "total_tokens"):
        return None
    return _openai(usage, "prompt", "completion", response)


def usage_from_openai_embeddings(raw_usage: bytes, response: bytes | None = None) -> Usage | None:
    """OpenAI embeddings: input only. Voyage sends nothing but `total_tokens`."""
    usage = _object(raw_usage)
    if not _is_counted(usage, "prompt_tokens", "input_tokens", "total_tokens"):
        return None
    tokens = _count(usage, "prompt_tokens") or _count(usage, "input_tokens") or _count(usage, "total_tokens")
    image = min(tokens, _count(_child(usage, "prompt_tokens_details"), "image_tokens"))
    tier, _ = _openai_extras(response)
    return Usage(input_tokens=tokens, input_image_tokens=image, service_tier=tier)


def usage_from_anthropic_messages(raw_usage: bytes, delta_usage: bytes | None = None) -> Usage | None:
    """Anthropic Messages. A stream sends usage twice: in message_start, and in message_delta, which is cumulative, so
    its fields that are not null overwrite; a later 0 never erases an input count (some imitators send that).
    """
    usage = dict(_object(raw_usage))
    for name, value in _object(delta_usage).items() if delta_usage else ():
        if value is not None and not (value == 0 and name != "output_tokens" and _count(usage, name)):
            usage[name] = value
    if not _is_counted(usage, "input_tokens", "output_tokens"):
        return None
    read = list(_anthropic_counts(usage))
    # What a compaction or an advisor consumed is listed under `iterations` only (the API's documentation on
    # compaction), while the listed `message` iterations are in the sums already: the larger reading is what is billed.
    # One that is no `message` names the model that it ran on, and is billed at that model's rates.
    rows = _rows(usage, "iterations")
    listed = [_anthropic_counts(row) for row in rows]
    if listed:
        read = [max(own, sum(row[i] for row in listed)) for i, own in enumerate(read)]
    plain, cached, write_5m, write_1h, output = read
    tier = "fast" if _text(usage, "speed") == "fast" else _text(usage, "service_tier")
    geo = _text(usage, "inference_geo")
    geo = "" if geo in _GEO_FREE else geo
    return Usage(
        input_tokens=plain,
        cache_read_tokens=cached,
        cache_write_5m_tokens=write_5m,
        cache_write_1h_tokens=write_1h,
        output_tokens=output,
        reasoning_tokens=min(output, _count(_child(usage, "output_tokens_details"), "thinking_tokens")),
        web_searches=_count(_child(usage, "server_tool_use"), "web_search_requests"),
        service_tier=tier,
        inference_geo=geo,
        others=tuple(
            Usage(*counts, service_tier=tier, inference_geo=geo, model=model[:_MODEL_CHARS])
            for row, counts in zip(rows, listed, strict=True)
            if row.get("type") != "message" and isinstance(model := row.get("model"), str)
        ),
    )


def usage_from_gemini_generate(raw_usage: bytes, response: bytes | None = None) -> Usage | None:
    """Gemini `usageMetadata`: the prompt includes what was cached; thoughts and tool prompts are counted beside."""
    usage = _object(raw_usage)
    if not _is_counted(usage, "promptTokenCount", "candidatesTokenCount", "totalTokenCount"):
        return None
    tools = _count(usage, "toolUsePromptTokenCount")
    thoughts = _count(usage, "thoughtsTokenCount")
    prompt = _count(usage, "promptTokenCount") + tools
    output = _count(usage, "candidatesTokenCount") + thoughts
    output = max(output, _count(usage, "totalTokenCount") - prompt)
    cached = min(prompt, _count(usage, "cachedContentTokenCount"))
    into = _modalities(usage, "promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails")
    from_cache = _modalities(usage, "cacheTokensDetails")
    out = _modalities(usage, "candidatesTokensDetails")
    return Usage(
        input_tokens=prompt - cached,
        cache_read_tokens=cached,
        output_tokens=output,
        reasoning_tokens=min(thoughts, output),
        input_audio_tokens=max(0, into.get("AUDIO", 0) - from_cache.get("AUDIO", 0)),
        input_image_tokens=max(0, into.get("IMAGE", 0) - from_cache.get("IMAGE", 0)),
        input_video_tokens=max(0, into.get("VIDEO", 0) - from_cache.get("VIDEO", 0)),
        cache_read_audio_tokens=min(cached, from_cache.get("AUDIO", 0)),
        cache_read_image_tokens=min(cached, from_cache.get("IMAGE", 0)),
        output_audio_tokens=min(output, out.get("AUDIO", 0)),
        image_output_tokens=min(output, out.get("IMAGE", 0)),
        web_searches=_gemini_searches(response),
        service_tier=_text(usage, "serviceTier") or _TRAFFIC.get(_text(usage, "trafficType"), ""),
    )


def usage_from_bedrock_converse(raw_usage: bytes, _second: bytes | None = None) -> Usage | None:
    """Bedrock Converse: `inputTokens` does not include what the cache read or wrote."""
    usage = _object(raw_usage)
    if not _is_counted(usage, "inputTokens", "outputTokens", "totalTokens"):
        return None
    read = _count(usage, "cacheReadInputTokens") or _count(usage, "cacheReadInputTokenCount")
    written = _count(usage, "cacheWriteInputTokens") or _count(usage, "cacheWriteInputTokenCount")
    hour = sum(_count(row, "inputTokens") for row in _rows(usage, "cacheDetails") if row.get("ttl") == "1h")
    return Usage(
        input_tokens=_count(usage, "inputTokens"),
        cache_read_tokens=read,
        cache_write_5m_tokens=max(0, written - hour),
        cache_write_1h_tokens=hour,
        output_tokens=_count(usage, "outputTokens"),
    )


def usage_from_cohere_chat(raw_usage: bytes, _second: bytes | None = None) -> Usage | None:
    """Cohere: `billed_units` is what is paid; `tokens` (the template included) stands in where it is missing."""
    usage = _object(raw_usage)
    billed = _child(usage, "billed_units") or _child(usage, "tokens")
    if not _is_counted(billed, "input_tokens", "output_tokens"):
        return None
    return Usage(
        input_tokens=_count(billed, "input_tokens"),
        output_tokens=_count(billed, "output_tokens"),
        reasoning_tokens=min(_count(billed, "output_tokens"), _count(_child(usage, "tokens"), "reasoning_tokens")),
    )


USAGE: dict[str, UsageReader] = {
    "openai.responses": usage_from_openai_responses,
    "openai.chat": usage_from_openai_chat,
    "openai.completions": usage_from_openai_chat,
    "openai.embeddings": usage_from_openai_embeddings,
    "openai.images": usage_from_openai_responses,
    "anthropic.messages": usage_from_anthropic_messages,
    "gemini.generate": usage_from_gemini_generate,
    "bedrock.converse": usage_from_bedrock_converse,
    "cohere.chat.v2": usage_from_cohere_chat,
}
"""By dialect."""

_TRAFFIC = {"on_demand_priority": "priority", "on_demand_flex": "flex"}
"""Vertex names the service tier in `trafficType`."""

# === what the readers share ===


def _openai(usage: _Json, into: str, out: str, response: bytes | None) -> Usage:
    """`input`/`output` (Responses) or `prompt`/`completion` (Chat), with the variants of those who imitate them."""
    details = _child(usage, f"{into}_tokens_details") or _child(usage, f"{into}_token_details")
    made = _child(usage, f"{out}_tokens_details") or _child(usage, f"{out}_token_details")
    prompt = _count(usage, f"{into}_tokens")
    cached = max(
        _count(details, "cached_tokens"),
        _count(usage, "cached_tokens"),  # Together, Moonshot
        _count(usage, "prompt_cache_hit_tokens"),  # DeepSeek
    )
    written = _count(details, "cache_write_tokens")
    # Who reads more from the cache than the whole prompt counts the cache beside it, as Anthropic does.
    plain = prompt - cached - written if cached + written <= prompt else prompt
    # xAI's chat and Google's compatible API leave reasoning out of the output and put it into the total only.
    output = max(_count(usage, f"{out}_tokens"), _count(usage, "total_tokens") - plain - cached - written)
    tier, searches = _openai_extras(response)
    return Usage(
        input_tokens=plain,
        cache_read_tokens=cached,
        cache_write_5m_tokens=written,
        output_tokens=output,
        reasoning_tokens=min(output, _count(made, "reasoning_tokens")),
        input_audio_tokens=min(plain, _count(details, "audio_tokens")),
        input_image_tokens=min(plain, _count(details, "image_tokens")),
        input_video_tokens=min(plain, _count(details, "video_tokens")),
        output_audio_tokens=min(output, _count(made, "audio_tokens")),
        image_output_tokens=min(output, _count(made, "image_tokens")),
        web_searches=max(
            searches,
            _count(_child(usage, "server_tool_use_details"), "web_search_requests"),  # OpenRouter
            _count(_child(usage, "server_tool_use"), "web_search_requests"),
            _count(_child(usage, "server_side_tool_usage_details"), "web_search_calls")  # xAI
            + _count(_child(usage, "server_side_tool_usage_details"), "x_search_calls"),
        ),
        service_tier=_text(usage, "service_tier") or tier,
    )


class _Grounding(Wire):
    webSearchQueries: Any = None  # noqa: N815 - Google's spelling


class _Candidate(Wire):
    groundingMetadata: _Grounding | None = None  # noqa: N815 - Google's spelling


class _GeminiAnswer(Wire):
    candidates: list[_Candidate] | None = None
    modelVersion: Any = None  # noqa: N815 - Google's spelling


_GEMINI_ANSWER = Decoder(_GeminiAnswer)


def _openai_extras(response: bytes | None) -> tuple[str, int]:
    """Service tier and web searches of a whole answer."""
    if not response:
        return "", 0
    start, end = _native.find_path(response, (b"service_tier",))
    tier = (
        response[start + 1 : end - 1].decode("utf-8", "replace")
        if end - start > 2 and response[start] == _QUOTE
        else ""
    )
    start, end = _native.find_path(response, (b"tool_usage", b"web_search"))
    searches = _count(_object(response[start:end]), "num_requests") if start >= 0 else 0
    return tier[:40].lower(), searches


def _with_extras(plain: Usage, response: bytes | None) -> Usage:
    tier, searches = _openai_extras(response)
    if searches or tier not in ("", "default"):
        return structs.replace(plain, service_tier=tier, web_searches=searches)
    return plain


def _gemini_searches(response: bytes | None) -> int:
    """Billed searches of a whole answer: up to Gemini 2.5 a grounded prompt is one, from 3 on each query is."""
    if not response:
        return 0
    try:
        found = _GEMINI_ANSWER.decode(response)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return 0
    queries = 0
    for candidate in found.candidates or ():
        grounding = candidate.groundingMetadata
        if grounding is not None and isinstance(grounding.webSearchQueries, list):
            queries += sum(1 for query in grounding.webSearchQueries if query)
    is_per_prompt = str(found.modelVersion).startswith(("gemini-1", "gemini-2"))
    return min(queries, 1) if is_per_prompt else queries


def _anthropic_counts(usage: _Json) -> tuple[int, int, int, int, int]:
    """Uncached input, cache read, cache write 5m, cache write 1h, output: the first fields of Usage."""
    split = _child(usage, "cache_creation")
    hour = _count(split, "ephemeral_1h_input_tokens")
    five = max(_count(split, "ephemeral_5m_input_tokens"), _count(usage, "cache_creation_input_tokens") - hour)
    return (
        _count(usage, "input_tokens"),
        _count(usage, "cache_read_input_tokens"),
        five,
        hour,
        _count(usage, "output_tokens"),
    )


def _modalities(usage: _Json, *names: str) -> dict[str, int]:
    """Tokens by modality over the named lists; documents are priced as images."""
    found: dict[str, int] = {}
    for name in names:
        for row in _rows(usage, name):
            if isinstance(kind := row.get("modality"), str):
                kind = "IMAGE" if kind == "DOCUMENT" else kind
                found[kind] = found.get(kind, 0) + _count(row, "tokenCount")
    return found


def _object(raw: bytes) -> _Json:
    try:
        found = _decode(raw)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return _EMPTY
    return found if isinstance(found, dict) else _EMPTY


def _child(parent: _Json, name: str) -> _Json:
    found = parent.get(name)
    return found if isinstance(found, dict) else _EMPTY


def _rows(parent: _Json, name: str) -> list[_Json]:
    found = parent.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _count(parent: _Json, name: str) -> int:
    return _number(parent.get(name)) or 0


def _number(value: Any) -> int | None:
    """A count; None for what is none."""
    if type(value) is int:
        return value if 0 <= value < _MAX_TOKENS else None
    if type(value) is float and 0 <= value < _MAX_TOKENS:
        return int(value) + (value != int(value))
    if isinstance(value, str) and len(value) < 16 and value.isascii() and value.isdigit():
        return int(value)
    return None


def _text(parent: _Json, name: str) -> str:
    value = parent.get(name)
    return value[:40].lower() if isinstance(value, str) else ""


def _is_counted(usage: _Json, *names: str) -> bool:
    """Whether some of the main counts are there, and all of these are counts."""
    found = [value for name in names if (value := usage.get(name)) is not None]
    return bool(found) and all(_number(value) is not None for value in found)
