"""Rules: the first that holds, what is remembered of them, and what is refused or odd when they are loaded."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.base.config import ConfigError, blocks_of, parse
from gateway.base.core.route import Facts
from gateway.dataplane.routing import Rules
from gateway.dataplane.routing import expression as expressions
from gateway.dataplane.routing.facts import TYPES
from tests.dataplane.routing.asking import chosen, facts, rules


def test_the_first_rule_that_holds_is_chosen() -> None:
    """Rules are read in order; where none holds there is none."""
    assert chosen("input_tokens < 10", "input_tokens < 20000", "true") == "r1"
    assert chosen("input_tokens < 10") == ""
    assert chosen() == ""


@pytest.mark.parametrize(
    ("when", "changed"),
    [
        ('model.startsWith("openai/")', {}),
        ('client == "codex" && step in ["turn", "planner"]', {}),
        ('tags.repo == "payments"', {}),
        ('has(tags.repo) && "repo" in tags && tags["repo"].matches("^pay")', {}),
        ('tags.exists(name, tags[name] == "payments")', {}),
        ("hour >= 9 && hour < 17 && weekday <= 5", {"minute": 4 * 1440 + 16 * 60 + 59}),
        ("weekday == 7 && hour == 23", {"minute": 7 * 1440 - 1}),
        ("budget_used > 0.9", {"budget_used": 1}),
        ("input_tokens * 2 > max_output_tokens", {"max_output_tokens": 5}),
        ("max_output_tokens > 9000", {"max_output_tokens": 10**30}),
        ("!has_images || size(user) == 0", {}),
    ],
)
def test_rules_may_ask_for_every_kind_of_fact(when: str, changed: dict[str, object]) -> None:
    """Texts, flags, tags, numbers, hours and days."""
    assert chosen(when, **changed) == "r0"


@pytest.mark.parametrize("when", ['tags.nope == "x"', 'tags["nope"] != "x"', "1 / max_output_tokens > 0"])
def test_an_evaluation_that_fails_does_not_hold(when: str) -> None:
    """A tag that is not there, a division by zero: the next rule is asked."""
    assert chosen(when, "has_tools") == "r1"


def test_a_macro_over_more_than_can_be_looked_at_does_not_hold() -> None:
    """CEL stops after 10,000 turns; the request is not lost."""
    assert chosen('tags.all(t, t != "x")', "has_tools", tags={str(i): "v" for i in range(10_001)}) == "r1"


# === what is remembered ===

_ATOMS = (
    'model == "a"', 'model.startsWith("b")', 'step == "title"', "is_stream", "has_tools == false", 'tags.repo == "x"',
    "has(tags.repo)", '"env" in tags', 'tags["env"] < "m"', "size(tags) > 1", "input_tokens < 10", "input_tokens >= 10",
    "input_tokens == 11", "12 > input_tokens", "input_tokens in [5, 30]", "max_output_tokens != 0",
    "input_tokens + 1 > max_output_tokens", "budget_used > 0.8", "budget_used <= 0.8", "budget_used == 1.0", "1.1 < budget_used",
    "hour >= 9", "hour < 17", "weekday in [6, 7]", "minute > 600", "minute % 60 == 0", 'user == team', "input_tokens > -1",
)  # fmt: skip


def _joined(parts: tuple[str, str, str]) -> str:
    left, operator, right = parts
    return f"({left}) {operator} ({right})"


_expressions = st.recursive(
    st.sampled_from(_ATOMS),
    lambda inner: st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(_joined) | inner.map(lambda e: f"!({e})"),
    max_leaves=4,
)
_names = st.sampled_from(["a", "b", "bb", "c"])
_counts = st.sampled_from([0, 4, 5, 6, 9, 10, 11, 12, 29, 30, 31, 2**40, 10**30])
_facts = st.builds(
    facts,
    model=_names,
    user=_names,
    team=_names,
    step=st.sampled_from(["turn", "title"]),
    is_stream=st.booleans(),
    has_tools=st.booleans(),
    tags=st.dictionaries(st.sampled_from(["repo", "env", "other"]), st.sampled_from(["x", "a"]), max_size=3),
    input_tokens=_counts,
    max_output_tokens=_counts,
    budget_used=st.sampled_from([0.0, 0.79, 0.8, 0.8000000000000002, 1.0, 1.1, 1.2]),
    minute=st.sampled_from([0, 539, 540, 600, 601, 1019, 1020, 5 * 1440, 7 * 1440 - 1]),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(_expressions, min_size=1, max_size=6), st.lists(_facts, min_size=1, max_size=30))
def test_what_is_remembered_is_what_evaluation_gives(whens: list[str], asked: list[Facts]) -> None:
    """Whatever was asked before, the answer is that of evaluating each rule in order."""
    remembering = rules(*whens)
    compiled = [expressions._environment().compile(when) for when in whens]
    for each in asked:
        fresh = expressions.activation(each)
        plain = next((i for i, when in enumerate(compiled) if when.eval(fresh).value() is True), None)
        found = remembering.choose(each)
        assert (found and found.name) == (None if plain is None else f"r{plain}")


@settings(max_examples=100, deadline=None)
@given(_expressions, st.lists(_facts, min_size=10, max_size=30))
def test_a_verdict_is_never_wrong(when: str, asked: list[Facts]) -> None:
    """What is said to hold always holds for all, what is said never to hold for none."""
    loaded = rules(when)
    held = {loaded.choose(each) is not None for each in asked}
    for warning in loaded.warnings():
        assert held == {"always" in warning.problem}


def test_what_is_remembered_is_not_evaluated_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests in the same intervals share an answer; a number used otherwise than compared is looked at each time."""
    evaluated: list[Facts] = []
    real = expressions.activation

    def counted(of: Facts) -> object:
        evaluated.append(of)
        return real(of)

    monkeypatch.setattr("gateway.dataplane.routing.rules.activation", counted)
    remembering = rules("input_tokens < 100", 'model == "x"')
    for tokens in range(200, 300):
        remembering.choose(facts(input_tokens=tokens, minute=tokens, user=str(tokens)))
    assert len(evaluated) == 2  # once for each kind of fact
    remembering.choose(facts(input_tokens=99))
    remembering.choose(facts(model="x"))
    assert len(evaluated) == 4
    looking = rules("input_tokens % 2 == 0", 'model == "openai/gpt-5.5"')
    assert [looking.choose(facts(input_tokens=n)).name for n in (2, 3, 4)] == ["r0", "r1", "r0"]  # type: ignore[union-attr]


