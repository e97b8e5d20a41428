"""The YAML of rate limits becomes rates; what contradicts itself or has no effect is refused by place, value and way out."""

import re
from pathlib import Path

import pytest

from gateway.base.config import ConfigError, load_elsewhere, parse, rates_of, windows_of
from gateway.base.core.rate import Rate, limiter_name


def rates(text: str) -> tuple[Rate, ...]:
    """Of a file with this `budgets` section."""
    loaded = parse(f"budgets: {text}".encode(), environ={})
    return rates_of(loaded.config.budgets, loaded.source)


def test_an_account_may_have_every_rate_and_those_of_some_models() -> None:
    """Without a limit; each is one limiter."""
    found = rates("""
  org: { rpm: 6000 }
  teams:
    platform:
      rpm: 600
      tpm: 400_000
      input_tpm: 300_000
      output_tpm: 80_000
      concurrency: 16
      models:
        "anthropic/claude-opus-4.7": { rpm: 60, concurrency: 2 }
  users: { "*": { output_tpm: 1 } }
  tags: { "repo=*": { concurrency: 3 } }
""")
    opus = "anthropic/claude-opus-4-7"
    assert list(found) == [
        Rate("org", "", "", "requests", 6000, 6000),
        Rate("team", "platform", "", "requests", 600, 600),
        Rate("team", "platform", "", "tokens", 400_000, 400_000),
        Rate("team", "platform", "", "input_tokens", 300_000, 300_000),
        Rate("team", "platform", "", "output_tokens", 80_000, 80_000),
        Rate("team", "platform", "", "concurrency", 16, 0),
        Rate("team", "platform", opus, "requests", 60, 60),
        Rate("team", "platform", opus, "concurrency", 2, 0),
        Rate("user", "*", "", "output_tokens", 1, 1),
        Rate("tag", "repo=*", "", "concurrency", 3, 0),
    ]
    assert len({limiter_name(rate, rate.id) for rate in found}) == len(found)


