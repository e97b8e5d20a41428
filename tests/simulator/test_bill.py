"""What the provider bills: whole answers whole, broken ones as far as they came, refused ones not at all."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.simulator.bill import Bill, Charge
from gateway.simulator.usage import Usage
from tests.harness import wait_until
from tests.simulator.asking import DIALECTS, ask, events, payload, play

SEEN = {
    "responses": "event: response.output_text.delta",
    "chat": '"content":"',
    "messages": "text_delta",
    "gemini": '"text":"',
}


def charge_of(dialect: str, prompt: str, stream: bool = False, **more: Any) -> Charge | None:
    return play(*ask(dialect, prompt, stream=stream, **more)).charge


def reported(dialect: str, body: dict[str, Any]) -> tuple[int, int, int, int]:
    """(uncached input, cache reads, cache writes, output) of a whole answer, as its dialect tells them."""
    if dialect == "gemini":
        usage = body["usageMetadata"]
        cached = usage.get("cachedContentTokenCount", 0)
        output = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
        return usage["promptTokenCount"] - cached, cached, 0, output
    usage = body["usage"]
    if dialect == "messages":
        return (
            usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"],
            usage["output_tokens"],
        )  # fmt: skip
    a, b = ("input", "output") if dialect == "responses" else ("prompt", "completion")
    cached = usage[f"{a}_tokens_details"]["cached_tokens"]
    return usage[f"{a}_tokens"] - cached, cached, 0, usage[f"{b}_tokens"]


@pytest.mark.parametrize("is_marked", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_bill_is_what_a_whole_answer_reports(dialect: str, is_marked: bool) -> None:
    """Kinds of the bill and of the answer's usage object are the same numbers; a cache is written where Messages asks for it."""
    more: dict[str, Any] = (
        {"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]} if is_marked else {}
    )
    knobs = "n=8;reasoning_tokens=30;prompt_tokens=90;cached_share=0.4;written_share=0.2"
    made = play(*ask(dialect, f"[[sim:reasoning {knobs}]]", **more))
    assert made.charge is not None
    row = Bill().open(made.charge)
    told = reported(dialect, json.loads(payload(made)))
    assert told == (row.input_tokens, row.cache_read_tokens, row.cache_write_tokens, row.output_tokens)
    assert (row.input_tokens + row.cache_read_tokens + row.cache_write_tokens, row.cache_read_tokens) == (90, 36)
    assert row.cache_write_tokens == (18 if dialect == "messages" and is_marked else 0)
    assert row.reasoning_tokens == 30
    assert (row.is_open, row.is_reported) == (False, True)


@pytest.mark.parametrize(
    "prompt", ["[[sim:error status=500]]", "[[sim:error status=429]]", "[[sim:close]]", "[[sim:nonsense]]"]
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_generated_nothing_costs_nothing(prompt: str, stream: bool) -> None:
    """A refusal, and a connection that is dropped before the answer, have no row."""
    assert all(charge_of(dialect, prompt, stream) is None for dialect in DIALECTS)


def test_counting_tokens_costs_nothing_and_embeddings_their_input() -> None:
    """Only generation is billed, and what embeds."""
    assert play("/v1/messages/count_tokens", {"model": "m", "messages": [{}]}).charge is None
    charge = play("/v1/embeddings", {"model": "text-embedding-3-small", "input": "x" * 400}, x_sim_label="e1").charge
    assert charge is not None
    assert (charge.usage.output, charge.label) == (0, "e1")
    assert charge.usage.input > 100


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_can_be_matched(dialect: str) -> None:
    """A row has the label of its request, and the ids that the answer has."""
    made = play(*ask(dialect, "[[sim:text label=r-7;text=hi]]"))
    assert made.charge is not None
    body = json.loads(payload(made))
    assert made.charge.label == "r-7"
    assert made.charge.response_id == (body["responseId"] if dialect == "gemini" else body["id"])
    headers = dict(made.headers)
    assert made.charge.request_id == headers.get("x-request-id", headers.get("request-id", ""))


def test_prompt_has_at_most_a_token_per_byte() -> None:
    """`prompt_tokens` beyond the bytes of the body is cut to them, because no byte-level tokenizer makes more."""
    path, body = ask("chat", "[[sim:text prompt_tokens=1000000]]")
    charge = play(path, body).charge
    assert charge is not None
    assert charge.usage.input == len(json.dumps(body))


LIMITS: dict[str, dict[str, Any]] = {
    "responses": {"max_output_tokens": 20},
    "chat": {"max_completion_tokens": 20},
    "messages": {"max_tokens": 20},
    "gemini": {"generationConfig": {"maxOutputTokens": 20}},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("scenario", "tokens"),
    [
        ("long n=400", 20),
        ("reasoning n=8;reasoning_tokens=15;text=a b c d e f g h", 20),
        ("reasoning n=9", 20),
        ("text text=a b", 2),
    ],
)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_output_limit_holds_for_all_that_is_billed(dialect: str, scenario: str, tokens: int, stream: bool) -> None:
    """Reasoning and text together stop at the client's limit; `ignore_limit` runs over it."""
    charge = charge_of(dialect, f"[[sim:{scenario}]]", stream, **LIMITS[dialect])
    free = charge_of(dialect, f"[[sim:{scenario};ignore_limit=1]]", stream, **LIMITS[dialect])
    assert charge is not None
    assert free is not None
    assert charge.usage.output == tokens
    assert free.usage.output > 20 or tokens < 20


def test_call_that_does_not_fit_is_not_made() -> None:
    """A tool call past the limit is left out, and the answer says that it ran out."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}]
    made = play(*ask("chat", "[[sim:call name=f]]", tools=tools, max_tokens=3))
    (choice,) = json.loads(payload(made))["choices"]
    assert choice["finish_reason"] == "length"
    assert "tool_calls" not in choice["message"]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_hidden_reasoning_is_billed_with_what_follows_it(dialect: str) -> None:
    """The tokens of a stream's writes come to its usage, shown or not; the first text after hidden thoughts carries them."""
    for prompt in ("[[sim:reasoning n=5;token_ms=1;reasoning_tokens=700;text=a b c]]", "[[sim:loop token_ms=1]]"):
        made = play(*ask(dialect, prompt, stream=True))
        assert made.charge is not None
        assert sum(t for _, _, t in made.delivery.writes) == made.charge.usage.output
        if dialect == "chat" and "reasoning" in prompt:
            assert next(t for _, data, t in made.delivery.writes if b'"a"' in data) == 701


def test_bill_is_bounded() -> None:
    """The oldest rows go first; `total` counts them all."""
    bill = Bill(most=2)
    for n in range(3):
        bill.open(Charge("chat", "m", False, Usage(input=1), True, label=str(n)))
    assert [row.label for row in bill.rows()] == ["1", "2"]
    assert bill.total == 3
    bill.clear()
    assert bill.rows() == []


# === over a socket ===


def row_of(http: httpx.Client, label: str) -> dict[str, Any]:
    """The closed row with this label."""

    def find() -> dict[str, Any] | None:
        return next((r for r in http.get("/__sim/bill").json() if r["label"] == label and not r["is_open"]), None)

    row: dict[str, Any] = wait_until(find, 5, f"a row {label}")
    return row


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stream_that_its_client_leaves_is_billed_so_far(http: httpx.Client, dialect: str) -> None:
    """The prompt, and what was generated until the leaving was seen: no less than the client got, far from all."""
    path, body = ask(dialect, "[[sim:long n=900;token_ms=3;label=left]]", stream=True)
    got = ""
    with http.stream("POST", path, json=body) as answer:
        for chunk in answer.iter_text():
            got += chunk
            if got.count(SEEN[dialect]) >= 20:
                break
    row = row_of(http, "left")
    assert got.count(SEEN[dialect]) - 1 <= row["output_tokens"] < 450
    assert row["input_tokens"] > 10
    assert not row["is_reported"]


def test_whole_answer_is_billed_whole_to_a_client_that_left(http: httpx.Client) -> None:
    """A provider that does not stream has generated everything, whoever waits for it."""
    path, body = ask("responses", "[[sim:text token_ms=40;tokens=50;label=gone]]")
    with pytest.raises(httpx.ReadTimeout):
        http.post(path, json=body, timeout=0.1)
    assert row_of(http, "gone")["output_tokens"] == 50


@pytest.mark.parametrize(
    ("scenario", "tokens"),
    [("in_stream_error after=9", 5), ("stall after=9;secs=0.05", 5), ("cut after=9", 5), ("cut after=9;token_ms=1", 5)],
)
def test_stream_that_breaks_off_is_billed_so_far(http: httpx.Client, scenario: str, tokens: int) -> None:
    """What a fault of the provider's own left is billed, and its usage was not reported."""
    path, body = ask("responses", f"[[sim:{scenario};label=broke]]", stream=True)
    try:
        http.post(path, json=body)
    except httpx.TransportError:
        pass
    row = row_of(http, "broke")
    assert (row["output_tokens"], row["is_reported"]) == (tokens, False)


def test_reset_clears_the_bill(http: httpx.Client) -> None:
    """A finished stream is reported as the client read it; `reset` forgets it."""
    path, body = ask("chat", "[[sim:text label=s]]", stream=True, stream_options={"include_usage": True})
    usage = events(http.post(path, json=body).content)[-2]["usage"]
    row = row_of(http, "s")
    assert (row["input_tokens"], row["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert row["is_reported"]
    plain, body = ask("chat", "[[sim:text label=t]]", stream=True)
    http.post(plain, json=body)
    assert not row_of(http, "t")["is_reported"]  # it did not ask for it
    http.post("/__sim/reset").raise_for_status()
    assert http.get("/__sim/bill").json() == []
