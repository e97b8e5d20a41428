"""Personal data: what is found, to the byte, and what only looks like it. Numbers are published examples or made up."""

import time

import pytest

from gateway.dataplane.guard.pii import PII_KINDS, Pii
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.pii.texts import NOT_PERSONAL, PERSONAL


@pytest.fixture(scope="module")
def pii() -> Scan:
    return Scan(pii=Pii())


@pytest.mark.parametrize(("rule", "text"), PERSONAL)
def test_personal_data_is_found(pii: Scan, rule: str, text: str) -> None:
    """At the start of a text, in the middle, and between quotes."""
    for before, behind in ((b"", b""), (b"x " * 50 + b"\n", b"\nnext"), (b'{"a": "', b'"}')):
        found = pii.scan(before + text.encode() + behind)
        assert [each.rule for each in found] == [rule]


@pytest.mark.parametrize("text", NOT_PERSONAL)
def test_what_only_looks_like_it_is_let_pass(pii: Scan, text: str) -> None:
    """Users of machines, roles, examples, versions, floats, times, ids; numbers whose check digits are wrong."""
    assert pii.scan(text.encode()) == []


def test_each_kind_is_tested() -> None:
    """No rule without a text that it finds."""
    assert {rule for rule, _ in PERSONAL} == PII_KINDS


def test_a_datum_is_told_to_the_byte(pii: Scan) -> None:
    """What a redaction would take away: the number, not the word before it."""
    text = b"Passport No: X12345678, IBAN DE89 3704 0044 0532 0130 00, mail <ada@lovelace.org>"
    assert [text[each.start : each.end] for each in pii.scan(text)] == [
        b"X12345678",
        b"DE89 3704 0044 0532 0130 00",
        b"ada@lovelace.org",
    ]


def test_only_the_kinds_that_are_wanted_are_told() -> None:
    """By name."""
    scan = Scan(pii=Pii(kinds=frozenset({"iban"})))
    assert [each.rule for each in scan.scan(b"ada@lovelace.org DE89370400440532013000 ssn 536-90-4399")] == ["iban"]


def test_a_wrong_digit_is_no_number(pii: Scan) -> None:
    """Each single wrong digit is seen by what MOD 97-10 and Luhn prove."""
    for number in (b"DE89370400440532013000", b"4242424242424242"):
        for place in range(2, len(number)):
            other = b"%d" % ((number[place] - 48 + 1) % 10)
            assert pii.scan(number[:place] + other + number[place + 1 :]) == []


@pytest.mark.parametrize(
    "unit",
    [
        b"a@b.cd",
        b"+49 1",
        b"111-11-1111",
        b"4111",
        b"A11AAAA111",
        b"tel 11",
        b"cpf:1",
        b"P<",
        b"a@a.",
        b"(222) 222-2222",
        b"1.1-",
    ],
)
def test_time_is_linear_in_what_an_attacker_repeats(pii: Scan, unit: bytes) -> None:
    """At most 6 µs a byte on a busy machine, at any length."""
    text = unit * (100_000 // len(unit))
    began = time.thread_time()
    pii.scan(text)
    assert time.thread_time() - began < 6e-6 * len(text)
