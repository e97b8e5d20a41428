"""Calls that wait for their results (traps 10, 12)."""

from gateway.dataplane.wire.translate.waiting import Waiting


def test_what_is_taken_waits_no_more() -> None:
    """By id, by name, or as the first of all; in their order."""
    waiting = Waiting()
    for call_id, name in (("a", "f"), ("b", "g"), ("c", "f"), ("d", "g")):
        waiting.add(call_id, name)
    assert waiting.by_id("b") == "b"
    assert waiting.by_id("b") == ""
    assert waiting.by_name("g") == "d"
    assert waiting.by_name("g") == ""
    assert waiting.first() == "a"
    assert waiting.by_name("f") == "c"
    assert waiting.first() == ""


def test_a_call_may_be_shown_under_another_id() -> None:
    """Of calls with one id, the first is taken first."""
    waiting = Waiting()
    waiting.add("1", "f", "same")
    waiting.add("2", "f", "same")
    assert [waiting.by_id("same"), waiting.by_id("1"), waiting.by_id("same"), waiting.first()] == ["1", "", "2", ""]
