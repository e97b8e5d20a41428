"""No word of a recorded request is lost on its way to another dialect, unless the report says that something was."""

import base64
import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.dataplane.wire import CODECS
from tests.dataplane.wire.cross.corpus import SHORT, apis, by_api, requests
from tests.dataplane.wire.cross.explained import Problem, idle, unexplained
from tests.dataplane.wire.cross.road import read, translation
from tests.dataplane.wire.cross.targets import TARGETS

_TEXTS = frozenset({"text", "content", "output", "instructions", "system", "refusal", "input"})
"""Members whose strings are words that somebody said, in any of the dialects."""
_THOUGHTS = frozenset({"reasoning", "thinking", "redacted_thinking"})
_OTHERS = frozenset(
    {
        "tools", "toolConfig", "text_format", "response_format", "output_config", "reasoning", "thinking", "metadata", "outputConfig",
        "generationConfig", "safetySettings", "additionalModelRequestFields", "inferenceConfig",
        # a call's arguments are JSON text in one dialect and an object in another
        "arguments", "toolUse", "functionCall", "functionResponse", "json",
    }
)  # fmt: skip


def _words(value: Any, member: str = "") -> Iterator[str]:
    """What people, models and tools said; no thoughts."""
    if isinstance(value, str):
        if member in _TEXTS and value.strip():
            yield value.strip()
    elif isinstance(value, list):
        for one in value:
            yield from _words(one, member)
    elif isinstance(value, dict):
        kind = value.get("type")
        if kind in _THOUGHTS or value.get("thought") or "reasoningContent" in value or "executableCode" in value:
            return
        is_call = kind in ("tool_use", "server_tool_use")
        for name, one in value.items():
            if name not in _OTHERS and not (is_call and name == "input"):
                yield from _words(one, name)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)


def _is_in(word: str, strings: str) -> bool:
    """Also as JSON text (a freeform call's input) and as base64 (a text that went as a document)."""
    return (
        word in strings
        or json.dumps(word, ensure_ascii=False)[1:-1] in strings
        or base64.b64encode(word.encode()).decode()[:-4] in strings
    )


@cache
def _lost(api: str, dialect: str, other: str) -> tuple[Problem, ...]:
    target = TARGETS[other][0]
    found = []
    for asking in requests(api, dialect):
        try:
            made = translation(read(dialect, asking.raw, asking.path), target)
        except (BadRequest, Unsupported):
            continue
        if made.report.drops:
            continue
        strings = "\0".join(_strings(json.loads(made.body)))
        place = f"{api}: {SHORT[dialect]} → {SHORT[other]}"
        found += [Problem(place, asking.name, word) for word in _words(asking.body) if not _is_in(word, strings)]
    return tuple(found)


@pytest.mark.parametrize(("api", "dialect", "other"), by_api())
def test_no_word_is_lost_in_silence(api: str, dialect: str, other: str) -> None:
    """What was said, and what tools gave, is in the provider's request."""
    assert unexplained("words", _lost(api, dialect, other)) == []


def test_each_exception_is_needed() -> None:
    """What has become right is taken out of exceptions.json."""
    found = [_lost(api, a, b) for a in CODECS for api, b in product(apis(a), CODECS) if a != b]
    assert idle("words", (problem for problems in found for problem in problems)) == []
