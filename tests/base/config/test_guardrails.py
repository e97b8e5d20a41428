"""The `guardrails` section: what the modes are, and what is refused with its place and the way out."""

import json
from typing import Any

import pytest

from gateway.base.config import (
    ConfigError,
    injection_modes,
    mode_of,
    parse,
    pii_modes,
    secrets_in_answers,
    secrets_modes,
)

DEFAULT = {"user": "block", "history": "redact", "results": "redact", "arguments": "redact", "system": "redact"}


def section(**guardrails: Any) -> Any:
    return parse(json.dumps({"guardrails": guardrails}).encode()).config.guardrails


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, DEFAULT),
        ({"mode": "redact"}, dict.fromkeys(DEFAULT, "redact")),
        ({"mode": "log", "user": "block"}, {**dict.fromkeys(DEFAULT, "log"), "user": "block"}),
        ({"results": "log"}, {**DEFAULT, "results": "log"}),
        ({"mode": False}, dict.fromkeys(DEFAULT, "off")),
        ({"mode": "block", "system": False}, {**dict.fromkeys(DEFAULT, "block"), "system": "off"}),
    ],
)
def test_a_place_of_its_own_goes_before_the_mode_and_that_before_the_default(written: Any, expected: Any) -> None:
    assert secrets_modes(section(secrets=written).secrets) == expected


def test_off_needs_no_quotes() -> None:
    config = parse(b"guardrails:\n  secrets: { mode: off }\n  pii: { mode: off }\n").config.guardrails
    assert set(secrets_modes(config.secrets).values()) == {"off"}
    assert mode_of(config.pii.mode) == "off"


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        ({}, "log"),
        ({"mode": "block"}, "log"),
        ({"mode": "off"}, "off"),
        ({"mode": "off", "answers": "redact"}, "redact"),
    ],
)
def test_the_mode_is_about_what_leaves(written: Any, mode: str) -> None:
    assert secrets_in_answers(section(secrets=written).secrets) == mode


def test_what_was_said_before_is_not_refused_again_for_personal_data() -> None:
    assert pii_modes("block") == {**DEFAULT, "results": "block"}
    assert pii_modes("log") == dict.fromkeys(DEFAULT, "log")
    assert injection_modes("block") == {**dict.fromkeys(DEFAULT, "off"), "results": "block", "system": "block"}


@pytest.mark.parametrize(
    ("written", "path", "words"),
    [
        ({"secrets": {"rules": {"Bad Name": "x"}}}, "$.guardrails.secrets.rules.Bad Name", "lower-case"),
        ({"secrets": {"rules": {"a": ""}}}, "$.guardrails.secrets.rules.a", "is empty"),
        ({"secrets": {"mode": "log", "restore": ["sh"]}}, "$.guardrails.secrets.restore", "'sh'"),
        ({"secrets": {"mode": "off", "pragma": True}}, "$.guardrails.secrets.pragma", "nowhere"),
        ({"secrets": {"mode": "off", "baseline": "b"}}, "$.guardrails.secrets.baseline", "nowhere"),
        ({"secrets": {"mode": "blok"}}, "$.guardrails.secrets.mode", "block"),
        ({"pii": {"mode": "off", "kinds": ["x"]}}, "$.guardrails.pii.kinds", "nowhere"),
        ({"secret": {}}, "$.guardrails.secret", "did you mean `secrets`"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: Any, path: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        section(**written)
    assert error.value.path == path
    assert words in str(error.value)
