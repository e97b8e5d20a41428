"""Conversations become what strict providers take (traps 6, 8, 10, 12)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.dataplane.wire.canon import Message, Opaque, Reasoning, Text, ToolCall, ToolResult
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.arrange import arrange
from tests.dataplane.wire.translate.canon_cases import call, result, said, tool, turn, user


def arranged(*messages: Message, report: Report | None = None) -> list[Message]:
    given = turn(*messages)
    before = repr(given)
    out = arrange(given, report or Report())
    assert repr(given) == before, "the given turn was changed"
    assert arrange(out, Report()) is out, "arranging twice changes more"
    return out.messages


MISSING = "This call has no result: it was interrupted, or its result was not kept."


def missing(call_id: str, name: str = "f", **more) -> ToolResult:
    return ToolResult(call_id=call_id, parts=[Text(text=MISSING)], name=name, is_error=True, is_plain=True, **more)


TABLE = {
    "in order already": (
        [user("q"), said("a", call("1")), tool(result("1")), said("b")],
        [user("q"), said("a", call("1")), tool(result("1")), said("b")],
    ),
    "items of one answer become one message (Responses)": (
        [said(Reasoning(signature="s")), said("a"), said(call("1")), said(call("2")), tool(result("1")), tool(result("2"))],
        [said(Reasoning(signature="s"), "a", call("1"), call("2")), tool(result("1"), result("2"))],
    ),
    "trap 6: results follow the order of the calls, before any text": (
        [said(call("1"), call("2")), user("look", result("2"), result("1"), "now")],
        [said(call("1"), call("2")), tool(result("1"), result("2")), user("look", "now")],
    ),
    "trap 6: a missing result is said": (
        [said(call("1"), call("2", "g")), tool(result("2")), user("q")],
        [said(call("1"), call("2", "g")), tool(missing("1"), result("2")), user("q")],
    ),
    "a call at the end is answered as well: no provider takes it otherwise": (
        [user("q"), said(call("1", kind="custom"))],
        [user("q"), said(call("1", kind="custom")), tool(missing("1", kind="custom"))],
    ),
    "trap 8: words between call and result follow it": (
        [said(call("1")), user("wait"), Message(role="developer", parts=[Text(text="d")]), tool(result("1"))],
        [said(call("1")), tool(result("1")), user("wait"), Message(role="developer", parts=[Text(text="d")])],
    ),
    "words of the assistant between call and result stand before the call": (
        [said(call("1")), said("so"), tool(result("1"))],
        [said("so", call("1")), tool(result("1"))],
    ),
    "a signature goes with the words that it is bound to": (
        [said(call("1"), Reasoning(signature="s", is_bound=True), "so"), tool(result("1"))],
        [said(Reasoning(signature="s", is_bound=True), "so", call("1")), tool(result("1"))],
    ),
    "reasoning between calls keeps its place": (
        [said(call("1"), Reasoning(text="r"), call("2")), tool(result("1"), result("2"))],
        [said(call("1"), Reasoning(text="r"), call("2")), tool(result("1"), result("2"))],
    ),
    "calls one after the other stay two steps": (
        [said(call("1")), tool(result("1")), said(call("2")), tool(result("2"))],
        [said(call("1")), tool(result("1")), said(call("2")), tool(result("2"))],
    ),
    "a result that stands before its call": (
        [tool(result("1")), said(call("1"))],
        [said(call("1")), tool(result("1"))],
    ),
    "answers that only a result of another separated become one": (
        [said(call("1")), user("u"), said("a"), tool(result("1")), said("b")],
        [said(call("1")), tool(result("1")), user("u"), said("a", "b")],
    ),
    "trap 10: ids that start anew in each answer": (
        [said(call("c0")), tool(result("c0", "x")), said(call("c0")), tool(result("c0", "y"))],
        [said(call("c0")), tool(result("c0", "x")), said(call("c0_2")), tool(result("c0_2", "y"))],
    ),
    "trap 10: one id for two calls of an answer": (
        [said(call("c"), call("c")), tool(result("c", "x"), result("c", "y"))],
        [said(call("c"), call("c_2")), tool(result("c", "x"), result("c_2", "y"))],
    ),
    "trap 10: no ids at all: by order": (
        [said(call("", "f"), call("", "g")), tool(result("", "x"), result("", "y"))],
        [said(call("call_1", "f"), call("call_2", "g")), tool(result("call_1", "x"), result("call_2", "y"))],
    ),
    "trap 12: by name, then by order": (
        [said(call("", "f"), call("", "g"), call("", "f")),
         tool(result("", "g1", name="g"), result("", "f1", name="f"), result("", "f2", name="f"))],
        [said(call("call_1", "f"), call("call_2", "g"), call("call_3", "f")),
         tool(result("call_1", "f1", name="f"), result("call_2", "g1", name="g"), result("call_3", "f2", name="f"))],
    ),
    "trap 10: the item's id instead of the call's (Responses)": (
        [said(call("call_1", item_id="fc_1"), call("call_2", item_id="fc_2")), tool(result("fc_2", "y"), result("fc_1", "x"))],
        [said(call("call_1", item_id="fc_1"), call("call_2", item_id="fc_2")), tool(result("call_1", "x"), result("call_2", "y"))],
    ),
    "trap 10: unknown ids, as many as calls": (
        [said(call("a"), call("b")), tool(result("x", "1"), result("y", "2"))],
        [said(call("a"), call("b")), tool(result("a", "1"), result("b", "2"))],
    ),
    "the result takes the kind of its call": (
        [said(call("1", kind="custom")), tool(result("1"))],
        [said(call("1", kind="custom")), tool(result("1", kind="custom"))],
    ),
    "a cache breakpoint stays where it was": (
        [replace(said("a"), cache="5m"), said(call("1")), replace(user(result("1")), cache="1h"), user("q")],
        [said(Text(text="a", cache="5m"), call("1")), tool(result("1", cache="1h")), user("q")],
    ),
    "what is opaque stays": (
        [said(Opaque(kind="web_search_call", value={})), said("a"), user(Opaque(kind="x", value={}))],
        [said(Opaque(kind="web_search_call", value={}), "a"), user(Opaque(kind="x", value={}))],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE)
def test_arranged(case) -> None:
    """Each row: what a client sent, what a strict provider takes. Nothing is reported, for nothing is lost."""
    given, want = case
    report = Report()
    assert arranged(*given, report=report) == want
    assert report.drops == []


def words(of: str = "") -> Text:
    return Text(text=f"[Result of an earlier call of the tool{of}; the call itself is not shown]")


ORPHANS = {
    "no call at all": (
        [user("q"), tool(result("9", "out", name="ls"))],
        [user("q"), user(words(" `ls`"), "out")],
    ),
    "more results than calls": (
        [said(call("a")), tool(result("x", "1"), result("y", "2"))],
        [said(call("a")), tool(missing("a")), user(words(), "1", words(), "2")],
    ),
    "a name that no call has": (
        [said(call("", "f")), tool(result("", "1", name="g"))],
        [said(call("call_1", "f")), tool(missing("call_1")), user(words(" `g`"), "1")],
    ),
    "a second result that says something else": (
        [said(call("1")), tool(result("1", "x"), result("1", "y"))],
        [said(call("1")), tool(result("1", "x")), user(words(), "y")],
    ),
    "a JSON value": (
        [tool(ToolResult(call_id="1", parts=[], value={"a": 1}))],
        [user(words(), '{"a":1}')],
    ),
}


@pytest.mark.parametrize("case", ORPHANS.values(), ids=ORPHANS)
def test_trap_10_a_result_without_a_call_becomes_words_and_is_reported(case) -> None:
    """Nothing is silent."""
    given, want = case
    report = Report()
    found = arranged(*given, report=report)
    assert [(m.role, m.parts) for m in found] == [(m.role, m.parts) for m in want]
    assert {drop.why for drop in report.drops} == {"no_such_call"}


def test_a_result_that_is_repeated_is_dropped_and_reported() -> None:
    """A client's retry; its own item id does not make it another."""
    report = Report()
    found = arranged(said(call("1")), tool(result("1")), tool(result("1", item_id="fco_2")), report=report)
    assert found == [said(call("1")), tool(result("1"))]
    assert [drop.why for drop in report.drops] == ["duplicate"]


