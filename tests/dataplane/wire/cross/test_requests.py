"""Every recorded request, translated for every other dialect: the real provider would take it, or it is refused for a known reason."""

import json
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.dataplane.wire import CODECS, PathSays, Target
from tests.dataplane.wire.cross.accepted import objections
from tests.dataplane.wire.cross.corpus import SHORT, Asking, apis, by_api, requests
from tests.dataplane.wire.cross.explained import Problem, idle, table, unexplained
from tests.dataplane.wire.cross.road import read, translation
from tests.dataplane.wire.cross.targets import TARGETS

_ALSO = {
    ("openai.chat", "reasoning_effort"): ("reasoning", "thinking", "enable_thinking", "thinking_budget"),
    ("openai.chat", "max_completion_tokens"): ("max_tokens",),
    ("openai.chat", "seed"): ("random_seed",),
    ("openai.chat", "parallel_tool_calls"): ("functions",),  # legacy: an answer holds one call
    ("openai.chat", "tools"): ("web_search_options",),
    ("anthropic.messages", "output_config"): ("output_format",),
    ("gemini.generate", "generationConfig"): ("responseJsonSchema", "response_mime_type"),
    ("bedrock.converse", "additionalModelRequestFields"): (
        "inferenceConfig",
        "reasoning_config",
        "reasoningConfig",
        "outputConfig",
    ),
}
"""Other members that say the same: a path has the newest of OpenAI's names, or the one of Claude's."""


def _problems_of(asking: Asking, target: Target) -> Iterator[str]:
    try:
        made = translation(read(asking.dialect, asking.raw, asking.path), target)
    except (BadRequest, Unsupported) as exc:
        where = "" if isinstance(exc.details.get("param"), str) else "without a path: "
        yield f"refused: {where}{exc.message}"
        return
    yield from objections(json.loads(made.body), target)
    yield from (f"no path of the client: {drop.what}" for drop in made.report.drops if not _is_path(drop.what, asking))


def _is_path(what: str, asking: Asking) -> bool:
    """Whether it leads into the client's request, down to a list whose elements go by their names and kinds."""
    value: Any = asking.body
    for step in what.split("."):
        if isinstance(value, list):
            return True
        if step not in value:
            others = _ALSO.get((asking.dialect, what.partition(".")[0]), ())
            return any(f'"{other}"'.encode() in asking.raw for other in others)
        value = value[step]
        if not isinstance(value, dict | list):
            return True
    return True


@cache
def _judged(api: str, dialect: str, other: str) -> tuple[Problem, ...]:
    return tuple(
        Problem(f"{api}: {SHORT[dialect]} → {target.provider}/{target.model}", asking.name, words)
        for asking in requests(api, dialect)
        for target in TARGETS[other]
        for words in _problems_of(asking, target)
    )


@pytest.mark.parametrize(("api", "dialect", "other"), by_api())
def test_what_is_written_is_what_its_provider_takes(api: str, dialect: str, other: str) -> None:
    """Vendors' own APIs and somebody unknown, by the rules of `accepted`; what was left out is named in the client's words."""
    assert requests(api, dialect)
    assert unexplained("requests", _judged(api, dialect, other)) == []


def test_each_exception_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """What has become right is taken out of exceptions.json. Prints the counts."""
    found: list[Problem] = []
    cells: dict[tuple[str, str], tuple[int, int]] = {}
    for dialect in CODECS:
        for api, other in product(apis(dialect), CODECS):
            if other == dialect:
                continue
            problems = _judged(api, dialect, other)
            count = len(requests(api, dialect)) * len(TARGETS[other])
            row = f"{api}.{SHORT[dialect]}" if api == "own" else api
            cells[row, SHORT[other]] = (count - len({(one.file, one.place) for one in problems}), count)
            found += problems
    table("requests accepted without objection, of those translated (each for 3 or 4 providers)", cells, capsys)
    assert idle("requests", found) == []


@pytest.mark.parametrize("other", [one for one in CODECS if one != "openai.responses"], ids=SHORT.get)
def test_a_stored_prompt_alone_is_refused(other: str) -> None:
    """Only its provider knows the words; an answer to nothing would cost, and be taken for one to the prompt."""
    raw = json.dumps({"model": "m", "prompt": {"id": "pmpt_1", "variables": {"city": "Bern"}}}).encode()
    with pytest.raises((BadRequest, Unsupported)):
        translation(read("openai.responses", raw, PathSays()), TARGETS[other][0])


@pytest.mark.parametrize(("api", "dialect", "other"), by_api())
def test_strict_refuses_exactly_what_would_be_reported(api: str, dialect: str, other: str) -> None:
    """`translation: strict` raises for the first loss that the same request would have reported, and else changes nothing."""
    for asking in requests(api, dialect):
        for target in (TARGETS[other][0], TARGETS[other][-1]):
            try:
                loose = translation(read(dialect, asking.raw, asking.path), target)
            except (BadRequest, Unsupported):
                continue
            strict = _strictly(asking, target)
            if loose.report.drops:
                assert strict == loose.report.drops[0].what, asking.name
            else:
                assert strict == loose.body, asking.name


def _strictly(asking: Asking, target: Target) -> str | bytes:
    """The body in strict mode, or what it was refused for."""
    try:
        return translation(read(asking.dialect, asking.raw, asking.path), target, is_strict=True).body
    except Unsupported as exc:
        return str(exc.details["param"])