def test_memory_is_bounded() -> None:
    """Names come from clients: ten thousand of them leave at most 4,096 answers."""
    remembering = rules('model == "x"')
    for i in range(10_000):
        remembering.choose(facts(model=str(i)))
    assert [len(group._memo) <= 4096 for group in remembering._groups] == [True]


def test_the_facts_that_rules_name_are_told() -> None:
    """What no rule names need not be found out."""
    assert rules('step == "title"', "tags.x == '1' && hour > 3", "max_output_tokens > input_tokens").facts == {
        "step", "tags", "hour", "max_output_tokens", "input_tokens",
    }  # fmt: skip
    assert rules().facts == frozenset()


# === refused ===


@pytest.mark.parametrize(
    ("when", "problem", "hint"),
    [
        ('modle == "x"', "`modle` is no fact (column 1)", "did you mean `model`?"),
        ("input_token < 5", "`input_token` is no fact (column 1)", "did you mean `input_tokens`?"),
        ('model.startWith("x")', "`startWith` is no function (column 16)", "did you mean `startsWith`?"),
        ('session == "x"', "`session` is no fact (column 1)", "known: model, dialect"),
        ("input_tokens <", "syntax error: mismatched input '<eof>' (column 15)", "write CEL"),
        ('model = "x"', "(column 7)", "write `==` to compare"),
        ("has_tools and has_images", "(column 11)", "write `&&` for and"),
        ("not has_tools", "(column 5)", "write `!` for not"),
        ("model", "that gives text, not true or false", "compare it"),
        ("input_tokens + 1", "that gives a number, not true or false", "compare it"),
        ("null", "not true or false", "compare it"),
        ("budget_used > 1", "`>` does not take double and int (column 13)", "`1.0` beside a double"),
        ("model == 1", "`==` does not take string and int (column 7)", "values of one kind"),
        ('model.matches("[")', "has the pattern '['", "RE2"),
        (f"{'(' * 300}true{')' * 300}", "recursion limit", "write CEL"),
        (f"input_tokens in {list(range(1200))}", "is slow: about 1,203 steps", "name fewer values"),
        (f"{list(range(30))}.all(a, {list(range(30))}.all(b, a + b > input_tokens))", "is slow", "name fewer"),
        ("tags.all(a, tags.all(b, a == b))", "is slow", "name fewer"),
        (" || ".join(['model.matches("^a")'] * 10), "is slow", "name fewer"),
    ],
)
def test_a_bad_expression_is_refused_with_the_way_out(when: str, problem: str, hint: str) -> None:
    """At load, with the path of the rule."""
    with pytest.raises(ConfigError) as caught:
        rules("true == has_tools", when)
    assert caught.value.path == "$.routing.default.rules[1].when"
    assert problem in caught.value.problem
    assert hint in caught.value.hint


