"""Usage → Gemini's `usageMetadata`. (The way in is `wire/usage.py`.) Traps 28, 55."""

from gateway.base.core.usage import Usage

_TIERS = frozenset({"standard", "flex", "priority"})
"""Google's own words (google-genai 3.4.0, `types.ServiceTier`)."""


def usage_metadata(usage: Usage) -> dict[str, object]:
    """All counts, zeros too: the prompt includes what was cached, thoughts stand beside the candidates."""
    prompt = usage.prompt_tokens()
    found: dict[str, object] = {
        "promptTokenCount": prompt,
        "cachedContentTokenCount": usage.cache_read_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": prompt + usage.output_tokens,
        "promptTokensDetails": _details(
            prompt,
            AUDIO=usage.input_audio_tokens + usage.cache_read_audio_tokens,
            IMAGE=usage.input_image_tokens + usage.cache_read_image_tokens,
            VIDEO=usage.input_video_tokens,
        ),
    }
    if usage.cache_read_tokens:
        found["cacheTokensDetails"] = _details(
            usage.cache_read_tokens, AUDIO=usage.cache_read_audio_tokens, IMAGE=usage.cache_read_image_tokens
        )
    if usage.output_audio_tokens or usage.image_output_tokens:
        found["candidatesTokensDetails"] = _details(
            usage.output_tokens - usage.reasoning_tokens,
            AUDIO=usage.output_audio_tokens,
            IMAGE=usage.image_output_tokens,
        )
    if usage.service_tier in _TIERS:
        found["serviceTier"] = usage.service_tier
    return found


def _details(total: int, **by_modality: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [{"modality": "TEXT", "tokenCount": max(0, total - sum(by_modality.values()))}]
    rows += [{"modality": name, "tokenCount": count} for name, count in by_modality.items() if count]
    return rows
