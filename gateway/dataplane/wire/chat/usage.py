"""Usage objects of Chat: read by the table that all routes share, written with complete details (COMPLAINTS 4)."""

from typing import Any

from gateway.base.core.usage import Usage
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.usage import usage_from_openai_chat


def read_usage(usage: Any, service_tier: Any = None) -> Usage | None:
    """A raw usage object, and the tier that the answer names beside it."""
    if not isinstance(usage, dict):
        return None
    answer = {"service_tier": service_tier} if isinstance(service_tier, str) and service_tier else None
    return usage_from_openai_chat(encode(usage), encode(answer) if answer else None)


def written_usage(usage: Usage) -> dict[str, Any]:
    """`prompt_tokens` includes what was cached, `completion_tokens` what was thought. Counts that OpenAI has no name for are
    left out where they are 0."""
    prompt = usage.prompt_tokens()
    into: dict[str, int] = {
        "cached_tokens": usage.cache_read_tokens,
        "audio_tokens": usage.input_audio_tokens + usage.cache_read_audio_tokens,
    }
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    if written:
        into["cache_write_tokens"] = written
    if images := usage.input_image_tokens + usage.cache_read_image_tokens:
        into["image_tokens"] = images
    if usage.input_video_tokens:
        into["video_tokens"] = usage.input_video_tokens
    out: dict[str, int] = {
        "reasoning_tokens": usage.reasoning_tokens,
        "audio_tokens": usage.output_audio_tokens,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }
    if usage.image_output_tokens:
        out["image_tokens"] = usage.image_output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": into,
        "completion_tokens_details": out,
    }
