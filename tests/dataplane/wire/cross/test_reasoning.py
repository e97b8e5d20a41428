"""Reasoning over two turns, for each provider through each client: it comes back to its maker as it was, and to nobody else."""

import json
from typing import Any

import pytest

from gateway.dataplane.wire import CODECS
from gateway.dataplane.wire.report import client_path
from tests.dataplane.wire.cross.accepted import objections
from tests.dataplane.wire.cross.asking import body_of
from tests.dataplane.wire.cross.corpus import SHORT, answers
from tests.dataplane.wire.cross.heard import frames
from tests.dataplane.wire.cross.road import Seals, joined, read, translation
from tests.dataplane.wire.cross.said import gathered
from tests.dataplane.wire.cross.targets import target
from tests.dataplane.wire.cross.thoughts import (
    CALLS,
    CIPHER,
    REDACTED,
    SIGNATURE,
    answers_of,
    line_in,
    line_of,
    next_turn,
    with_thinking,
)

MAKERS = {
    "openai.responses": target("openai.responses", "openai", "gpt-5.5", output=128_000),
    "openai.chat": target("openai.chat", "deepseek", "deepseek-reasoner", output=64_000),
    "anthropic.messages": target("anthropic.messages", "anthropic", "claude-sonnet-4-5", output=64_000),
    "gemini.generate": target("gemini.generate", "gemini", "gemini-3-pro-preview", output=65_536),
    "bedrock.converse": target(
        "bedrock.converse", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", output=64_000
    ),
}
OPENROUTER = target("openai.chat", "openrouter", "anthropic/claude-sonnet-4.5", output=64_000)
ANSWERS = answers_of()
SECRETS = (SIGNATURE, CIPHER, REDACTED)


def cases() -> list[Any]:
    """(name of the answer, client's dialect, whether the client gives back only what it must)."""
    return [
        pytest.param(name, client, is_terse, id=f"{name}-{SHORT[client]}{'-terse' if is_terse else ''}")
        for name, (dialect, _) in ANSWERS.items()
        for client in CODECS
        for is_terse in ((False, True) if client in ("openai.responses", "gemini.generate") else (False,))
        if client != dialect
    ]


def maker_of(name: str) -> Any:
    return OPENROUTER if name == "chat.openrouter" else MAKERS[ANSWERS[name][0]]


def second(name: str, client: str, *, is_terse: bool, is_stream: bool = False) -> tuple[dict[str, Any], Any]:
    """The client's second request after the answer of that name, and what its path says."""
    body, path = body_of(client, CALLS, is_stream=is_stream)
    body = with_thinking(client, body)
    first = translation(read(client, json.dumps(body).encode(), path), maker_of(name))
    given = first.whole(json.dumps(ANSWERS[name][1]).encode())
    answer = gathered(client, frames(client, given)) if is_stream else json.loads(given)
    return next_turn(client, body, answer, is_terse=is_terse), path


@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(("name", "client", "is_terse"), cases())
def test_its_maker_gets_it_back_as_it_was(name: str, client: str, is_terse: bool, is_stream: bool) -> None:
    """Byte by byte, and at its place among words and calls."""
    dialect, answer = ANSWERS[name]
    body, path = second(name, client, is_terse=is_terse, is_stream=is_stream)
    assert not any(secret in json.dumps(body) for secret in SECRETS), "the client sees the provider's own signature"
    again = translation(read(client, json.dumps(body).encode(), path), maker_of(name))
    assert [
        drop for drop in again.report.drops if drop.what == client_path("messages.reasoning", CODECS[client].paths)
    ] == []
    sent = json.loads(again.body)
    assert line_in(dialect, sent) == line_of(dialect, answer)
    assert name == "chat.openrouter" or objections(sent, maker_of(name)) == []  # OpenRouter has members of its own


