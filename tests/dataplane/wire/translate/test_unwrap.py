"""The bare input of a freeform tool comes out of its JSON byte by byte (trap 1)."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dataplane.wire.translate.unwrap import Unwrap, Wrap, unwrapped, wrapped
from tests.dataplane.wire.translate.canon_cases import pieces_of

PATCH = '*** Begin Patch\n*** Add File: a "b".txt\n+tab\there \\ and 😀 é\n*** End Patch\n'

CASES = [
    ('{"input":"hi"}', "hi"),
    (' \n{ "input" : "hi" } ', "hi"),
    (json.dumps({"input": PATCH}), PATCH),
    (json.dumps({"input": PATCH}, ensure_ascii=False), PATCH),
    ('{"input":"\\ud83d\\ude00"}', "😀"),
    ('{"input":"\\uD83D"}', "\ufffd"),
    ('{"input":"\\uD83Dx\\uDE00"}', "\ufffdx\ufffd"),
    ('{"input":"\\uD83D\\uD83D\\uDE00"}', "\ufffd😀"),
    ('{"input":"\\uD83D\\n"}', "\ufffd\n"),
    ('{"input":"a\\/b\\b\\f"}', "a/b\b\f"),
    ('{"input":"line\nline"}', "line\nline"),  # a raw line break, which JSON forbids
    ('{"input":"\\d+ \\u12G4"}', "\\d+ \\u12G4"),  # no escapes of JSON's
    ('{"input":"hi","other":"no"}', "hi"),
    ('{"input":"hi","input":"no"}', "hi"),
    ('{"why":"because","input":"hi"}', "hi"),
    (json.dumps({"patch": PATCH}), PATCH),
    ('{"patch":"a\\uD83D"}', "a\ufffd"),
    ('{"anything":"hi"}', "hi"),
    ('{"a":"x","b":"y"}', '{"a":"x","b":"y"}'),
    ('{"input":{"patch":"hi"}}', "hi"),
    ('{"input":["hi"]}', '{"input":["hi"]}'),
    ("{}", ""),
    ("", ""),
    ('"hi\\n"', "hi\n"),
    (PATCH, PATCH),
    ("  \n" + PATCH, "  \n" + PATCH),
    ("{ const x = 1 }", "{ const x = 1 }"),
    ('"use strict"; x', '"use strict"; x'),
    ("[1]", "[1]"),
    ("42", "42"),
    ('{"input":"cut of', "cut of"),
    ('{"input":"cut\\', "cut"),
    ('{"input":"cut\\u00', "cut"),
    ('{"input":"cut\\ud83d', "cut\ufffd"),
    ('{"patch":"cut\\n of', "cut\n of"),
    ('{"inp', '{"inp'),
    ('{"input":""}', ""),
]


def streamed(pieces: list[str]) -> str:
    unwrap = Unwrap()
    return "".join([unwrap.feed(piece) for piece in pieces] + [unwrap.end()])


@pytest.mark.parametrize(("arguments", "text"), CASES, ids=range(len(CASES)))
def test_trap_1_the_input_whatever_the_model_wrapped_it_in(arguments: str, text: str) -> None:
    """Whole, cut in two at every character, and character by character."""
    assert unwrapped(arguments) == text
    for at in range(len(arguments)):
        assert streamed([arguments[:at], arguments[at:]]) == text, f"cut at {at}"
    assert streamed(list(arguments)) == text


def test_trap_1_the_text_leaves_as_it_comes() -> None:
    """Nothing is held but half an escape."""
    unwrap = Unwrap()
    fed = [unwrap.feed(piece) for piece in ['{"in', 'put":"a', "b\\", "nc\\ud8", '3d\\ude00"', "}"]]
    assert fed == ["", "a", "b", "\nc", "😀", ""]
    assert unwrap.end() == ""
    bare = Unwrap()
    assert [bare.feed(piece) for piece in [" ", "*", "**"]] == ["", " *", "**"]


@given(text=st.text(), cuts=st.lists(st.integers(0, 400), max_size=12), is_ascii=st.booleans())
@settings(max_examples=200, deadline=None)
def test_trap_1_any_text_in_any_chunking_is_exact(text: str, cuts: list[int], is_ascii: bool) -> None:
    """Wrapped by us or by another encoder, then cut anywhere."""
    for arguments in (wrapped(text), json.dumps({"input": text}, ensure_ascii=is_ascii)):
        assert streamed(pieces_of(arguments, cuts)) == text


@given(text=st.text(), cuts=st.lists(st.integers(0, 40)))
def test_trap_1_any_text_in_any_chunking_is_wrapped(text: str, cuts: list[int]) -> None:
    """The other way round: the same as at once."""
    wrap = Wrap()
    pieces = [wrap.feed(piece) for piece in pieces_of(text, cuts)]
    assert "".join([*pieces, wrap.end()]) == wrapped(text)


def test_a_long_input_behind_another_member_costs_no_square() -> None:
    """400,000 characters in pieces of four are held and read once."""
    arguments = json.dumps({"reason": "r", "input": "x" * 400_000})
    assert streamed([arguments[at : at + 4] for at in range(0, len(arguments), 4)]) == "x" * 400_000
