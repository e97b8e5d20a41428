"""Paths, refusals, usage and delivery of the pure core."""

from __future__ import annotations

import copy
import gzip
import json
import random
from typing import Any

import pytest

from gateway.simulator.answer import State
from gateway.simulator.context import UNTIMED
from gateway.simulator.deliver import of_json, of_stream
from gateway.simulator.knobs import Knobs
from gateway.simulator.log import RequestLog
from gateway.simulator.steps import Fault
from tests.simulator.asking import DIALECTS, ask, client_fixture, events, payload, play

BAD: list[tuple[str, Any, int, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": []}, 400, {"error": {"message": "you must provide a model parameter"}}),
    ("/v1/chat/completions", {"model": "m"}, 400, {"error": {"param": "messages", "type": "invalid_request_error"}}),
    ("/v1/responses", {"input": "x"}, 400, {"error": {"code": "missing_required_parameter", "param": "model"}}),
    ("/v1/responses", b"{", 400, {"error": {"type": "invalid_request_error"}}),
    ("/v1/responses", [], 400, {"error": {"type": "invalid_request_error"}}),
    ("/v1/messages", {"model": "m", "messages": [{}]}, 400, {"type": "error", "error": {"message": "max_tokens: Field required"}}),
    ("/v1/messages", {"max_tokens": 1}, 400, {"type": "error", "error": {"message": "model: Field required"}}),
    ("/v1beta/models/g:generateContent", {}, 400, {"error": {"code": 400, "status": "INVALID_ARGUMENT"}}),
    ("/v1/embeddings", {"model": "m"}, 400, {"error": {"param": "input"}}),
    ("/v1/nothing", {}, 404, {"error": {"code": "unknown_url"}}),
]  # fmt: skip


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(k in whole and contains(whole[k], v) for k, v in part.items())
    return bool(whole == part)


@pytest.mark.parametrize(("path", "body", "status", "part"), BAD)
def test_bad_requests_are_refused_in_the_dialect(path: str, body: Any, status: int, part: dict[str, Any]) -> None:
    """What a provider would refuse is refused in its own words."""
    made = play(path, body)
    assert made.status == status
    assert contains(json.loads(payload(made)), part)


def test_anthropic_wants_its_version_header() -> None:
    """Messages without `anthropic-version` is refused, as at Anthropic."""
    path, body = ask("messages", "hi")
    assert b"anthropic-version: header is required" in payload(play(path, body, anthropic_version=""))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_error_scenario_speaks_the_dialect(dialect: str) -> None:
    """`error` gives status, words, and headers as asked."""
    made = play(
        *ask(dialect, "[[sim:error status=429;message=slow down;retry_after=7;h_x_should_retry=false]]", stream=True)
    )
    headers = dict(made.headers)
    assert (made.status, headers["retry-after"], headers["x-should-retry"]) == (429, "7", "false")
    error = json.loads(payload(made))["error"]
    assert error["message"] == "slow down"
    assert {"messages": "rate_limit_error", "gemini": "RESOURCE_EXHAUSTED"}.get(
        dialect, "rate_limit_exceeded"
    ) in json.dumps(error)


@pytest.mark.parametrize(
    ("dialect", "mark"),
    [
        ("responses", {"type": "response.failed"}),
        ("chat", {"error": {"message": "no"}}),
        ("messages", {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}),
        ("gemini", {"error": {"code": 529, "message": "no"}}),
    ],
)
def test_in_stream_error_ends_the_stream(dialect: str, mark: dict[str, Any]) -> None:
    """`in_stream_error` sends as many events as asked, then the dialect's error, and nothing else."""
    made = play(*ask(dialect, "[[sim:in_stream_error after=3;status=529;message=no]]", stream=True))
    got = events(payload(made))
    assert len(got) == 4
    assert contains(got[-1], mark)
    assert made.delivery.ending == "end"


def test_unknown_scenario_names_the_near_one() -> None:
    """A typo in a marker is answered with the way out."""
    assert b"did you mean `parallel`?" in payload(play(*ask("chat", "[[sim:paralel]]")))


@pytest.mark.parametrize("path", ["/v1/models", "/openai/v1/models", "/v1beta/models", "/v1/models/gpt-5.5"])
def test_models_are_listed(path: str) -> None:
    """Every provider's model list is there, at any prefix."""
    body = json.loads(payload(play(path, b"", method="GET")))
    assert body.get("data") or body.get("models") or body.get("id")


def test_codex_model_list_has_both_forms() -> None:
    """Codex reads `models`, SDKs read `data`."""
    body = json.loads(payload(play("/v1/models?client_version=0.169.0", b"", method="GET")))
    assert body["models"] == []
    assert body["data"]


def test_websocket_upgrade_is_refused_with_426() -> None:
    """Only 426 sends Codex straight to HTTP."""
    assert play("/v1/responses", b"", method="GET", upgrade="websocket").status == 426


def test_token_counters_count() -> None:
    """The three ways to count tokens answer a quarter of the bytes."""
    for path, key in (("/v1/messages/count_tokens", "input_tokens"), ("/v1beta/models/g:countTokens", "totalTokens")):
        body = {"model": "m", "messages": [{"role": "user", "content": "x" * 400}], "contents": []}
        assert json.loads(payload(play(path, body)))[key] == len(json.dumps(body)) // 4


def product(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_embeddings_of_like_texts_are_near() -> None:
    """Texts that share words get near vectors of length one; base64 has the same size."""
    body = {"model": "text-embedding-3-small", "input": ["red green blue", "blue red green", "one two three"]}
    a, b, c = (d["embedding"] for d in json.loads(payload(play("/v1/embeddings", body)))["data"])
    assert len(a) == 1536
    assert product(a, b) == pytest.approx(1)
    assert abs(product(a, c)) < 0.5
    packed = json.loads(payload(play("/v1/embeddings", body | {"encoding_format": "base64", "dimensions": 8})))
    assert len(packed["data"][0]["embedding"]) == 44


def test_compressed_bodies_are_read() -> None:
    """gzip and zstd bodies are decoded; a broken one is a 400."""
    path, body = ask("chat", "[[sim:text]]")
    raw = json.dumps(body).encode()
    assert play(path, gzip.compress(raw), content_encoding="gzip").status == 200
    assert play(path, raw, content_encoding="gzip").status == 400
    zstandard = pytest.importorskip("zstandard")
    assert play(path, zstandard.ZstdCompressor().compress(raw), content_encoding="zstd").status == 200


def conversation(turns: int, key: str = "") -> dict[str, Any]:
    messages = [{"role": "system", "content": "s" * 8000}]
    messages += [{"role": "user", "content": f"turn {n} [[sim:text]]" + "u" * 3000} for n in range(turns)]
    return {"model": "gpt-5.5", "messages": messages, **({"prompt_cache_key": key} if key else {})}


def cached(state: State, body: dict[str, Any]) -> int:
    usage = json.loads(payload(play("/v1/chat/completions", body, state)))["usage"]
    return int(usage["prompt_tokens_details"]["cached_tokens"])


def test_cached_tokens_grow_with_the_conversation() -> None:
    """What this process has seen before counts as cached, in OpenAI's steps of 128; another cache key starts cold."""
    state = State()
    assert cached(state, conversation(1)) == 0
    second = cached(state, conversation(2))
    assert second == (8000 + 3000) // 4 // 128 * 128
    assert cached(state, conversation(3)) > second
    assert cached(state, conversation(3, "other")) == 0
    state.reset()
    assert cached(state, conversation(3)) == 0


def test_anthropic_caches_what_is_marked() -> None:
    """Anthropic counts cache writes, then reads, when the request marks them; the mark may move between turns."""

    def body(turns: int) -> dict[str, Any]:
        blocks = [{"type": "text", "text": f"{n}" + "u" * 5000} for n in range(turns)]
        blocks[-1]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
        messages = [{"role": "user", "content": [b]} for b in blocks]
        return {"model": "claude", "max_tokens": 9, "messages": messages}

    state = State()
    first, second = (json.loads(payload(play("/v1/messages", body(n), state)))["usage"] for n in (1, 2))
    assert (first["cache_read_input_tokens"], first["input_tokens"]) == (0, 4)
    assert first["cache_creation_input_tokens"] > 1000
    assert second["cache_read_input_tokens"] >= 1024
    plain = json.loads(payload(play(*ask("messages", "x" * 9000), state)))["usage"]
    assert plain["cache_creation_input_tokens"] == 0


def test_tokens_header_sets_the_number_of_deltas() -> None:
    """`x-sim-tokens` makes exactly that many text deltas, which is what the usage says."""
    path, body = ask("responses", "hi", stream=True)
    for count in (1, 7, 300):
        got = events(payload(play(path, body, x_sim_tokens=str(count), x_sim_scenario="text")))
        assert sum(e["type"] == "response.output_text.delta" for e in got) == count
        assert got[-1]["response"]["usage"]["output_tokens"] == count


EVENTS = [(b"open", UNTIMED), (b"one", 1), (b"two", 2), (b"end", UNTIMED)]
TIMED = [
    (Knobs(), [(0, b"openonetwoend", 4)]),
    (Knobs(first_token_ms=5), [(0, b"open", 0), (5, b"one", 1), (5, b"twoend", 3)]),
    (Knobs(first_token_ms=5, token_ms=2), [(0, b"open", 0), (5, b"one", 1), (7, b"twoend", 3)]),
    (Knobs(token_ms=2, chunk_bytes=4), [(0, b"open", 0), (0, b"one", 1), (2, b"twoe", 3), (2, b"nd", 0)]),
]


@pytest.mark.parametrize(("knobs", "writes"), TIMED)
def test_writes_are_timed(knobs: Knobs, writes: list[tuple[float, bytes, int]]) -> None:
    """The opening goes at once, deltas at their times, what follows a delta goes with it; of four tokens one had no delta."""
    assert list(of_stream(EVENTS, Fault(), knobs, 4, lambda n: b"").writes) == writes


@pytest.mark.parametrize("size", range(1, 14))
def test_chunks_join_to_the_same_bytes(size: int) -> None:
    """Cutting changes borders, not bytes."""
    writes = of_stream(EVENTS, Fault(), Knobs(chunk_bytes=size), 3, lambda n: b"").writes
    assert b"".join(d for _, d, _ in writes) == b"openonetwoend"
    assert max(len(d) for _, d, _ in writes) <= size


@pytest.mark.parametrize(
    ("fault", "data", "ending", "tokens"),
    [
        (Fault("cut", after=2), b"openone", "cut", 1),
        (Fault("cut", at=5), b"openo", "cut", 1),
        (Fault("cut", at=0, reset=True), b"", "reset", 0),
        (Fault("stall", after=3), b"openonetwo", "stall", 3),
        (Fault("in_stream_error", after=1), b"open!1", "end", 0),
    ],
)
@pytest.mark.parametrize("token_ms", [0, 1])
def test_faults_end_a_stream(fault: Fault, data: bytes, ending: str, tokens: int, token_ms: int) -> None:
    """Each fault leaves what came before it, with the tokens of that, and ends in its own way."""
    made = of_stream(EVENTS, fault, Knobs(token_ms=token_ms), 4, lambda n: b"!%d" % n)
    assert (b"".join(d for _, d, _ in made.writes), made.ending) == (data, ending)
    assert sum(t for _, _, t in made.writes) == tokens


def test_json_comes_when_its_last_token_would() -> None:
    """A paced JSON answer takes as long as the stream would."""
    assert of_json(b"{}", Fault(), Knobs(first_token_ms=100, token_ms=10), 11).writes == ((200, b"{}", 11),)
    assert of_json(b"{...}", Fault("cut"), Knobs(), 1).ending == "cut"


def test_log_is_bounded_and_keeps_no_secret() -> None:
    """The log forgets the oldest bodies first, keeps their hashes, and shows credentials only as a hash."""
    log = RequestLog(most=3, most_body_bytes=10)
    for n in range(5):
        log.add("POST", "/x", "", [("Authorization", "Bearer sk-secret")], b"body%d" % n)
    shown = log.report(bodies=True)
    assert [e["n"] for e in shown] == [3, 4, 5]
    assert [e.get("body") for e in shown] == [None, "body3", "body4"]
    assert all(len(e["sha256"]) == 64 for e in shown)
    assert "sk-secret" not in json.dumps(shown)
    assert shown[0]["credential"]["scheme"] == "Bearer"


def mutated(value: Any, rng: random.Random) -> Any:
    """The value with one node replaced by something odd."""
    odd: list[Any] = [None, 0, -1, "", "x", [], {}, [[]], {"type": 5}, True, 1.5]
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(odd)
    made = copy.copy(value)
    key = rng.choice(list(made)) if isinstance(made, dict) else rng.randrange(len(made))
    made[key] = mutated(made[key], rng)
    return made


@pytest.mark.parametrize(
    ("path", "fixture"),
    [
        ("/v1/responses", "codex/custom-loop-gpt-5.5.step4.json"),
        ("/v1/responses", "codex/custom-loop-gpt-6.1-sol.step4.json"),
        ("/v1/messages", "claude-code/post-messages-loop.step4.json"),
        ("/v1beta/models/g:streamGenerateContent?alt=sse", "gemini-cli/post-streamGenerateContent-loop.step4.json"),
    ],
)
def test_odd_requests_never_raise(path: str, fixture: str) -> None:
    """Whatever is odd in a request, there is an answer."""
    body, rng = client_fixture(fixture), random.Random(7)
    for _ in range(400):
        assert play(path, mutated(body, rng)).status in (200, 400)
