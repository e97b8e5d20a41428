"""What the guard of an answer holds back does not stop the provider: the native client is told that it was read."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.base.config import GuardrailsConfig
from gateway.base.config.schema.guardrails import SecretsConfig, ToolCallsConfig
from gateway.dataplane.flow.guarded import passed_on
from gateway.dataplane.guard.answer import AnswerRules
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.redact import Marks
from tests.dataplane.guard.answer.streams import call, text, written

WINDOW_BYTES = 1 << 20
"""How much the native client reads ahead of what it is told to have left."""


def no_scan() -> Any:
    raise AssertionError("nothing is looked for in words")


@pytest.mark.parametrize("pieces", [1, 2, 40], ids=["at once", "in two", "event by event"])
def test_what_is_held_leaves_room_in_the_window(pieces: int) -> None:
    """Also of a chunk whose beginning goes on at once: a busy loop is given much of an answer in one piece."""
    config = GuardrailsConfig(secrets=SecretsConfig(mode="off"), tool_calls=ToolCallsConfig(mode="block"))
    rules = AnswerRules.of(config, Marks(b"k" * 32), no_scan)
    assert rules is not None
    said = json.dumps({"path": "a", "text": "some words here " * 100_000})
    stream = written(
        "anthropic.messages",
        text("I will."),
        call("Write", *(said[n : n + 30_000] for n in range(0, len(said), 30_000))),
    )
    events = stream[:-3]
    acknowledged: list[int] = []
    relay: Any = SimpleNamespace(
        guard=rules.guard(Inspection(), "anthropic.messages"), upstream=1,
        client=SimpleNamespace(ack=lambda upstream, count: acknowledged.append(count)),
    )  # fmt: skip
    step = -(-len(events) // pieces)
    chunks = [b"".join(events[at : at + step]) for at in range(0, len(events), step)]
    left = sum(len(passed_on(relay, chunk)) for chunk in chunks)
    read = sum(map(len, chunks))
    assert left < 10_000 < WINDOW_BYTES < read
    assert read - left - sum(acknowledged) < WINDOW_BYTES / 2
