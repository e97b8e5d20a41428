"""Instructions in text: what is found, and what ordinary documentation says with the same words."""

import time

import pytest

from gateway.dataplane.guard.injection import TITLES, Injection
from gateway.dataplane.guard.scan import Scan
from tests.dataplane.guard.injection.texts import ATTACKS, ORDINARY

_MOST_S_PER_BYTE = 8e-6


@pytest.fixture(scope="module")
def injection() -> Scan:
    return Scan(injection=Injection())


@pytest.mark.parametrize(("rule", "text"), ATTACKS)
def test_an_instruction_is_found(injection: Scan, rule: str, text: str) -> None:
    """At the start of a text and in the middle of a long one."""
    for before in ("", "größer 日本語\n", "An ordinary sentence of a document. " * 100):
        found = injection.scan((before + text + "\n").encode())
        assert rule in {each.rule for each in found}


@pytest.mark.parametrize("text", ORDINARY)
def test_documentation_is_let_pass(injection: Scan, text: str) -> None:
    """The words alone are no instruction to a model."""
    assert injection.scan(text.encode()) == []


def test_each_rule_is_tested() -> None:
    """No rule without a text that it finds."""
    assert {rule for rule, _ in ATTACKS} == set(TITLES)


@pytest.mark.parametrize(
    "unit",
    [
        "ignore ",
        "ignore previous instructions ",
        "ignore a a a a ",
        "<!--",
        "send a ",
        "you are ",
        "\u200b",
        "\n\nHuman:",
        "before using this tool ",
    ],
)
def test_time_is_linear_in_what_an_attacker_repeats(injection: Scan, unit: str) -> None:
    """Microseconds a byte at most, on a busy machine, at any length."""
    text = unit.encode() * (60_000 // len(unit.encode()))
    began = time.thread_time()
    injection.scan(text)
    assert time.thread_time() - began < _MOST_S_PER_BYTE * len(text)
