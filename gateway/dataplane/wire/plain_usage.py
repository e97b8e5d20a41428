"""The usage that OpenAI itself sends, read by strict structs: anything unexpected gives None, and the lenient reader goes on."""

from typing import Annotated

from msgspec import DecodeError, Meta, Struct
from msgspec.json import Decoder

from gateway.base.core.usage import Usage

_Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class _In(Struct, forbid_unknown_fields=True):
    cached_tokens: _Count = 0
    cache_write_tokens: _Count = 0
    audio_tokens: _Count = 0


class _Out(Struct, forbid_unknown_fields=True):
    reasoning_tokens: _Count = 0
    audio_tokens: _Count = 0
    accepted_prediction_tokens: _Count = 0
    rejected_prediction_tokens: _Count = 0


class _Responses(Struct, forbid_unknown_fields=True):
    input_tokens: _Count
    output_tokens: _Count
    total_tokens: _Count
    input_tokens_details: _In
    output_tokens_details: _Out


class _Chat(Struct, forbid_unknown_fields=True):
    prompt_tokens: _Count
    completion_tokens: _Count
    total_tokens: _Count
    prompt_tokens_details: _In
    completion_tokens_details: _Out


_RESPONSES = Decoder(_Responses)
_CHAT = Decoder(_Chat)


def plain_responses(raw: bytes) -> Usage | None:
    """Usage of an OpenAI Responses answer; None when it is not exactly of the plain form."""
    try:
        found = _RESPONSES.decode(raw)
    except DecodeError:
        return None
    return _usage(
        found.input_tokens,
        found.output_tokens,
        found.total_tokens,
        found.input_tokens_details,
        found.output_tokens_details,
    )


def plain_chat(raw: bytes) -> Usage | None:
    """Usage of an OpenAI Chat answer; None when it is not exactly of the plain form."""
    try:
        found = _CHAT.decode(raw)
    except DecodeError:
        return None
    return _usage(
        found.prompt_tokens,
        found.completion_tokens,
        found.total_tokens,
        found.prompt_tokens_details,
        found.completion_tokens_details,
    )


def _usage(prompt: int, output: int, total: int, into: _In, out: _Out) -> Usage | None:
    cached = into.cached_tokens
    if total != prompt + output or cached > prompt or into.cache_write_tokens or into.audio_tokens or out.audio_tokens:
        return None
    return Usage(prompt - cached, cached, 0, 0, output, min(output, out.reasoning_tokens))
