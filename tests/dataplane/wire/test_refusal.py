"""The form of each refusal for each client, where it is not its class's own: what that very client obeys."""

import json
from typing import Any

import pytest

from gateway.base.core.errors import (
    BodyTooLarge,
    BudgetExceeded,
    BudgetUnproven,
    GatewayError,
    NoDeployment,
    Overloaded,
    RateLimited,
    RetriesExhausted,
    UnknownModel,
    UnknownRoute,
)
from gateway.dataplane.wire import DIALECTS, Family, Fault, details_of, family_of, form_of, provider_error

FAMILIES: tuple[Family, ...] = ("codex", "claude_code", "gemini_cli", "sdk")


def _body(family: Family, error: GatewayError, dialect: str) -> dict[str, Any]:
    body = DIALECTS[dialect].error_body(form_of(family, error, dialect), error.message, details_of(error, "v", "r"))
    found: dict[str, Any] = json.loads(body)
    return found


def _delay(family: Family, error: GatewayError) -> Any:
    details = _body(family, error, "gemini.generate")["error"]["details"]
    return next((row["retryDelay"] for row in details if row["@type"].endswith("RetryInfo")), None)


@pytest.mark.parametrize("kind", [BudgetExceeded, RetriesExhausted])
def test_words_in_a_header_are_one_short_line_of_ascii(kind: type[GatewayError]) -> None:
    """Account ids and tools' names come from outside: nothing in them begins a header of its own."""
    ((_, told),) = form_of(
        "codex", kind("tool `a\r\nset-cookie: x\x00\x7f\u2028é` failed\t3 times. " + "x" * 9999)
    ).headers
    assert told.startswith("tool `a set-cookie: x  ?` failed 3 times. xxx")
    assert len(told) == 600
    assert told.isascii()
    assert told.isprintable()


@pytest.mark.parametrize(
    ("agent", "originator"),
    [("Codex Desktop/1.0 (Mac)", ""), ("", "Codex Desktop"), ("", "Codex "), ("codex_vscode/1", "codex_vscode")],
)
def test_codex_is_codex_wherever_it_runs(agent: str, originator: str) -> None:
    """As codex-rs itself tells its own (`is_first_party_originator`)."""
    assert family_of(agent, originator) == "codex"
    assert family_of("Codexium/1", "Codexium") == "sdk"


@pytest.mark.parametrize("error", [BudgetExceeded("m"), RetriesExhausted("m"), RateLimited("m", retry_after_s=301)])
def test_aws_sdks_do_not_ask_again_for_what_is_used_up(error: GatewayError) -> None:
    """They retry any 429 and ThrottlingException, and know no `x-should-retry`."""
    assert form_of("sdk", error, "bedrock.converse").status == 400
    assert _body("sdk", error, "bedrock.converse")["__type"] == "ServiceQuotaExceededException"
    assert b":exception-type" in (
        event := DIALECTS["bedrock.converse"].error_event(form_of("sdk", error, "bedrock.converse"), "m", {})
    )
    assert b"serviceQuotaExceededException" in event


def test_aws_sdks_ask_again_for_what_clears_by_itself() -> None:
    error = RateLimited("m", retry_after_s=3)
    assert form_of("sdk", error, "bedrock.converse").status == 429
    assert _body("sdk", error, "bedrock.converse")["__type"] == "ThrottlingException"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wait_is_told_in_whole_seconds(family: Family) -> None:
    """In the header, and to Gemini's clients as RetryInfo too."""
    for error, wait in (
        (Overloaded("m"), 1),
        (BudgetUnproven("m"), 1),
        (RateLimited("m", retry_after_s=7), 7),
        (RateLimited("m", retry_after_s=300), 300),
        (RateLimited("m"), 1),
    ):
        assert ("retry-after", str(wait)) in form_of(family, error).headers
        assert _delay(family, error) == f"{wait}s"


@pytest.mark.parametrize("family", FAMILIES)
def test_nobody_waits_in_silence_for_longer_than_five_minutes(family: Family) -> None:
    """The client stops and shows our words, as for a budget; Gemini CLI would stop with words of its own."""
    error = RateLimited("m", retry_after_s=301)
    form, budget = form_of(family, error), form_of(family, BudgetExceeded("m"))
    assert (form.status, form.type, form.event_code) == (budget.status, budget.type, budget.event_code)
    assert form.headers == budget.headers
    assert form.code == "rate_limit_exceeded"
    assert _delay(family, error) is None


@pytest.mark.parametrize(
    ("family", "error", "status", "code"),
    [
        ("codex", UnknownRoute("m"), 404, "model_not_found"),  # any other 404 is asked six times
        ("claude_code", BodyTooLarge("m"), 400, "body_too_large"),  # a 413 shows Claude's own words
        ("gemini_cli", UnknownModel("m"), 400, "unknown_model"),  # a 404 opens its prompt for another model
    ],
)
def test_a_status_that_the_client_has_words_of_its_own_for(
    family: Family, error: GatewayError, status: int, code: str
) -> None:
    form = form_of(family, error)
    assert (form.status, form.code) == (status, code)


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault("bad_request", "no", 400), "invalid_prompt", "no"),
        (Fault("context_window", "full", 400), "context_length_exceeded", "full"),
        (Fault("rate_limit", "slow.", 429, retry_after_s=7), "rate_limit_exceeded", "slow. Please try again in 7s."),
        (Fault("rate_limit", "m", 429, "insufficient_quota"), "insufficient_quota", "m"),
        (Fault("overloaded", "m", 503), "server_is_overloaded", "m"),
        (Fault("server", "m", 500), "server_error", "m"),
    ],
)
def test_a_providers_error_in_codexs_stream_has_the_code_that_it_obeys(fault: Fault, code: str, words: str) -> None:
    """The same as on the translated road (codex-wire §8)."""
    error = provider_error(fault, "openai.responses", "lab")
    event = DIALECTS["openai.responses"].error_event(
        form_of("codex", error), error.message, details_of(error, "v", "r")
    )
    told = json.loads(event.partition(b"data: ")[2])["response"]["error"]
    assert (told["code"], told["message"]) == (code, words)
    assert told["agentcc"]["code"] == "provider_error"


@pytest.mark.parametrize("family", FAMILIES)
def test_when_to_come_back(family: Family) -> None:
    """What is busy, or has every breaker open, says when it is worth to ask again, where that is known."""
    for kind in (Overloaded, NoDeployment):
        assert ("retry-after", "7") in form_of(family, kind("x", retry_after_s=7)).headers
    assert ("retry-after", "1") in form_of(family, Overloaded("x")).headers
    assert not form_of(family, NoDeployment("x")).headers
