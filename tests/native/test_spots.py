"""Spots: digits in a form, and values behind names, told as expressions would."""

import random
import re

import pytest

from gateway import _native

_DIGIT = b"0123456789"
_SSN = [_DIGIT] * 3 + [b"-"] + [_DIGIT] * 2 + [b"-"] + [_DIGIT] * 4
_DOTTED = [b"ab", b".", b"ab12"]
_CARD = [b"+"] + [_DIGIT] * 2 + [b"12 -"] + [_DIGIT]
_FORMS = ((1, _SSN, True), (2, _DOTTED, False), (3, _CARD, False))
_NAMES = (b"token", b"key", b"api key")
_BEHIND = rb"[\w .\t-]{0,30}[\\'\"`)\]\s?.+|~]{0,4}[=:,>|(][\\'\"`=:>\s(\[{@$]{0,16}(?:Bearer |Basic )?[A-Za-z_/+.=~%-]{0,23}[0-9][A-Za-z0-9_/+.=~%-]{4}"
_PARTS = [
    *(
        "123-45-6789",
        "a.1",
        "+123",
        "+12-",
        "4",
        " ",
        "\n",
        "\0",
        "é",
        "}",
        "word",
        "api key",
        "TOKEN",
        "key",
        "=",
        ": ",
        ", ",
    ),
    *('"', "Bearer ", "1.2.3.4.5", "abc1-~%/", "x" * 23, " " * 16, "y" * 30, "(", "|", "=>"),
]


def _texts() -> list[bytes]:
    made = random.Random(7)
    return ["".join(made.choices(_PARTS, k=made.randrange(1, 40))).encode() for _ in range(3000)]


def test_forms_stand_where_their_expression_matches():
    found = _native.Spots(_FORMS, 9, (), 5).find
    ssn = re.compile(rb"(?<![0-9A-Za-z])(?=[0-9]{3}-[0-9]{2}-[0-9]{4})")
    dotted = re.compile(rb"(?=[ab]\.[ab12])")
    card = re.compile(rb"(?=\+[0-9]{2}[12 -][0-9])")
    for text in _texts():
        expected = [(1, m.start(), m.start() + 11) for m in ssn.finditer(text)]
        expected += [(2, m.start(), m.start() + 3) for m in dotted.finditer(text)]
        expected += [(3, m.start(), m.start() + 5) for m in card.finditer(text)]
        assert sorted(found(text)) == sorted(expected), text


def test_no_value_behind_a_name_is_missed():
    """What no expression confirms may be told, but seldom: whoever asked has to look closer."""
    found = _native.Spots((), 9, _NAMES, 5).find
    names, behind = re.compile(rb"(?i)(?=(token|api key|key))"), re.compile(_BEHIND, re.IGNORECASE)
    told = confirmed = 0
    for text in _texts():
        ends = {end for number, start, end in found(text)}
        starts = [name.end(1) for name in names.finditer(text)]
        values = {m.start() + 5 for m in re.finditer(rb"[0-9](?=[A-Za-z0-9_/+.=~%-]{4})", text)}
        expected = {
            end for end in values for start in starts if end - 90 < start and behind.fullmatch(text, start, end)
        }
        assert expected <= ends, text
        told, confirmed = told + len(ends), confirmed + len(expected)
    assert confirmed > 500
    assert told < confirmed * 2


@pytest.mark.parametrize(
    "forms", [[(0, [b"ab", b"c"], False)], [(0, [_DIGIT] * 32, False)], [(0, [_DIGIT], False)] * 65]
)
def test_forms_that_cannot_be_found_are_refused(forms):
    with pytest.raises(ValueError, match=r"NoAnchor|TooMany"):
        _native.Spots(forms, 0, (), 5)


def test_a_name_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="ShortName"):
        _native.Spots((), 0, (b"ab",), 5)
