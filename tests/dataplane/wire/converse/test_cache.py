"""Cache marks become cache points on every kind of block; clients that have none get some. COMPLAINTS 20; trap 57."""

from typing import Any

import pytest

from gateway.dataplane.wire.canon import Media, Message, Reasoning, Text, Turn
from tests.dataplane.wire.converse.cases import (
    LLAMA,
    NOVA,
    SONNET,
    call,
    function,
    message,
    result,
    said,
    turn,
    user,
    written,
)

POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}


def places(body: dict[str, Any]) -> list[str]:
    """Where points stand: after which block."""
    found = []
    lists = [("tools", body.get("toolConfig", {}).get("tools", [])), ("system", body.get("system", []))]
    lists += [(f"{at}", one["content"]) for at, one in enumerate(body["messages"])]
    for name, blocks in lists:
        for before, after in zip([{"nothing": 0}, *blocks], blocks, strict=False):
            if "cachePoint" in after:
                ttl = after["cachePoint"].get("ttl", "")
                found.append(f"{name}:{next(iter(before))}{':' + ttl if ttl else ''}")
    return found


def _marked() -> Turn:
    image = Media(kind="image", mime="image/png", data="AAAA", cache="5m")
    return turn(
        user("a", image),
        said(Reasoning(text="t", signature="s", origin="anthropic"), call()),
        user(result(cache="5m")),
        dialect="anthropic.messages",
        tools=[function("f", cache="1h"), function("g")],
        instructions=message("system", Text(text="x", cache="1h"), "y"),
    )


def test_marks_are_kept_on_every_kind_of_block_20() -> None:
    body, drops = written(_marked())
    assert places(body) == ["tools:toolSpec:1h", "system:text:1h", "0:image", "2:toolResult"]
    assert drops == []


def test_a_call_and_a_document_can_be_marked_20() -> None:
    document = Media(kind="document", mime="application/pdf", data="AAAA", cache="5m")
    marked = call()
    marked.cache = "5m"
    asked = turn(user("a", document), said(marked), user(result()), dialect="anthropic.messages", tools=[function()])
    assert places(written(asked)[0]) == ["0:document", "1:toolUse"]


def test_a_message_can_be_marked_as_a_whole() -> None:
    asked = turn(user("a", "b", cache="5m"), dialect="anthropic.messages")
    assert places(written(asked)[0]) == ["0:text"]


def test_thoughts_are_not_marked() -> None:
    thought = Reasoning(text="t", signature="s", origin="anthropic", cache="5m")
    asked = turn(user("a"), said(thought, "x"), user("b"), dialect="anthropic.messages")
    assert places(written(asked)[0]) == []


def test_what_a_model_does_not_take_is_reported() -> None:
    body, drops = written(_marked(), LLAMA)
    assert places(body) == []
    assert "cache_control;no_prompt_cache_with_this_model" in drops
    assert places(written(_marked(), NOVA)[0]) == ["system:text", "0:image", "2:toolResult"]
    three = "anthropic.claude-3-7-sonnet-20250219-v1:0"  # knows no hour
    assert places(written(_marked(), three)[0])[:2] == ["tools:toolSpec", "system:text"]


def test_what_lives_longer_comes_first_57() -> None:
    asked = turn(user(Text(text="a", cache="5m"), Text(text="b", cache="1h")), dialect="anthropic.messages")
    assert places(written(asked)[0]) == ["0:text", "0:text"]


def test_at_most_four_57() -> None:
    parts = [Text(text=str(at), cache="5m") for at in range(6)]
    asked = turn(
        user(*parts), dialect="anthropic.messages", tools=[function(cache="5m")], instructions=message("system", "x")
    )
    body, drops = written(asked)
    assert places(body) == ["tools:toolSpec", "0:text", "0:text", "0:text"]
    assert body["messages"][0]["content"][-1] == POINT
    assert drops == ["cache_control;more_than_4"]


@pytest.mark.parametrize("dialect", ["openai.responses", "openai.chat", "gemini.generate"])
def test_agents_without_marks_get_points_57(dialect: str) -> None:
    asked = turn(
        user("a"),
        said(call()),
        message("tool", result()),
        dialect=dialect,
        tools=[function()],
        instructions=message("system", "x"),
    )
    assert places(written(asked, SONNET)[0]) == ["tools:toolSpec", "system:text", "2:toolResult"]
    assert places(written(asked, NOVA)[0]) == ["system:text", "0:text", "2:toolResult"]
    assert places(written(asked, LLAMA)[0]) == []


def test_a_long_last_turn_gets_a_point_where_it_began() -> None:
    calls = [call(f"c{at}") for at in range(10)]
    results = [result(f"c{at}") for at in range(10)]
    history: list[Message] = [user("a"), said(*calls), message("tool", *results)]
    asked = turn(*history, tools=[function()])
    assert places(written(asked)[0]) == ["tools:toolSpec", "0:text", "2:toolResult"]


def test_a_single_question_is_not_worth_a_write() -> None:
    assert places(written(turn(user("a"), instructions=message("system", "x")))[0]) == []


def test_a_client_that_could_have_marked_is_left_alone() -> None:
    asked = turn(user("a"), said("b"), user("c"), dialect="anthropic.messages", tools=[function()])
    assert places(written(asked)[0]) == []
