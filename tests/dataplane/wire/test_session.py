"""What clients say of their session and turn."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire.refusal import Family
from gateway.dataplane.wire.session import named_session
from tests.harness import SHARED

CLIENTS = SHARED / "fixtures" / "clients"
UUID = "01a1fbc3-60f1-7262-8c18-5029d6bbcfb5"


def named(family: Family, **headers: str) -> tuple[str, str]:
    found = {name.replace("_", "-"): value for name, value in headers.items()}
    return named_session(lambda name: found.get(name, ""), family)


def metadata(**members: Any) -> str:
    return json.dumps(members, separators=(",", ":"))


def test_each_agent_has_a_header_of_its_own() -> None:
    assert named("codex", session_id=UUID, x_codex_turn_metadata=metadata(turn_id="t-1")) == (UUID, "t-1")
    assert named("claude_code", x_claude_code_session_id=UUID) == (UUID, "")
    assert named("sdk", x_agentcc_session_id="mine", x_agentcc_turn_id="5") == ("mine", "5")
    assert named("sdk", x_session_id="b", session_id="a") == ("b", "")
    assert named("sdk", x_session_id="b") == ("b", "")
    assert named("gemini_cli", session_id="a", x_agentcc_session_id="b") == ("", "")


def test_agents_do_not_read_each_others_headers() -> None:
    assert named("codex", x_claude_code_session_id=UUID, x_agentcc_session_id=UUID) == ("", "")
    assert named("claude_code", session_id=UUID) == ("", "")
    assert named("sdk", session_id="a", x_codex_turn_metadata=metadata(turn_id="t-1")) == ("a", "")


def test_a_turn_needs_a_session() -> None:
    assert named("codex", x_codex_turn_metadata=metadata(turn_id="t-1")) == ("", "")
    assert named("sdk", x_agentcc_turn_id="5") == ("", "")


@pytest.mark.parametrize("bad", ["a b", "x" * 129, "grüße", "a\x00b", "a\tb", "\x7f", "a\r\nx: y"])
def test_what_cannot_be_echoed_is_no_id(bad: str) -> None:
    assert named("sdk", x_agentcc_session_id=bad, session_id="good") == ("", "")
    assert named("sdk", x_agentcc_session_id="good", x_agentcc_turn_id=bad) == ("good", "")
    assert named("codex", session_id="good", x_codex_turn_metadata=f'{{"turn_id":"{bad}"}}') == ("good", "")


@pytest.mark.parametrize(
    ("said", "turn"),
    [
        ("", ""),
        ("{", ""),
        ('{"turn_id":', ""),
        ('{"turn_id":"', ""),
        ('{"turn_id":"t', "t"),
        ('{"turn_id":5}', ""),
        ('{"root_turn_id":"r","turn_id":"t"}', "t"),
        ('{"root_turn_id":"r"}', ""),
        ("x" * 100_000, ""),
    ],
)
def test_turn_metadata_of_any_kind(said: str, turn: str) -> None:
    assert named("codex", session_id="s", x_codex_turn_metadata=said) == ("s", turn)


@pytest.mark.skipif(not CLIENTS.is_dir(), reason=f"RECORDED HEADERS ARE NOT TESTED: {CLIENTS} is missing")
def test_recorded_headers() -> None:
    """All of Codex' turns name both, Claude Code's the session, Gemini CLI's nothing."""
    found: dict[str, set[tuple[bool, bool]]] = {}
    families: dict[str, Family] = {"codex": "codex", "claude-code": "claude_code", "gemini-cli": "gemini_cli"}
    for path in sorted(CLIENTS.glob("*/*.json")):
        one = json.loads(path.read_text())
        if isinstance(one.get("body"), dict) and {"input", "messages", "contents"} & set(one["body"]):
            headers = {name.lower(): value for name, value in _pairs(one["headers"])}
            session_id, turn_id = named_session(lambda name, h=headers: h.get(name, ""), families[path.parent.name])
            found.setdefault(path.parent.name, set()).add((bool(session_id), bool(turn_id)))
    assert found["claude-code"] == {(True, False)}
    assert found["gemini-cli"] == {(False, False)}
    assert (True, True) in found["codex"]


def _pairs(headers: Any) -> list[tuple[str, str]]:
    return list(headers.items()) if isinstance(headers, dict) else [tuple(one) for one in headers]
