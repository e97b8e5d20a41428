"""Do the official SDKs' types take what a client gets? Each event, or the whole answer, is validated and not only constructed."""

from functools import cache
from typing import Any, get_args

import orjson
from pydantic import BaseModel, ValidationError

from tests.dataplane.wire.converse.shapes import FILE, problems
from tests.dataplane.wire.cross.heard import Frames


def rejected(dialect: str, found: Frames) -> list[str]:
    """What the SDK of a stream's dialect does not take; [] for Converse, whose grammar asks AWS's shapes."""
    if dialect == "bedrock.converse":
        return []
    return [words for name, data in found if (words := _problem(_event_type(dialect, name, data), data))]


def rejected_whole(dialect: str, body: dict[str, Any]) -> list[str]:
    """What the SDK does not take of a whole answer."""
    if dialect == "bedrock.converse":
        return list(problems(body, "ConverseResponse")) if FILE.exists() else []
    words = _problem(_whole_types()[dialect], body)
    return [words] if words else []


def _problem(kind: type[BaseModel] | None, data: Any) -> str:
    if kind is None or not isinstance(data, dict):
        return "" if data == "[DONE]" or kind is not None else f"no type for {str(data)[:60]}"
    if usage := data.get(
        "usageMetadata"
    ):  # Google tells the tier here; its SDK picks what it knows, the type takes no more
        data = {**data, "usageMetadata": {name: value for name, value in usage.items() if name != "serviceTier"}}
    try:
        kind.model_validate_json(orjson.dumps(data))
    except ValidationError as exc:
        first = exc.errors()[0]
        return f"{kind.__name__}.{'.'.join(map(str, first['loc']))}: {first['msg']}: {str(first['input'])[:60]}"
    return ""


def _event_type(dialect: str, name: str, data: Any) -> type[BaseModel] | None:
    if (
        isinstance(data, dict)
        and "error" in data
        and dialect in ("openai.chat", "gemini.generate", "anthropic.messages")
    ):
        return _Anything
    return _event_types(dialect).get(name if dialect in ("openai.responses", "anthropic.messages") else "")


class _Anything(BaseModel):
    """An error: the SDKs raise on it before they look closer."""


@cache
def _event_types(dialect: str) -> dict[str, type[BaseModel]]:
    if dialect == "openai.responses":
        from openai.types.responses import ResponseStreamEvent

        return _tagged(get_args(get_args(ResponseStreamEvent)[0]))
    if dialect == "openai.chat":
        from openai.types.chat import ChatCompletionChunk

        return {"": ChatCompletionChunk}
    if dialect == "anthropic.messages":
        from anthropic.types import RawMessageStreamEvent

        return {**_tagged(get_args(get_args(RawMessageStreamEvent)[0])), "ping": _Anything}
    return {"": _whole_types()[dialect]}


def _tagged(kinds: Any) -> dict[str, type[BaseModel]]:
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in kinds}


@cache
def _whole_types() -> dict[str, type[BaseModel]]:
    from anthropic.types import Message
    from google.genai.types import GenerateContentResponse
    from openai.types.chat import ChatCompletion
    from openai.types.responses import Response

    return {
        "openai.responses": Response,
        "openai.chat": ChatCompletion,
        "anthropic.messages": Message,
        "gemini.generate": GenerateContentResponse,
    }
