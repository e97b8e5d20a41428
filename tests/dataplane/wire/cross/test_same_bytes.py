"""Equal requests become equal bytes, also in another process; and a turn that continues another shares all of it as its prefix, for
providers read their prompt caches by the prefix (traps 57, 58).

Compared is the body from its first byte to the end of its last message, without the bracket that closes the list: so everything
before the conversation (model, instructions, tools) must be equal too, and so must what stands after it (thinking). Cache marks are taken out of both first, since
they move with the end of the conversation: members `cache_control` (Messages), blocks `cachePoint` (Converse); the other dialects
have none.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.dataplane.wire import CODECS, Target, Translation
from tests.dataplane.wire.cross.asking import body_of
from tests.dataplane.wire.cross.corpus import RECORDED, SHORT, Asking, requests
from tests.dataplane.wire.cross.digest import digest
from tests.dataplane.wire.cross.road import read, translation
from tests.dataplane.wire.cross.targets import TARGETS
from tests.dataplane.wire.cross.test_reasoning import ANSWERS, cases, maker_of
from tests.dataplane.wire.cross.thoughts import CALLS, next_turn, with_thinking
from tests.harness import ROOT

_MESSAGES = {
    "openai.responses": "input",
    "openai.chat": "messages",
    "anthropic.messages": "messages",
    "gemini.generate": "contents",
    "bedrock.converse": "messages",
}
_SESSIONS = {
    "openai.responses": (
        "codex",
        ("custom-loop-gpt-5.5.step4", "custom-loop-gpt-5.step4", "custom-loop-gpt-6.1-sol.step4"),
    ),
    "anthropic.messages": ("claude-code", ("post-messages-loop.step4",)),
    "gemini.generate": ("gemini-cli", ("post-streamGenerateContent-loop.step4",)),
}


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_another_process_makes_the_same_bytes(seed: str) -> None:
    """With another order of sets and dicts by hash."""
    command = [sys.executable, "-m", "tests.dataplane.wire.cross.digest"]
    environ = {**os.environ, "PYTHONHASHSEED": seed}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=True)
    count, made = done.stdout.split()
    assert (int(count), made) == digest()
    assert int(count) >= 100


def _sessions() -> list[Any]:
    absent = pytest.mark.skipif(not RECORDED.exists(), reason="NOT RUN: the shared fixtures are absent")
    found = [("own", dialect, f"{SHORT[dialect]}-loop") for dialect in CODECS]
    found += [(api, dialect, name) for dialect, (api, names) in _SESSIONS.items() for name in names]
    return [
        pytest.param(*one, other, id=f"{one[2]}-to-{SHORT[other]}", marks=() if one[0] == "own" else absent)
        for one in found
        for other in CODECS
        if other != one[1]
    ]


def _turns(asking: Asking) -> list[dict[str, Any]]:
    """The requests of a session that ends with `asking`: one before each answer of the model."""
    member = _MESSAGES[asking.dialect]
    messages: list[Any] = asking.body[member]
    sides = ["model" if _is_models(one) else "user" for one in messages] + ["model"]
    ends = [at for at in range(1, len(sides)) if sides[at - 1 : at + 1] == ["user", "model"]]
    return [{**asking.body, member: messages[:at]} for at in ends]


def _is_models(message: dict[str, Any]) -> bool:
    kind = message.get("type", "message")
    return message.get("role") in ("assistant", "model") or kind == "reasoning" or kind.endswith("_call")


def _without_thinking(body: dict[str, Any]) -> dict[str, Any]:
    asks = (
        "reasoning",
        "reasoning_effort",
        "thinking",
        "context_management",
        "output_config",
        "additionalModelRequestFields",
    )
    config = {k: v for k, v in body.get("generationConfig", {}).items() if k != "thinkingConfig"}
    return {k: v for k, v in body.items() if k not in asks} | ({"generationConfig": config} if config else {})


def _unmarked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _unmarked(one) for name, one in value.items() if name != "cache_control"}
    if isinstance(value, list):
        return [_unmarked(one) for one in value if not (isinstance(one, dict) and one.keys() == {"cachePoint"})]
    return value


@pytest.mark.parametrize(("api", "dialect", "name", "other"), _sessions())
def test_each_turn_is_the_prefix_of_the_next(api: str, dialect: str, name: str, other: str) -> None:
    """A session that uses tools, as its client sent it; but it asks for no thinking, since Claude's is switched off once a history
    has calls without thinking (trap 17), and these were recorded with a mock that signs none."""
    (asking,) = [one for one in requests(api, dialect) if one.name == name]
    turns = [_without_thinking(body) for body in _turns(asking)]
    for target in TARGETS[other]:
        _check([translation(read(dialect, json.dumps(body).encode(), asking.path), target) for body in turns], target)


def _check(exchanges: Sequence[Translation], target: Target) -> None:
    """That each body continues the one before it."""
    member = _MESSAGES[target.dialect]
    before, rest = "", None
    assert len(exchanges) >= 2
    for exchange in exchanges:
        body = _unmarked(json.loads(exchange.body))
        text = _to_the_last_message(body, member)
        others = {name: value for name, value in body.items() if name != member}
        assert text.startswith(before), f"{target.model}: {_difference(before, text)}"
        assert len(text) > len(before)
        assert rest in (None, others), target.model
        before, rest = text, others


@pytest.mark.parametrize(("name", "client", "is_terse"), cases())
def test_a_session_with_reasoning_keeps_its_prefix(name: str, client: str, is_terse: bool) -> None:
    """Three turns of thinking and calls, each given back by its client."""
    maker = maker_of(name)
    body, path = body_of(client, CALLS, is_stream=False)
    body, exchanges = with_thinking(client, body), []
    for turn in "abc":
        exchanges.append(translation(read(client, json.dumps(body).encode(), path), maker))
        answer = re.sub(r'"(call|toolu|tooluse|rs|fc|msg)_', rf'"\1_{turn}', json.dumps(ANSWERS[name][1]))
        body = next_turn(client, body, json.loads(exchanges[-1].whole(answer.encode())), is_terse=is_terse)
    _check(exchanges, maker)


def _to_the_last_message(body: dict[str, Any], member: str) -> str:
    names = list(body)
    text = json.dumps({name: body[name] for name in names[: names.index(member) + 1]}, ensure_ascii=False)
    assert text.endswith("]}")
    return text[:-2]


def _difference(before: str, text: str) -> str:
    at = next((at for at, (one, other) in enumerate(zip(before, text, strict=False)) if one != other), len(text))
    return f"differs at {at} of {len(before)}: {before[max(0, at - 80) : at + 60]!r} became {text[max(0, at - 80) : at + 60]!r}"