def test_limits_and_rates_stand_beside_each_other() -> None:
    """Neither needs the other, in the account or in its `models`."""
    text = """{ org: { limit: 100, rpm: 10, models: { gpt-*: { rpm: 5 }, claude-*: { limit: 9, tpm: 7 }, o3: { limit: 2 } } } }"""
    config = parse(f"budgets: {text}".encode()).config.budgets
    assert [(w.models, w.limit_nusd // 10**9) for w in windows_of(config, "x")] == [
        ("", 100),
        ("claude-*", 9),
        ("o3", 2),
    ]
    assert [(r.models, r.kind, r.amount) for r in rates_of(config, "x")] == [
        ("", "requests", 10),
        ("gpt-*", "requests", 5),
        ("claude-*", "tokens", 7),
    ]


def test_an_account_without_a_limit_may_state_the_terms_of_its_windows() -> None:
    """They inherit them, with rates beside them or not."""
    text = b"budgets: { org: { rpm: 5, hard: true, windows: [ { limit: 3 } ], models: { gpt-*: { rpm: 2 } } } }"
    (window,) = windows_of(parse(text).config.budgets, "x")
    assert window.is_hard


def test_nothing_written_and_switched_off_are_no_rates() -> None:
    """A section that is off is checked all the same."""
    assert rates("{}") == ()
    assert rates("{ enabled: false, org: { rpm: 5 } }") == ()
    with pytest.raises(ConfigError):
        rates("{ enabled: false, org: { rpm: 5, models: { gpt-5.1: { tpm: 1 }, gpt-5-1: { tpm: 2 } } } }")


@pytest.mark.parametrize(
    ("amount", "burst_s", "burst"),
    [
        ("60", "1", 1),
        ("60", "10", 10),
        ("100", "0.6", 1),
        ("100", "0.61", 2),
        ("1", "0.001", 1),
        ("7", "3600", 420),
        ("1000000000", "3600", 60_000_000_000),
    ],
)
def test_the_burst_is_what_flows_in_its_seconds_rounded_up(amount: str, burst_s: str, burst: int) -> None:
    """Exactly, and at least one."""
    (rate,) = rates(f"{{ org: {{ tpm: {amount}, burst_s: {burst_s} }} }}")
    assert rate.burst == burst


def test_the_burst_is_inherited_from_the_account_then_the_section_then_a_minute() -> None:
    """What is nearest counts; it is no matter of `concurrency`."""
    found = rates("""
  burst_s: 30
  org: { rpm: 60, burst_s: 10, concurrency: 4, models: { gpt-*: { rpm: 60, burst_s: 5 }, claude-*: { rpm: 60 } } }
  teams: { a: { rpm: 60, models: { gpt-*: { rpm: 60, burst_s: 1 } } }, b: { burst_s: 2, models: { gpt-*: { rpm: 60 } } } }
""")
    assert [(r.id, r.models, r.burst) for r in found] == [
        ("", "", 10),
        ("", "", 0),
        ("", "gpt-*", 5),
        ("", "claude-*", 10),
        ("a", "", 30),
        ("a", "gpt-*", 1),
        ("b", "gpt-*", 2),
    ]
    assert rates("{ org: { rpm: 60 } }")[0].burst == 60


def test_all_tokens_may_be_fewer_than_those_of_one_direction() -> None:
    """Both hold."""
    assert len(rates("{ org: { tpm: 10, input_tpm: 20, output_tpm: 30 } }")) == 3


def test_a_queue_has_a_length_and_a_time() -> None:
    """By default nothing waits."""
    assert parse(b"").config.budgets.queue_ms == 0
    config = parse(b"budgets: { queue_ms: 600000, queue_requests: 1 }").config.budgets
    assert (config.queue_ms, config.queue_requests) == (600_000, 1)


def test_a_command_beside_the_gateway_reads_the_rates_too(tmp_path: Path) -> None:
    """As it reads limits."""
    file = tmp_path / "gateway.yaml"
    file.write_text('budgets: { org: { limit: "${NOT_HERE_EITHER}", rpm: 5 } }\n')
    assert load_elsewhere(file).budgets.org is not None


_FORBID = "write 1 to 1,000,000,000; to forbid a model use the key's `models`"
_BESIDE = "beside `rpm`, `tpm`, `input_tpm` or `output_tpm`"
WRONG = [
    # names
    ("{ org: { rpms: 5 } }", "org.rpms", "is not a known field", "did you mean `rpm`?"),
    ("{ org: { rpm: 5, burst: 5 } }", "org.burst", "is not a known field", "did you mean `burst_s`?"),
    ("{ users: { a.b@c.d: { models: { gpt-5.1: { inputtpm: 5 } } } } }", "users.a.b@c.d.models.gpt-5.1.inputtpm",
     "is not a known field", "did you mean `input_tpm`?"),
    ("{ rpm: 5 }", "rpm", "is not a known field", "known here: enabled"),
    ("{ org: { windows: [ { limit: 1, rpm: 5 } ] } }", "org.windows[0].rpm", "is not a known field", "known here: limit"),
    ("{ queue_m: 5 }", "queue_m", "is not a known field", "did you mean `queue_ms`?"),
    # amounts
    ("{ org: { rpm: 0 } }", "org.rpm", "is 0: Expected `int` >= 1", _FORBID),
    ("{ org: { tpm: -5 } }", "org.tpm", "is -5: Expected `int` >= 1", _FORBID),
    ("{ org: { input_tpm: 1.5 } }", "org.input_tpm", "is 1.5: Expected `int", _FORBID),
    ("{ org: { output_tpm: ten } }", "org.output_tpm", "is 'ten': Expected `int", _FORBID),
    ("{ org: { concurrency: true } }", "org.concurrency", "is True: Expected `int", _FORBID),
    ("{ org: { concurrency: [5] } }", "org.concurrency", "is wrong: Expected `int", _FORBID),
    ("{ org: { rpm: 1000000001 } }", "org.rpm", "is 1000000001: Expected `int` <=", _FORBID),
    ("{ teams: { b: { rpm: 2 }, a: { models: { gpt-*: { concurrency: 0 } } } } }", "teams.a.models.gpt-*.concurrency",
     "is 0", _FORBID),
    # bursts
    ("{ org: { rpm: 5, burst_s: 0 } }", "org.burst_s", "is 0: Expected `float` > 0", "at most 3600"),
    ("{ org: { rpm: 5, burst_s: 3601 } }", "org.burst_s", "is 3601: Expected `float` <= 3600", "at most 3600"),
    ("{ org: { rpm: 5, burst_s: .nan } }", "org.burst_s", "is nan", "at most 3600"),
    ("{ burst_s: a minute, org: { rpm: 5 } }", "burst_s", "is 'a minute'", "at most 3600"),
    ("{ burst_s: 5 }", "burst_s", "is 5, but has no effect", _BESIDE),
    ("{ burst_s: 5, org: { limit: 5 }, teams: { a: { concurrency: 5 } } }", "burst_s", "is 5, but has no effect", _BESIDE),
    ("{ org: { concurrency: 5, burst_s: 0.5 } }", "org.burst_s", "is 0.5, but has no effect", _BESIDE),
    ("{ org: { limit: 5, burst_s: 5 } }", "org.burst_s", "is 5, but has no effect", _BESIDE),
    ("{ org: { rpm: 5, models: { gpt-*: { concurrency: 2, burst_s: 5 } } } }", "org.models.gpt-*.burst_s",
     "is 5, but has no effect", _BESIDE),
    # the queue
    ("{ queue_requests: 5 }", "queue_requests", "is 5, but has no effect: `queue_ms` is 0", "such as `queue_ms: 5000`"),
    ("{ queue_ms: 0, queue_requests: 5 }", "queue_requests", "has no effect", "remove it"),
    ("{ queue_ms: 5, queue_requests: 0 }", "queue_requests", "is 0", "`queue_ms: 0`"),
    ("{ queue_ms: 600001 }", "queue_ms", "is 600001: Expected `int` <= 600000", ""),
    ("{ queue_ms: -1 }", "queue_ms", "is -1: Expected `int` >= 0", ""),
    # what is missing, twice, or without a limit that it could be of
    ("{ org: { burst_s: 5 } }", "org", "has no limit", "a rate such as `rpm`"),
    ("{ org: { models: { gpt-*: {} } } }", "org.models.gpt-*.limit", "is missing", "a rate such as `rpm`"),
    ("{ org: { models: { gpt-5.1: { rpm: 1 }, gpt-5-1: { rpm: 2 } } } }", "org.models.gpt-5-1",
     "limits the requests of the same models as `$.budgets.org.models.gpt-5.1`", "keep one"),
    ("{ org: { rpm: 5, rollover: true } }", "org.rollover", "has no `limit` beside it", "where the limit is"),
    ("{ org: { rpm: 5, hard: true } }", "org.hard", "has no `limit` beside it", "where the limit is"),
    ("{ org: { limit: 1, models: { gpt-*: { rpm: 5, period: daily } } } }", "org.models.gpt-*.period", "has no `limit`", ""),
    # accounts and models are those of the budgets
    ("{ teams: { plat*: { rpm: 1 } } }", "teams.plat*", "is a pattern", "`*` alone stands for all"),
    ("{ tags: { payments: { rpm: 1 } } }", "tags.payments", "is no tag", "`repo=payments`"),
    ("{ org: { models: { 'gpt-?': { rpm: 1 } } } }", "org.models.gpt-?", "not what the name of a model", "is the wildcard"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "problem", "hint"), WRONG, ids=[f"{w[0][:60]}" for w in WRONG])
def test_what_is_wrong_is_told_by_place_value_and_way_out(text: str, path: str, problem: str, hint: str) -> None:
    """One error, when the file is read."""
    with pytest.raises(ConfigError) as caught:
        parse(f"budgets: {text}".encode(), environ={})
    assert caught.value.path == f"$.budgets.{path}"
    assert problem in str(caught.value)
    assert hint in caught.value.hint


PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "rate-limits.md"


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_examples_of_the_page_can_be_used(example: str) -> None:
    """As they stand in docs/concepts/rate-limits.md."""
    assert rates_of(parse(example.encode()).config.budgets, "rate-limits.md")
