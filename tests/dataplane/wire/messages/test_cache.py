"""Prompt-cache breakpoints: kept, moved, limited, ordered, and set by ourselves for clients that know none. Traps 33 and 57."""

from typing import Any

import pytest

from gateway.dataplane.wire.canon import Media, Message, Reasoning, Tool, ToolCall, ToolResult
from tests.dataplane.wire.messages.turns import read, said, target, text, turn, written

SHORT = {"type": "ephemeral"}
HOUR = {"type": "ephemeral", "ttl": "1h"}
FUNCTION = Tool(kind="function", name="f", schema={"type": "object"})


def marks(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """(path, cache_control) of every breakpoint, in the order of the prompt."""
    found: list[tuple[str, Any]] = []

    def look(value: Any, path: str) -> None:
        if isinstance(value, dict):
            if "cache_control" in value:
                found.append((path, value["cache_control"]))
            for name, one in value.items():
                look(one, f"{path}.{name}")
        elif isinstance(value, list):
            for at, one in enumerate(value):
                look(one, f"{path}[{at}]")

    for name in ("tools", "system", "messages"):
        look(body.get(name), name)
    return found


def test_marks_are_kept_on_every_kind_of_block() -> None:
    """Complaint 20: on calls, results, images, tools and system too."""
    call = ToolCall(id="c", name="f", arguments="{}", cache="5m")
    result = ToolResult(call_id="c", parts=[text("x")], is_plain=True, cache="5m")
    body, _ = written(
        turn(
            said("user", Media(kind="image", url="https://x/y", cache="5m")),
            said("assistant", call),
            said("tool", result),
            tools=[Tool(kind="function", name="f", schema={"type": "object"}, cache="1h")],
        )
    )
    assert marks(body) == [
        ("tools[0]", HOUR),
        ("messages[0].content[0]", SHORT),
        ("messages[1].content[0]", SHORT),
        ("messages[2].content[0]", SHORT),
    ]


def test_at_most_four_the_last_ones() -> None:
    """They cover what the earlier ones do."""
    body, _ = written(turn(said("user", *(text(str(at), cache="5m") for at in range(7)))))
    assert [path for path, _ in marks(body)] == [f"messages[0].content[{at}]" for at in (3, 4, 5, 6)]


def test_the_automatic_breakpoint_takes_one_place() -> None:
    """`cache_control` at the top of a request counts too."""
    content = [{"type": "text", "text": str(at), "cache_control": SHORT} for at in range(5)]
    body, _ = written(read(max_tokens=1, cache_control=SHORT, messages=[{"role": "user", "content": content}]))
    assert body["cache_control"] == SHORT
    assert len(marks(body)) == 3


def test_an_hour_never_follows_five_minutes() -> None:
    """The API refuses that order."""
    body, _ = written(
        turn(said("user", text("a", cache="1h"), text("b", cache="5m"), text("c", cache="1h"), text("d", cache="1h")))
    )
    assert [mark for _, mark in marks(body)] == [HOUR, SHORT, SHORT, SHORT]


@pytest.mark.parametrize(
    ("message", "at"),
    [
        (said("user", "a", "b", text("", cache="5m")), 1),
        (said("user", text(" ", cache="5m"), "a", "b"), 0),
        (said("user", "a", text("b"), cache="5m"), 1),
    ],
)
def test_the_mark_of_an_empty_block_moves(message: Message, at: int) -> None:
    """`cache_control cannot be set for empty text blocks`: to the block before, else to the next; a message's own to its last."""
    body, _ = written(turn(message))
    assert marks(body) == [(f"messages[0].content[{at}]", SHORT)]


def test_thinking_takes_no_mark() -> None:
    """Its breakpoint goes to the nearest block that takes one."""
    thought = Reasoning(text="hm", signature="s", origin="anthropic", cache="5m")
    body, _ = written(turn(said("user", "Hi"), said("assistant", thought, "Yes."), said("user", "So?")))
    assert marks(body) == [("messages[1].content[1]", SHORT)]


def test_an_agent_that_knows_no_cache_gets_breakpoints() -> None:
    """After tools, system, and the last two turns of the user: Codex on Claude would pay the whole prompt at each step."""
    body, _ = written(
        turn(
            said("developer", "You are an agent."),
            said("user", "Do it."),
            said("assistant", ToolCall(id="c1", name="f", arguments="{}")),
            said("tool", ToolResult(call_id="c1", parts=[text("x")], is_plain=True)),
            said("assistant", ToolCall(id="c2", name="f", arguments="{}")),
            said("tool", ToolResult(call_id="c2", parts=[text("y")], is_plain=True)),
            tools=[FUNCTION, Tool(kind="function", name="g", schema={"type": "object"})],
        )
    )
    assert marks(body) == [
        ("tools[1]", SHORT),
        ("system[0]", SHORT),
        ("messages[2].content[0]", SHORT),
        ("messages[4].content[0]", SHORT),
    ]


def test_a_single_question_is_not_cached() -> None:
    """Writing the cache costs a quarter more, and nobody would read it."""
    assert marks(written(turn(said("system", "Be brief."), said("user", "Hi")))[0]) == []


@pytest.mark.parametrize(
    ("more", "to"),
    [
        ({}, target("glm-4.6", "zai")),
        ({"dialect": "anthropic.messages", "max_output_tokens": 1}, target()),
    ],
)
def test_nobody_else_gets_breakpoints(more: dict[str, Any], to: Any) -> None:
    """Not an imitation, and not a client that could have set its own."""
    assert marks(written(turn(said("user", "Hi"), tools=[FUNCTION], **more), to)[0]) == []


def test_a_clients_own_marks_are_all_there_is() -> None:
    """Where a foreign client marks (Bedrock's cachePoint), nothing is added."""
    body, _ = written(turn(said("user", text("Hi", cache="5m")), tools=[FUNCTION]))
    assert marks(body) == [("messages[0].content[0]", SHORT)]