@pytest.mark.parametrize(("name", "client", "is_terse"), cases())
def test_nobody_else_gets_it(name: str, client: str, is_terse: bool) -> None:
    """Another vendor's model: no signature, no token of ours, and the report says so. What is sent is accepted."""
    body, path = second(name, client, is_terse=is_terse)
    for other, somebody in MAKERS.items():
        if other == client or somebody.origin == maker_of(name).origin:
            continue
        again = translation(read(client, json.dumps(body).encode(), path), somebody)
        text = again.body.decode()
        assert not any(secret in text for secret in SECRETS), other
        assert "YWdlbnRjYw" not in text, f"a token of ours goes to {other}"
        if name != "chat.deepseek":  # words without a signature are nobody's secret
            assert ("other_vendor") in {
                drop.why
                for drop in again.report.drops
                if drop.what == client_path("messages.reasoning", CODECS[client].paths)
            }, other
        assert objections(json.loads(text), somebody) == [], other


@pytest.mark.parametrize("client", ["openai.responses", "openai.chat", "gemini.generate"], ids=SHORT.get)
@pytest.mark.parametrize(("name", "platform"), [("messages", "bedrock.converse"), ("converse", "anthropic.messages")])
def test_its_maker_gets_it_on_another_platform(name: str, platform: str, client: str) -> None:
    """Claude's signatures hold at Anthropic and at Bedrock."""
    body, path = second(name, client, is_terse=False)
    again = translation(read(client, json.dumps(body).encode(), path), MAKERS[platform])
    assert [
        drop for drop in again.report.drops if drop.what == client_path("messages.reasoning", CODECS[client].paths)
    ] == []
    assert line_in(platform, json.loads(again.body))[0] == line_of(*ANSWERS[name])[0]


@pytest.mark.parametrize(("name", "client", "is_terse"), cases())
def test_another_organisation_cannot_open_it(name: str, client: str, is_terse: bool) -> None:
    """A token that was sealed for somebody else is removed, with a report."""
    body, path = second(name, client, is_terse=is_terse)
    again = translation(read(client, json.dumps(body).encode(), path), maker_of(name), seals=Seals(b"other"))
    assert not any(secret in again.body.decode() for secret in SECRETS)
    assert "YWdlbnRjYw" not in again.body.decode()
    assert "unreadable" in {drop.why for drop in again.report.drops}
    assert name == "chat.openrouter" or objections(json.loads(again.body), maker_of(name)) == []


@pytest.mark.parametrize(
    ("provider", "client"), [pytest.param(a, b, id=f"{SHORT[a]}-{SHORT[b]}") for a in CODECS for b in CODECS if a != b]
)
def test_a_real_stream_comes_back_too(provider: str, client: str) -> None:
    """The streams of `own`, in which reasoning comes in pieces."""
    (answer,) = [one for one in answers("own", provider) if one.events is not None]
    body, path = body_of(client, CALLS, is_stream=True)
    body = with_thinking(client, body)
    first = translation(read(client, json.dumps(body).encode(), path), MAKERS[provider])
    wire = first.stream(joined(provider, answer.events or [])) + first.end()
    after = next_turn(client, body, gathered(client, frames(client, wire)), is_terse=False)
    again = translation(read(client, json.dumps(after).encode(), path), MAKERS[provider])
    told = [(name, "" if data == b"[DONE]" else json.loads(data)) for name, data in answer.events or ()]
    assert _unsplit(line_in(provider, json.loads(again.body))) == _unsplit(line_of(provider, gathered(provider, told)))


def _unsplit(line: list[Any]) -> list[Any]:
    """Neighbouring words are one, as Gemini CLI keeps the piece of a text that carries a signature apart; its unsigned ones count
    nothing."""
    return [
        one for at, one in enumerate(line) if one != ("text", None) and (one != "text" or line[at - 1 : at] != ["text"])
    ]


@pytest.mark.parametrize("client", [one for one in CODECS if one != "openai.chat"], ids=SHORT.get)
def test_openrouter_gets_its_details_back_unmodified(client: str) -> None:
    """OpenRouter, "Preserving reasoning blocks": they must come back as they were; without `format` they count as Anthropic's."""
    body, path = second("chat.openrouter", client, is_terse=False)
    again = translation(read(client, json.dumps(body).encode(), path), OPENROUTER)
    sent = next(one for one in json.loads(again.body)["messages"] if one["role"] == "assistant")
    assert sent["reasoning_details"] == ANSWERS["chat.openrouter"][1]["choices"][0]["message"]["reasoning_details"]
