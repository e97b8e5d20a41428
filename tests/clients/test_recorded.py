"""Recorded exchanges of four dialects, sent once more through a gateway whose provider answers as recorded.

The gateway may change the model's name (and put the asked one into a Messages answer), and in a Chat stream ask for usage; nothing else, in neither direction. Streams
come from the provider in pieces cut at random byte borders.
"""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.agents import fixtures
from tests.e2e.wires import without_comments
from tests.fakes.upstream import Answer, FakeUpstream, Received
from tests.harness import KEY, Gateway

pytestmark = pytest.mark.clients

SEED = 20261121
PROVIDERS = {
    "openai.responses": "openai",
    "openai.chat": "openai",
    "anthropic.messages": "anthropic",
    "gemini.generate": "gemini",
}
PATHS = {
    "openai.responses": "/v1/responses",
    "openai.chat": "/v1/chat/completions",
    "anthropic.messages": "/v1/messages",
}
_MOST_PIECES = 40
_GEMINI_PATH = re.compile(r"/models/(?P<model>[^/:]+):(?P<action>\w+)(?P<query>\?.*)?$")


@dataclass(frozen=True)
class Case:
    """One recorded exchange as bytes: what the client sends, what must reach the provider, what the provider answers.

    `usage` is the recording's own report of tokens (None: it has none); `is_whole`: its stream has its last event.
    """

    id: str
    path: str
    sent: bytes
    expected: bytes
    status: int
    answer: bytes
    content_type: str
    usage: dict[str, int] | None
    is_stream: bool
    is_whole: bool


@dataclass(frozen=True)
class Replayed:
    """What came of a case."""

    case: Case
    got: httpx.Response
    content: bytes
    received: Received | None
    record: dict[str, Any]


# === from a recording to a case ===


def _cases(dialect: str, folder: Path) -> list[Case]:
    cases = (_case(dialect, json.loads(file.read_text())) for file in sorted(folder.glob("*.json")))
    return [case for case in cases if case is not None]


def _case(dialect: str, record: dict[str, Any]) -> Case | None:
    """None for the few recordings that name no model (`prompt` templates of the Responses API): nobody can be asked."""
    dice = random.Random(f"{SEED}{record['id']}")
    body: dict[str, Any] = record["request"]["body"]
    model, path, is_stream = body.get("model"), PATHS.get(dialect, ""), body.get("stream") is True
    if dialect == "gemini.generate":
        found = _GEMINI_PATH.search(record["request"]["path"])
        assert found is not None
        model, is_stream = found["model"], found["action"].startswith("stream")
        path = f"/v1beta/models/{model}:{found['action']}" + (
            "?alt=sse" if is_stream and "sse" in record["response"] else ""
        )
    if not model:
        return None
    spelled = _spelling(dice)
    expected = spelled(body)
    sent = expected
    if dialect != "gemini.generate" and dice.random() < 0.5:
        sent = spelled({**body, "model": f"{PROVIDERS[dialect]}/{model}"})
    response = record["response"]
    if "sse" in response:
        answer, content_type = response["sse"].encode(), "text/event-stream; charset=utf-8"
    else:
        answer, content_type = _spelling(dice)(response["body"]), "application/json"
    return Case(
        record["id"], path, sent, expected, response["status"], answer, content_type,
        _reported(dialect, response), is_stream, _is_whole(dialect, response),
    )  # fmt: skip


def _spelling(dice: random.Random) -> Callable[[Any], bytes]:
    """One of the ways in which JSON is written: with or without spaces and escapes."""
    is_ascii, separators = dice.random() < 0.5, dice.choice([(",", ":"), (", ", ": "), (" ,", " :\t")])
    return lambda value: json.dumps(value, ensure_ascii=is_ascii, separators=separators).encode()


def _events(response: dict[str, Any]) -> list[Any]:
    """The data of each SSE event, or of each element of a JSON array (Gemini without `alt=sse`)."""
    if isinstance(response.get("body"), list):
        return list(response["body"])
    found = []
    for block in re.split(r"\r?\n\r?\n", response["sse"]):
        data = "\n".join(line[5:].lstrip() for line in block.splitlines() if line.startswith("data:"))
        found += [json.loads(data)] if data.startswith("{") else []
    return found


