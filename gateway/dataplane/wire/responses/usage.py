"""Canonical usage, as Responses tells it. Traps 46, 55, 56.

The input includes what was cached and what was written to the cache. The details are always complete: clients refuse an answer
whose usage lacks them (complaint 4).
"""

from typing import Any

from gateway.base.core.usage import Usage


def write_usage(usage: Usage | None) -> dict[str, Any] | None:
    """The `usage` object; None when nobody knows."""
    if usage is None:
        return None
    prompt = usage.prompt_tokens()
    details: dict[str, int] = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
    }
    made: dict[str, int] = {"reasoning_tokens": usage.reasoning_tokens}
    for group, name, count in (
        (details, "audio_tokens", usage.input_audio_tokens + usage.cache_read_audio_tokens),
        (details, "image_tokens", usage.input_image_tokens + usage.cache_read_image_tokens),
        (details, "video_tokens", usage.input_video_tokens),
        (made, "audio_tokens", usage.output_audio_tokens),
        (made, "image_tokens", usage.image_output_tokens),
    ):
        if count:
            group[name] = count
    return {
        "input_tokens": prompt,
        "input_tokens_details": details,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": made,
        "total_tokens": prompt + usage.output_tokens,
    }