def test_what_people_write_is_fast_enough() -> None:
    """A macro over the tags, fifty models, a pattern."""
    rules(
        'tags.exists(t, t.startsWith("team-"))', f"model in {[f'm{i}' for i in range(50)]}", 'model.matches("^gpt-5")'
    )


# === odd ===


@pytest.mark.parametrize(
    "when",
    [
        "false", "1 > 2", "input_tokens < 10 && input_tokens > 20", "input_tokens < 0", "hour == 24", "weekday > 7",
        'model == "a" && model == "b"', 'step == "compact"', "has_tools && !has_tools", "budget_used > 0.8 && budget_used < 0.8",
        'input_tokens < 10 && model.startsWith("a") && input_tokens > 20', 'model in ["a", "b"] && model == "c"',
        "false ? has_tools : false",
    ],
)  # fmt: skip
def test_a_rule_that_can_never_match_warns(when: str) -> None:
    """It is loaded all the same."""
    (warning,) = rules(when).warnings()
    assert str(warning) == (
        f"warning: gateway.yaml: `$.routing.default.rules[0].when` can never match: {when!r}\n"
        "hint: mend the expression, or remove the rule"
    )


@pytest.mark.parametrize("when", ["true", "input_tokens >= 0", "has_tools || !has_tools", "hour < 24 || tags.x == 'a'"])
def test_a_rule_that_always_matches_warns(when: str) -> None:
    """So do those after it."""
    first, second = rules(when, "has_tools").warnings()
    assert "always matches" in first.problem
    assert (second.path, second.problem) == (
        "$.routing.default.rules[1].when", "comes after rule 'r0', which always matches",
    )  # fmt: skip


@pytest.mark.parametrize(
    "when",
    [
        "input_tokens < 10 || input_tokens > 20", "input_tokens < 10 && input_tokens > 8", 'model == "a" || model == "b"',
        'model < "a" && model > "b"', "user == team", 'tags.x == "1" && tags.x == "2"', "input_tokens > max_output_tokens",
        "minute % 2 == 0", 'step == "title"', "budget_used > 0.8 && budget_used < 0.9", '[1, 2].all(model, model > 1)',
    ],
)  # fmt: skip
def test_other_rules_do_not_warn(when: str) -> None:
    """Neither what can hold, nor what can't be told."""
    assert list(rules(when).warnings()) == []


def test_a_gateway_without_rules_does_not_load_the_library() -> None:
    """Neither its memory nor its time is paid."""
    code = (
        "import sys; from tests.dataplane.routing.asking import rules, facts\n"
        "assert rules().choose(facts()) is None and 'cel_expr_python' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "routing.md"


def test_what_the_page_says_is_so() -> None:
    """The rules of docs/concepts/routing.md compile without a warning, and it names every fact."""
    text = PAGE.read_text()
    for example in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        for each in blocks_of(parse(example.encode()).config, "routing.md"):
            assert list(Rules(each, "routing.md").warnings()) == []
    facts_table = text.partition("| fact |")[2].partition("\n\n")[0]
    named = {
        name
        for row in facts_table.splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert named == set(TYPES)


@pytest.mark.parametrize(
    ("when", "tags", "holds"),
    [
        ('tags.repo == "x"', {}, False),
        ('tags.repo != "x"', {}, False),
        ('!has(tags.repo) || tags.repo != "x"', {}, True),
        ('!has(tags.repo) || tags.repo != "x"', {"repo": "x"}, False),
    ],
)
def test_a_tag_that_is_not_there(when: str, tags: dict[str, str], holds: bool) -> None:
    """As the page says."""
    assert chosen(when, tags=tags) == ("r0" if holds else "")
