"""The YAML of budgets becomes windows, exactly; what contradicts itself is refused by place, value and way out."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.base.config import ConfigError, check_cascades, load_elsewhere, parse, windows_of
from gateway.base.core.budget import UNLIMITED, Downgrade, Raise, Window

NANO = 10**9


def windows(text: str) -> tuple[Window, ...]:
    """Of a file with this `budgets` section."""
    loaded = parse(f"budgets: {text}".encode(), environ={})
    return windows_of(loaded.config.budgets, loaded.source)


def only(text: str) -> Window:
    """The one window of an organisation's account."""
    (window,) = windows(f"{{ org: {text} }}")
    return window


def test_the_example_of_the_specification_works_as_written() -> None:
    """Five caps; the hard ones refuse at 1.0."""
    found = windows("""
  enabled: true
  default_period: monthly
  warn_threshold: 0.8
  org: { limit: 80000, hard: false }
  teams:
    platform:        { limit: 18000, hard: false }
    internal-tools:  { limit: 12000, hard: false }
    cx-engineering:  { limit: 9000,  hard: true }
  keys:
    ci-codex-runner: { limit: 200, hard: true, period: daily }
""")
    assert [(w.name, w.limit_nusd // NANO, w.is_hard, w.pause) for w in found] == [
        ("org:||monthly|UTC", 80000, False, 1.1),
        ("team:platform||monthly|UTC", 18000, False, 1.1),
        ("team:internal-tools||monthly|UTC", 12000, False, 1.1),
        ("team:cx-engineering||monthly|UTC", 9000, True, 1.0),
        ("key:ci-codex-runner||daily|UTC", 200, True, 1.0),
    ]
    assert {(w.warn, w.downgrade, w.cascade) for w in found} == {(0.8, 0.95, Downgrade(10_000, ()))}


def test_nothing_written_and_switched_off_are_no_windows() -> None:
    """A section that is off is checked all the same."""
    assert windows("{}") == ()
    assert windows("{ enabled: false, org: { limit: 5 } }") == ()
    with pytest.raises(ConfigError):
        windows("{ enabled: false, org: { limit: -5 } }")


def test_an_account_may_hold_a_limit_windows_and_limits_of_models() -> None:
    """Each is a window; what a part does not say, its account says, else the section."""
    found = windows("""
  default_period: weekly
  time_zone: Europe/Berlin
  stages: { warn: 0.7, pause: off }
  downgrade: { max_input_tokens: 5000, cascade: [gpt-5.1-mini] }
  teams:
    platform:
      limit: 100
      hard: true
      downgrade: { cascade: [gpt-4.1-mini] }
      alert_to: [em-platform]
      windows:
        - { period: daily, limit: 20 }
        - { period: total, limit: 5000, hard: false, stages: { pause: 1.5 }, alert_to: [] }
      models:
        "anthropic/claude-opus-4.7": { limit: 10.5, time_zone: Asia/Tokyo, warn_threshold: 0.5 }
""")
    mini = Downgrade(5000, ("gpt-4.1-mini",))
    common = {"level": "team", "id": "platform", "downgrade": 0.95, "cascade": mini}
    em = ("em-platform",)
    expected = [
        Window(models="", period="weekly", zone="Europe/Berlin", limit_nusd=100 * NANO, is_hard=True, warn=0.7, pause=1.0,
               alert_to=em, **common),
        Window(models="", period="daily", zone="Europe/Berlin", limit_nusd=20 * NANO, is_hard=True, warn=0.7, pause=1.0,
               alert_to=em, **common),
        Window(models="", period="total", zone="Europe/Berlin", limit_nusd=5000 * NANO, is_hard=False, warn=0.7, pause=1.5,
               alert_to=(), **common),
        Window(models="anthropic/claude-opus-4-7", period="weekly", zone="Asia/Tokyo", limit_nusd=10_500_000_000, is_hard=True,
               warn=0.5, pause=1.0, alert_to=em, **common),
    ]  # fmt: skip
    assert list(found) == expected


def test_a_soft_part_of_a_hard_account_has_the_pause_of_the_section() -> None:
    """The hard limit's 1.0 is not inherited."""
    text = "{ stages: { pause: 1.3 }, org: { hard: true, windows: [ { limit: 1, hard: false } ] } }"
    assert windows(text)[0].pause == 1.3


@pytest.mark.parametrize("off", ["off", "'off'", "false", "no"])
def test_a_stage_may_be_off(off: str) -> None:
    """YAML reads a bare `off` as false."""
    window = only(f"{{ limit: 1, stages: {{ warn: {off}, downgrade: {off}, pause: {off} }} }}")
    assert (window.warn, window.downgrade, window.pause) == (UNLIMITED, UNLIMITED, UNLIMITED)


def test_warn_threshold_is_the_warn_stage() -> None:
    """Of the section, of an account; the same value twice is no contradiction."""
    assert only("{ limit: 1, warn_threshold: 0.5 }").warn == 0.5
    assert only("{ limit: 1, warn_threshold: 0.5, stages: { warn: 0.5 } }").warn == 0.5
    assert windows("{ warn_threshold: 0.6, org: { limit: 1 } }")[0].warn == 0.6
    assert windows("{ warn_threshold: 0.6, org: { limit: 1, stages: { warn: 0.7 } } }")[0].warn == 0.7


@pytest.mark.parametrize(
    ("written", "nusd"),
    [
        ("200", 200 * NANO),
        ("0.1", 100_000_000),
        ("'0.1'", 100_000_000),
        ("1e-9", 1),
        ("'0.000000001'", 1),
        ("1_000", 1000 * NANO),
        ("79999.99", 79_999_990_000_000),
        ("0.3", 300_000_000),
        ("'123456789.123456789'", 123_456_789_123_456_789),
        ("1000000000", NANO * NANO),
    ],
)
def test_a_limit_is_read_exactly(written: str, nusd: int) -> None:
    """As a decimal; a float never computes."""
    assert only(f"{{ limit: {written} }}").limit_nusd == nusd


@given(st.integers(1, NANO * NANO))
def test_every_amount_of_nano_dollars_can_be_written(nusd: int) -> None:
    """As text always; as a number where a number keeps its digits, else it is refused, never rounded."""
    text = f"{Decimal(nusd).scaleb(-9):f}"
    assert only(f"{{ limit: '{text}' }}").limit_nusd == nusd
    digits = str(nusd).rstrip("0")
    if len(digits) <= 15:
        assert only(f"{{ limit: {text} }}").limit_nusd == nusd


def test_a_limit_may_come_from_the_environment() -> None:
    """Then it is text."""
    loaded = parse(b'budgets: { org: { limit: "${CAP}" } }', environ={"CAP": "12.5"})
    assert windows_of(loaded.config.budgets, "x")[0].limit_nusd == 12_500_000_000


def test_a_command_beside_the_gateway_may_lack_the_amounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A placeholder is no amount, and the command does not need it."""
    monkeypatch.delenv("NOT_HERE", raising=False)
    file = tmp_path / "gateway.yaml"
    file.write_text('budgets: { org: { limit: "${NOT_HERE}" } }\n')
    assert load_elsewhere(file).budgets.org is not None


def test_rollover_adds_at_most_one_limit_or_what_is_written() -> None:
    """`true`, `false`, or a maximum."""
    assert only("{ limit: 5, rollover: true }").rollover_nusd == 5 * NANO
    assert only("{ limit: 5, rollover: { max: 1.5 } }").rollover_nusd == 1_500_000_000
    assert only("{ limit: 5, rollover: false }").rollover_nusd == 0


def test_raises_count_between_their_times() -> None:
    """Without `from` at once; an instant is an instant in whichever zone."""
    window = only(
        "{ limit: 5, raises: ["
        "{ amount: 2, from: 2026-11-20T00:00:00+01:00, until: '2026-12-01T00:00:00Z', reason: launch },"
        "{ amount: 0.5, until: 2026-11-21T00:00:00Z } ] }"
    )
    begins, ends, short = 1_795_129_200_000, 1_796_083_200_000, 1_795_219_200_000
    assert window.raises == (Raise(2 * NANO, begins, ends), Raise(500_000_000, 0, short))
    assert window.limit_at(begins - 1) == 5_500_000_000
    assert window.limit_at(begins) == 7_500_000_000
    assert window.limit_at(short) == 7 * NANO
    assert window.limit_at(ends) == 5 * NANO


def test_spelling_a_model_otherwise_is_the_same_window() -> None:
    """So an edit finds the bucket again."""
    spelled = [
        f'{{ models: {{ "{pattern}": {{ limit: 1 }} }} }}' for pattern in ("google/gemini-2.5*", "gemini/gemini-2-5*")
    ]
    assert only(spelled[0]) == only(spelled[1])


WRONG = [
    ("{ daily: 5 }", "daily", "is not a known field", "known here: enabled"),
    ("{ org: { acme: { limit: 5 } } }", "org.acme", "is not a known field", "known here: limit"),
    ("{ org: { limt: 5 } }", "org.limt", "is not a known field", "did you mean `limit`?"),
    ("{ users: { a.b@c.d: { limit: 1, models: { gpt-5.1: { limt: 5 } } } } }", "users.a.b@c.d.models.gpt-5.1.limt",
     "is not a known field", "did you mean `limit`?"),
    ("{ teams: { a: { limit: 1 }, b: { limit: 1, windows: [ { limit: 2 }, { limit: [] } ] } } }", "teams.b.windows[1].limit",
     "is wrong: Expected", ""),
    ("{ default_period: month }", "default_period", "is 'month'", "did you mean `monthly`?"),
    ("{ org: { limit: 1, period: yearly } }", "org.period", "is 'yearly'", "known here: daily, weekly, monthly, total"),
    ("{ stages: { pause: of } }", "stages.pause", "is 'of'", "did you mean `off`?"),
    # amounts
    ("{ org: { limit: -5 } }", "org.limit", "is -5", "more than 0"),
    ("{ org: { limit: 0 } }", "org.limit", "is 0", "more than 0"),
    ("{ org: { limit: .nan } }", "org.limit", "is nan, which is no amount", "such as 200"),
    ("{ org: { limit: .inf } }", "org.limit", "is inf, which is no amount", "such as 200"),
    ("{ org: { limit: $200 } }", "org.limit", "is '$200', which is no amount", "such as 200"),
    ("{ org: { limit: '' } }", "org.limit", "is '', which is no amount", "such as 200"),
    ("{ org: { limit: true } }", "org.limit", "is True", ""),
    ("{ org: { limit: 1000000001 } }", "org.limit", "is 1000000001", "at most 1,000,000,000"),
    ("{ org: { limit: 1.0e300 } }", "org.limit", "is '1.0e300'", "at most 1,000,000,000"),
    ("{ org: { limit: %s } }" % ("9" * 4000), "org.limit", "is 9999", "at most 1,000,000,000"),
    ("{ org: { limit: '0.0000000001' } }", "org.limit", "is '0.0000000001'", "at most 9 decimals"),
    ("{ org: { limit: '1.%s1' } }" % ("0" * 60), "org.limit", "is '1.000", "at most 9 decimals"),
    ("{ org: { limit: 123456789.123456789 } }", "org.limit", "more digits than a number keeps", "in quotes"),
    ("{ org: { limit: 1, rollover: { max: -1 } } }", "org.rollover.max", "is -1", "more than 0"),
    ("{ org: { limit: 1, raises: [ { amount: -1, until: 2027-01-01T00:00:00Z } ] } }", "org.raises[0].amount", "is -1", "than 0"),
    ("{ org: { limit: 900000000, raises: [ { amount: 900000000, until: 2027-01-01T00:00:00Z } ] } }", "org.raises",
     "lift the limit past 1,000,000,000 USD", ""),
    # what is missing or too much
    ("{ org: {} }", "org", "has no limit", "`windows` or `models`"),
    ("{ org: { hard: true, windows: [], models: {} } }", "org", "has no limit", "write `limit`"),
    ("{ org: { windows: [ { period: daily } ] } }", "org.windows[0].limit", "is missing", "US dollars"),
    ("{ org: { models: { gpt-5.1: { hard: true } } } }", "org.models.gpt-5.1.limit", "is missing", "US dollars"),
    ("{ org: { rollover: true, windows: [ { limit: 1 } ] } }", "org.rollover", "has no `limit` beside it", "where the limit is"),
    ("{ org: { raises: [ { amount: 1, until: x } ], windows: [ { limit: 1 } ] } }", "org.raises", "has no `limit`", ""),
    ("{ org: { limit: 1, period: total, rollover: true } }", "org.rollover", "contradicts `period: total`", "remove one"),
    ("{ org: { limit: 1, windows: [ { limit: 2, period: monthly } ] } }", "org.windows[0]", "the same as `$.budgets.org`", "keep one"),
    ("{ org: { models: { gpt-5.1: { limit: 1 }, gpt-5-1: { limit: 2, hard: true } } } }", "org.models.gpt-5-1",
     "the same as `$.budgets.org.models.gpt-5.1`", "keep one"),
    ("\n  teams:\n    a: { limit: 1 }\n    a: { limit: 2 }", "line 4, column 5", "'a' is written twice", ""),
    # accounts
    ("{ teams: { '': { limit: 1 } } }", "teams.", "without a name", ""),
    ("{ teams: { plat*: { limit: 1 } } }", "teams.plat*", "is a pattern", "`*` alone stands for all"),
    ("{ tags: { payments: { limit: 1 } } }", "tags.payments", "is no tag", "`repo=payments`"),
    ("{ tags: { '=x': { limit: 1 } } }", "tags.=x", "is no tag", "`repo=payments`"),
    ("{ tags: { repo=pay*: { limit: 1 } } }", "tags.repo=pay*", "is a pattern", "`name=*` for those of one tag"),
    ("{ org: { models: { '': { limit: 1 } } } }", "org.models.", "not what the name of a model", "is the wildcard"),
    ("{ org: { models: { 'gpt-?': { limit: 1 } } } }", "org.models.gpt-?", "not what the name of a model", "is the wildcard"),
    ("{ org: { models: { 'gpt|x': { limit: 1 } } } }", "org.models.gpt|x", "not what the name of a model", "is the wildcard"),
    ("{ org: { models: { 'gpt-[45]': { limit: 1 } } } }", "org.models.gpt-[45]", "not what the name of a model", "is the wildcard"),
    # stages
    ("{ warn_threshold: 80 }", "warn_threshold", "is 80", "0.8 for 80 %"),
    ("{ stages: { pause: 0 } }", "stages.pause", "is 0", "such as 0.8"),
    ("{ stages: { pause: on } }", "stages.pause", "is True", "such as 0.8"),
    ("{ stages: { warn: -0.5 } }", "stages.warn", "is -0.5", "such as 0.8"),
    ("{ stages: { warn: .nan } }", "stages.warn", "is nan", "such as 0.8"),
    ("{ stages: { warn: .inf } }", "stages.warn", "is inf", "fraction"),
    ("{ warn_threshold: 0.7, stages: { warn: 0.8 } }", "warn_threshold", "is 0.7, but `stages.warn` is 0.8", "write one"),
    ("{ org: { limit: 1, warn_threshold: 0.7, stages: { warn: off } } }", "org.warn_threshold", "`stages.warn` is off", "write one"),
    ("{ stages: { warn: 0.9, downgrade: 0.85 } }", "", "would warn at 0.9, after it would downgrade at 0.85", "order"),
    ("{ stages: { downgrade: off, warn: 1.2 } }", "", "would warn at 1.2, after it would pause at 1.1", "order"),
    ("{ org: { limit: 1, stages: { pause: 0.9 } } }", "org", "would downgrade at 0.95, after it would pause at 0.9", "order"),
    ("{ stages: { downgrade: 1.05 }, org: { limit: 1, hard: true } }", "org", "downgrade at 1.05, after it would refuse at 1", "order"),
    ("{ org: { limit: 1, hard: true, stages: { pause: 1.2 } } }", "org.stages.pause", "contradicts `hard: true`", "remove one"),
    ("{ org: { limit: 1, hard: true, stages: { pause: off } } }", "org.stages.pause", "contradicts `hard: true`", "remove one"),
    ("{ downgrade: { cascade: [gpt-*] } }", "downgrade.cascade[0]", "is 'gpt-*', a pattern", "one model"),
    ("{ downgrade: { cascade: [''] } }", "downgrade.cascade[0]", "is ''", ""),
    ("{ downgrade: { max_input_tokens: -1 } }", "downgrade.max_input_tokens", "is -1", ""),
    # times
    ("{ time_zone: Europe/Berln }", "time_zone", "is 'Europe/Berln', which is no time zone", "did you mean `Europe/Berlin`?"),
    ("{ org: { limit: 1, time_zone: europe/berlin } }", "org.time_zone", "no time zone", "did you mean `Europe/Berlin`?"),
    ("{ time_zone: '' }", "time_zone", "is ''", "such as Europe/Berlin"),
    ("{ time_zone: ../../etc/passwd }", "time_zone", "no time zone", "such as Europe/Berlin"),
    ("{ org: { limit: 1, raises: [ { amount: 1, until: 2027-01-01 } ] } }", "org.raises[0].until", "no time with a zone", "RFC 3339"),
    ("{ org: { limit: 1, raises: [ { amount: 1, until: soon } ] } }", "org.raises[0].until", "is 'soon'", "RFC 3339"),
    ("{ org: { limit: 1, raises: [ { amount: 1 } ] } }", "org.raises[0]", "missing required field `until`", ""),
    ("{ org: { limit: 1, raises: [ { amount: 1, from: 2027-01-02T00:00:00Z, until: 2027-01-01T00:00:00Z } ] } }",
     "org.raises[0].until", "is not after its beginning", "later"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "path", "problem", "hint"), WRONG, ids=[f"{w[0][:60]}" for w in WRONG])
def test_what_is_wrong_is_told_by_place_value_and_way_out(text: str, path: str, problem: str, hint: str) -> None:
    """One error, when the file is read; the whole path, dots in names included."""
    with pytest.raises(ConfigError) as caught:
        parse(f"budgets: {text}".encode(), environ={})
    assert caught.value.path == (path if path.startswith("line") else f"$.budgets.{path}" if path else "$.budgets")
    assert problem in str(caught.value)
    assert hint in caught.value.hint
    assert len(str(caught.value)) < 400


CASCADES = [
    ("{ downgrade: { cascade: [good, bad] } }", "downgrade.cascade[1]"),
    ("{ enabled: false, downgrade: { cascade: [bad] } }", "downgrade.cascade[0]"),
    ("{ users: { a: { limit: 1, downgrade: { cascade: [bad] } } } }", "users.a.downgrade.cascade[0]"),
    (
        "{ org: { windows: [ { limit: 1, downgrade: { cascade: [good, good, bad] } } ] } }",
        "org.windows[0].downgrade.cascade[2]",
    ),
    (
        "{ org: { models: { gpt-5.1: { limit: 1, downgrade: { cascade: [bad] } } } } }",
        "org.models.gpt-5.1.downgrade.cascade[0]",
    ),
]


@pytest.mark.parametrize(("text", "path"), CASCADES)
def test_a_cascade_to_an_unknown_model_is_told_by_its_place(text: str, path: str) -> None:
    """Wherever it is written; who knows the models says what is wrong."""
    config = parse(f"budgets: {text}".encode()).config.budgets
    with pytest.raises(ConfigError) as caught:
        check_cascades(config, "gateway.yaml", lambda name: None if name == "good" else "is served by nobody")
    assert caught.value.path == f"$.budgets.{path}"
    assert "is 'bad': is served by nobody" in str(caught.value)
    assert "`provider/model`" in caught.value.hint


def test_cascades_of_known_models_are_good() -> None:
    """Also to one that no key may use."""
    check_cascades(parse(b"budgets: { downgrade: { cascade: [a, b/c] } }").config.budgets, "x", lambda name: None)


def test_accounts_that_no_key_of_the_file_has_are_good() -> None:
    """Stored keys may have them."""
    assert (
        len(windows("{ keys: { nobody: { limit: 1 } }, teams: { '*': { limit: 1 } }, tags: { a=*: { limit: 1 } } }"))
        == 3
    )


PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "budgets.md"


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_examples_of_the_page_can_be_used(example: str) -> None:
    """As they stand in docs/concepts/budgets.md."""
    assert windows_of(parse(example.encode()).config.budgets, "budgets.md")