def _is_whole(dialect: str, response: dict[str, Any]) -> bool:
    if "sse" not in response:
        return True
    last = {
        "openai.responses": r'"type": ?"response\.(completed|incomplete|failed)"',
        "openai.chat": r"data: ?\[DONE\]",
        "anthropic.messages": r'"type": ?"(message_stop|error)"',
        "gemini.generate": r'"finishReason"',
    }
    return re.search(last[dialect], response["sse"]) is not None


def _reported(dialect: str, response: dict[str, Any]) -> dict[str, int] | None:
    """Input with all that was cached, cached part, output with reasoning: as the recording itself reports them."""
    if response["status"] >= 400:
        return None
    events = _events(response) if "sse" in response or isinstance(response.get("body"), list) else [response["body"]]
    merged: dict[str, Any] = {}
    for event in events:
        found = event.get("usage") or event.get("usageMetadata") or {}
        found = found or (event.get("response") or {}).get("usage") or (event.get("message") or {}).get("usage") or {}
        found = {name: value for name, value in found.items() if value is not None}
        # Anthropic's second report holds what has changed since the first; the others' reports are whole
        merged = {**merged, **found} if dialect == "anthropic.messages" else found or merged
    return _COUNTS[dialect](merged) if merged else None


def _of_openai(u: dict[str, Any], into: str, out: str) -> dict[str, int]:
    cached = (u.get(f"{into}_tokens_details") or {}).get("cached_tokens") or 0
    return {"input": u[f"{into}_tokens"], "cached": cached, "output": u[f"{out}_tokens"]}


def _of_anthropic(u: dict[str, Any]) -> dict[str, int]:
    """What an advisor or a compaction took is told in `iterations` alone, beside the messages' own."""
    rows = u.get("iterations") or [u]
    cached = sum(row.get("cache_read_input_tokens") or 0 for row in rows)
    written = sum(row.get("cache_creation_input_tokens") or 0 for row in rows)
    asked = sum(row["input_tokens"] for row in rows)
    return {"input": asked + cached + written, "cached": cached, "output": sum(row["output_tokens"] for row in rows)}


def _of_gemini(u: dict[str, Any]) -> dict[str, int]:
    made = (u.get("candidatesTokenCount") or 0) + (u.get("thoughtsTokenCount") or 0)
    asked = u.get("promptTokenCount", 0) + (u.get("toolUsePromptTokenCount") or 0)
    return {"input": asked, "cached": u.get("cachedContentTokenCount") or 0, "output": made}


_COUNTS: dict[str, Callable[[dict[str, Any]], dict[str, int]]] = {
    "openai.responses": lambda u: _of_openai(u, "input", "output"),
    "openai.chat": lambda u: _of_openai(u, "prompt", "completion"),
    "anthropic.messages": _of_anthropic,
    "gemini.generate": _of_gemini,
}


# === the replay ===


