"""Would the real provider take this request? Asked of all who know: the rules of a mock of the shared fixtures, the official SDKs'
types, AWS's service model. Each is asked where it is there; the SDKs are always.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import orjson

from gateway.dataplane.wire import Target
from tests.dataplane.providers.shared import SHARED
from tests.dataplane.wire.converse.shapes import FILE as SHAPES
from tests.dataplane.wire.converse.shapes import problems
from tests.dataplane.wire.cross.corpus import SHORT
from tests.dataplane.wire.cross.fits import misfits

_MOCK = SHARED / "acceptance" / "mock_agent.py"


_SAMPLING = re.compile(r"\$\.(temperature|top_p|top_k): unknown")
_THINKING = re.compile(r"\$\.(thinking|messages\[\d+\]\.reasoning_content): unknown")
_BEYOND: dict[str, Callable[[str, Target], bool]] = {
    "openai.responses": lambda words, target: False,
    "openai.chat": lambda words, target: target.vendor == "deepseek" and bool(_THINKING.match(words)),
    "anthropic.messages": lambda words, target: target.model != "claude-opus-4-8" and bool(_SAMPLING.match(words)),
}
"""What an API takes beyond the SDK's types: DeepSeek's own members; sampling, which Anthropic's types left out with the newest
models."""


def objections(body: dict[str, Any], target: Target) -> list[str]:
    """What is wrong with a request body; [] when the provider takes it."""
    return [*_rules(body, target), *_types(body, target)]


@cache
def _mock() -> Any:
    if not _MOCK.exists():
        return None
    spec = importlib.util.spec_from_file_location("mock_agent", _MOCK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rules(body: dict[str, Any], target: Target) -> Iterator[str]:
    mock = _mock()
    if mock is None:
        return
    kind = {"gemini.generate": "gemini"}.get(target.dialect, SHORT[target.dialect])
    view = mock.View(kind, body, False, target.model, {}, target.provider == "vertex")
    try:
        getattr(view, f"see_{kind}")()
    except mock.Bad as exc:
        yield f"rule: {exc}"
    yield from (f"tolerated: {words}" for words in view.warn)


def _types(body: dict[str, Any], target: Target) -> Iterator[str]:
    if target.dialect == "gemini.generate":
        yield from _google(body)
    elif target.dialect == "bedrock.converse":
        yield from _aws(body)
    else:
        found = misfits(body, _params()[target.dialect, body.get("stream") is True])
        yield from (f"type: {words}" for words in found if not _BEYOND[target.dialect](words, target))


@cache
def _params() -> dict[tuple[str, bool], Any]:
    from anthropic.types import message_create_params as messages
    from openai.types.chat import completion_create_params as chat
    from openai.types.responses import response_create_params as responses

    return {
        ("openai.responses", False): responses.ResponseCreateParamsNonStreaming,
        ("openai.responses", True): responses.ResponseCreateParamsStreaming,
        ("openai.chat", False): chat.CompletionCreateParamsNonStreaming,
        ("openai.chat", True): chat.CompletionCreateParamsStreaming,
        ("anthropic.messages", False): messages.MessageCreateParamsNonStreaming,
        ("anthropic.messages", True): messages.MessageCreateParamsStreaming,
    }


def _google(body: dict[str, Any]) -> Iterator[str]:
    from google.genai import types
    from pydantic import ValidationError

    members = {
        "contents": (types.Content, True),
        "systemInstruction": (types.Content, False),
        "tools": (types.Tool, True),
        "toolConfig": (types.ToolConfig, False),
        "safetySettings": (types.SafetySetting, True),
        "generationConfig": (types.GenerationConfig, False),
    }
    for name, value in body.items():
        if name not in members:
            if name not in ("cachedContent", "labels"):
                yield f"type: $.{name}: unknown"
            continue
        kind, is_list = members[name]
        for one in value if is_list else [value]:
            try:
                kind.model_validate_json(orjson.dumps(one))
            except ValidationError as exc:
                first = exc.errors()[0]
                yield f"type: $.{name}.{'.'.join(map(str, first['loc']))}: {first['msg']}: {str(first['input'])[:60]}"


@cache
def _botocore() -> Any:
    import botocore.session

    model = botocore.session.get_session().get_service_model("bedrock-runtime")
    return model.operation_model("Converse").input_shape


def _aws(body: dict[str, Any]) -> Iterator[str]:
    from botocore.validate import ParamValidator

    report = ParamValidator().validate({"modelId": "m", **body}, _botocore())
    if report.has_errors():
        yield f"type: {report.generate_report()[:200]}"
    if SHAPES.exists():
        yield from (f"shape: {words}" for words in problems(body, "ConverseRequest"))