def test_what_needs_no_change_is_shared() -> None:
    """Copy on write: the same turn, or the same messages."""
    good = turn(user("q"), said("a", call("1")), tool(result("1")))
    assert arrange(good, Report()) is good
    half = turn(*good.messages, said(call("2")))
    out = arrange(half, Report())
    assert all(new is old for new, old in zip(out.messages, half.messages, strict=False))


@st.composite
def sessions(draw):
    """An agent's steps, as Responses items, Chat messages or Messages turns."""
    messages, starts = [], [0]
    for step in range(draw(st.integers(1, 6))):
        count = draw(st.integers(0, 3))
        ids = [draw(st.sampled_from([f"c{step}_{at}", "same", ""])) for at in range(count)]
        parts = [Text(text=f"t{step}"), *(call(one, f"f{at}") for at, one in enumerate(ids))]
        messages += [said(part) for part in parts] if draw(st.booleans()) else [said(*parts)]
        results = [result(one, f"r{step}{at}", name=f"f{at}") for at, one in enumerate(ids)]
        form = draw(st.sampled_from(["items", "tool", "user"]))
        if results and form == "items":
            messages += [tool(one) for one in results]
        elif results:
            messages.append(tool(*results) if form == "tool" else user(*results, "and"))
        messages.append(user(f"q{step}"))
        starts.append(len(messages))
    return messages, starts


@given(session=sessions())
@settings(max_examples=200, deadline=None)
def test_trap_58_a_longer_conversation_keeps_what_a_shorter_one_became(session) -> None:
    """So that the provider's prompt cache hits; and every rule holds whatever the client's form."""
    messages, starts = session
    whole = arranged(*messages)
    for end in starts[1:]:
        part = arranged(*messages[:end])
        assert whole[: len(part)] == part
    ids = [part.id for message in whole for part in message.parts if isinstance(part, ToolCall)]
    assert len(set(ids)) == len(ids)
    assert all(ids)
    for at, message in enumerate(whole):
        calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            after = whole[at + 1]
            assert [part.call_id for part in after.parts if isinstance(part, ToolResult)] == calls
            assert not any(part.is_error for part in after.parts if isinstance(part, ToolResult))