def _pieces(case: Case) -> list[bytes]:
    if not case.content_type.startswith("text/event-stream") or len(case.answer) < 2:
        return [case.answer]
    dice = random.Random(f"{SEED}{case.id}cuts")
    inner = range(1, len(case.answer))
    cuts = sorted(dice.sample(inner, min(len(inner), _MOST_PIECES)))
    return [case.answer[i:j] for i, j in zip([0, *cuts], [*cuts, len(case.answer)], strict=True)]


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def gateway(upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = {
        "server": {"port": 0, "workers": 1, "drain_ms": 3000, "admin": {"port": 0}},
        "providers": {
            name: {"api_key": "upstream-secret", "base_url": upstream.url} for name in set(PROVIDERS.values())
        },
        "models": {"unpriced": {"allow": ["*"]}},
        "keys": {"alice": {"key": KEY}},
    }
    with Gateway(tmp_path_factory.mktemp("recorded"), config) as started:
        yield started


@pytest.fixture(scope="module", params=PROVIDERS)
def dialect(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def replayed(gateway: Gateway, upstream: FakeUpstream, dialect: str) -> list[Replayed]:
    """Every recording of the dialect, one after the other."""
    cases = _cases(dialect, fixtures(f"wire/dev/{dialect}"))
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json", "anthropic-version": "2023-06-01"}
    answers = []
    with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as client:
        for case in cases:
            upstream.clear()
            upstream.answers.append(Answer(case.status, [("content-type", case.content_type)], list(_pieces(case))))
            got = client.post(case.path, content=case.sent)
            answers.append((case, got, next(iter(upstream.received), None)))
    records = {r["request_id"]: r for r in gateway.records()}
    return [
        Replayed(case, got, got.content, received, records[got.headers["x-agentcc-request-id"]])
        for case, got, received in answers
    ]


def _ids(found: Iterator[Replayed]) -> list[str]:
    return [r.case.id for r in found]


def test_there_are_enough_recordings(replayed: list[Replayed]) -> None:
    """The comparison is worth its name only with many of them, streams included."""
    assert len(replayed) > 150
    assert sum(r.case.is_stream for r in replayed) > 40


def _told(case: Case, dialect: str) -> bytes:
    """The provider's answer; one of Messages names the model as it was asked for, or Claude Code drops its own thinking."""
    asked, own = (json.loads(body).get("model") for body in (case.sent, case.expected))
    if dialect != "anthropic.messages" or asked == own or case.status >= 400:
        return case.answer
    name = json.dumps(asked).encode()
    return re.sub(rb'("model"\s*:\s*)"[^"]*"', lambda found: found[1] + name, case.answer, count=1)


def test_the_answer_arrives_unchanged(replayed: list[Replayed], dialect: str) -> None:
    """Status and bytes are the provider's, wherever its stream was cut; our one cost comment aside."""
    assert _ids(r for r in replayed if r.got.status_code != r.case.status) == []
    wrong = [r for r in replayed if without_comments(r.content) != _told(r.case, dialect)]
    assert _ids(r for r in wrong if r.case.is_whole) == []
    # a recording that ends before its stream does gets one error event behind what was recorded
    assert _ids(r for r in wrong if not without_comments(r.content).startswith(_told(r.case, dialect))) == []


def test_the_request_arrives_unchanged(replayed: list[Replayed], dialect: str) -> None:
    """The provider gets the client's bytes with its own name of the model; a Chat stream is asked for its usage."""
    wrong = []
    for r in replayed:
        expected = r.case.expected
        if dialect == "openai.chat" and r.case.is_stream and r.received is not None:
            body = json.loads(r.received.body)
            assert body["stream_options"]["include_usage"] is True
            if b'"include_usage"' not in expected:  # ours: the rest of the bytes must be the client's
                assert {**json.loads(expected), "stream_options": {"include_usage": True}} == body
                expected = r.received.body
        if r.received is None or r.received.body != expected:
            wrong.append(r.case.id)
    assert wrong == []


def test_the_journal_has_the_recorded_usage(replayed: list[Replayed]) -> None:
    """What is booked is what the provider reported, whether in a whole answer or in a stream."""
    wrong = []
    for r in replayed:
        if r.case.usage is None or not r.case.is_whole:
            continue
        usage = Counter(r.record["usage"])  # counts of zero are not written
        written = usage["cache_write_5m_tokens"] + usage["cache_write_1h_tokens"]
        booked = {
            "input": usage["input_tokens"] + usage["cache_read_tokens"] + written,
            "cached": usage["cache_read_tokens"],
            "output": usage["output_tokens"],
        }
        if booked != r.case.usage or r.record["cost_basis"] != "exact":
            wrong.append((r.case.id, r.record["cost_basis"], booked, r.case.usage))
    assert wrong == []


def test_the_journal_tells_how_each_ended(replayed: list[Replayed]) -> None:
    """`ok` for a whole answer, `upstream_error` for the provider's refusal, `cut` for a stream without its end."""
    wrong = []
    for r in replayed:
        outcome = "upstream_error" if r.case.status >= 400 else "ok" if r.case.is_whole else "cut"
        if (r.record["outcome"], r.record["status"]) != (outcome, r.case.status):
            wrong.append((r.case.id, r.record["outcome"], outcome))
    assert wrong == []
