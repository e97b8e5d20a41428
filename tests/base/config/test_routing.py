"""Routing blocks: what a `routing` section means, and what is refused in it."""

import re
from pathlib import Path

import pytest

from gateway.base.config import ConfigError, blocks_of, check_models, parse, unused_blocks
from gateway.base.core.route import Block, Candidate, Rule, Split


def _blocks(text: str) -> dict[str, Block]:
    config = parse(f"routing: {text}".encode(), environ={}).config
    return {block.name: block for block in blocks_of(config, "gateway.yaml")}


def test_no_section_means_no_blocks() -> None:
    """Then only the requested model is asked, as ever."""
    assert blocks_of(parse(b"").config, "x") == ()


def test_the_example_of_the_specification() -> None:
    """A chain follows the requested model; candidates stand alone."""
    found = _blocks("""
      default:
        strategy: failover
        chain: [openai/gpt-5-1, anthropic/claude-opus-4-7, google/gemini-2-5-pro]
        sticky_session: true
      ci-runners:
        strategy: cost-optimized
        candidates: [openai/gpt-5-1-mini, anthropic/claude-sonnet-4-6]
    """)
    chain = tuple(map(Candidate, ("openai/gpt-5-1", "anthropic/claude-opus-4-7", "google/gemini-2-5-pro")))
    cheap = tuple(map(Candidate, ("openai/gpt-5-1-mini", "anthropic/claude-sonnet-4-6")))
    assert found == {
        "default": Block("default", "failover", chain, True, True, 0, 3),
        "ci-runners": Block("ci-runners", "cost-optimized", cheap, False, False, 0, 3),
    }


def test_everything_that_can_be_said() -> None:
    """Weights, a hedge, rules, canary, shadow, a zone."""
    found = _blocks("""
      r:
        strategy: race
        candidates: [a/x, { model: a/y }]
        hedge_ms: 800
        attempts: 5
        time_zone: Europe/Berlin
        rules:
          - { name: big, when: input_tokens > 5, use: [{ model: a/z, weight: 0.5 }, a/w], strategy: weighted }
          - { name: night, when: hour < 6, use: [a/z] }
        canary: { model: a/new, percent: 5 }
        shadow: { model: a/other, percent: 0.5 }
    """)["r"]
    assert (found.hedge_ms, found.attempts, found.zone) == (800, 5, "Europe/Berlin")
    assert found.candidates == (Candidate("a/x"), Candidate("a/y"))
    assert found.rules == (
        Rule("big", "input_tokens > 5", (Candidate("a/z", 0.5), Candidate("a/w")), "weighted"),
        Rule("night", "hour < 6", (Candidate("a/z"),)),
    )
    assert (found.canary, found.shadow) == (Split("a/new", 5.0), Split("a/other", 0.5))


def test_a_block_may_have_only_exceptions() -> None:
    """Where none holds, only the requested model is tried."""
    found = _blocks(
        "{ default: { rules: [{ name: a, when: has_tools, use: [a/x] }] }, new: { canary: { model: a/y, percent: 1 } } }"
    )
    assert [block.candidates for block in found.values()] == [(), ()]


@pytest.mark.parametrize(
    ("text", "path", "problem", "hint"),
    [
        ("{ d: {} }", "d.chain", "names no model", "write at least one"),
        ("{ d: { chain: [] } }", "d.chain", "names no model", "write at least one"),
        ("{ d: { chain: [], canary: { model: a/x, percent: 1 } } }", "d.chain", "names no model", ""),
        ("{ d: { strategy: race } }", "d.candidates", "names no model", ""),
        ("{ d: { strategy: race, candidates: [] } }", "d.candidates", "names no model", ""),
        ("{ d: { candidates: [a/x] } }", "d.candidates", "`strategy: failover`", "name it `chain`"),
        ("{ d: { strategy: weighted, chain: [a/x] } }", "d.chain", "`strategy: weighted`", "name it `candidates`"),
        ("{ d: { chain: [a/x], hedge_ms: 5 } }", "d.hedge_ms", "`strategy: failover`", "only `race`"),
        ("{ d: { strategy: race, candidates: [a/x], hedge_ms: -1 } }", "d.hedge_ms", "is -1", ""),
        ("{ d: { strategy: fastest, candidates: [a/x] } }", "d.strategy", "is 'fastest'", ""),
        ("{ d: { strategy: failovr, chain: [a/x] } }", "d.strategy", "is 'failovr'", "did you mean `failover`?"),
        ("{ d: { chian: [a/x] } }", "d.chian", "is not a known field", "did you mean `chain`?"),
        ("{ d: { chain: [a/x, a/x] } }", "d.chain[1]", "is 'a/x', as `$.routing.d.chain[0]` is", "once"),
        ("{ d: { chain: [google/gemini-2.5-pro, gemini/gemini-2-5-pro] } }", "d.chain[1]", "gemini", "once"),
        ("{ d: { chain: ['a/*'] } }", "d.chain[0]", "a pattern", "name one model"),
        ("{ d: { chain: [''] } }", "d.chain[0]", "is ''", ""),
        ("{ d: { chain: [a/x], attempts: 0 } }", "d.attempts", "is 0", "write 1 to 20"),
        ("{ d: { chain: [a/x], time_zone: Europe/Berln } }", "d.time_zone", "no time zone", "did you mean `Europe/Berlin`?"),
        ("{ d: { strategy: weighted, candidates: [{ model: a/x, weight: 0 }] } }", "d.candidates[0].weight", "is 0", "above 0"),
        ("{ d: { strategy: weighted, candidates: [{ model: a/x, weight: -2 }] } }", "d.candidates[0].weight", "is -2", "above 0"),
        ("{ d: { strategy: weighted, candidates: [{ model: a/x, weight: .nan }] } }", "d.candidates[0].weight", "is nan", "above 0"),
        ("{ d: { strategy: weighted, candidates: [{ model: a/x, weight: .inf }] } }", "d.candidates[0].weight", "is inf", "above 0"),
        ("{ d: { strategy: race, candidates: [{ model: a/x, weight: 2 }] } }", "d.candidates[0].weight", "`strategy: race`", "weighted"),
        ("{ d: { strategy: race, candidates: [{ model: a/x, wieght: 2 }] } }", "d.candidates[0].wieght", "not a known", "`weight`"),
        ("{ d: { chain: [a/x], canary: { model: a/y, percent: 101 } } }", "d.canary.percent", "is 101", "0 to 100"),
        ("{ d: { chain: [a/x], shadow: { model: a/y, percent: -1 } } }", "d.shadow.percent", "is -1", "0 to 100"),
        ("{ d: { chain: [a/x], shadow: { model: a/y, percent: .nan } } }", "d.shadow.percent", "is nan", "0 to 100"),
        ("{ d: { chain: [a/x], shadow: { model: 'a/*', percent: 1 } } }", "d.shadow.model", "a pattern", ""),
        ("{ d: { rules: [{ name: a, when: has_tools, use: [] }] } }", "d.rules[0].use", "names no model", ""),
        ("{ d: { rules: [{ name: a, when: true, use: [a/x] }] } }", "d.rules[0].when", "is True", "in quotes"),
        ("{ d: { rules: [{ name: a, use: [a/x] }] } }", "d.rules[0]", "when", ""),
        ("{ d: { rules: [{ name: a, when: x, use: [a/x] }, { name: a, when: y, use: [a/x] }] } }", "d.rules[1].name", "is 'a'", "own name"),
        ("{ d: { rules: [{ name: a, when: x, use: [{ model: a/x, weight: 2 }] }] } }", "d.rules[0].use[0].weight", "failover", ""),
        ("{ '': { chain: [a/x] } }", "", "without a name", "`default`"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text: str, path: str, problem: str, hint: str) -> None:
    """With path, value and way out."""
    with pytest.raises(ConfigError) as caught:
        parse(f"routing: {text}".encode(), environ={})
    assert caught.value.path == f"$.routing.{path}"
    assert problem in str(caught.value)
    assert hint in caught.value.hint


def _with_key(route: str) -> str:
    return f"keys: {{ a: {{ key: sk-long-enough, route: {route} }} }}\n"


def test_a_key_names_a_block_that_is_there() -> None:
    """`default` always is, written or not."""
    parse(f"{_with_key('default')}".encode())
    parse(f"{_with_key('ci')}routing: {{ ci: {{ chain: [a/x] }} }}".encode())
    with pytest.raises(ConfigError, match=r"\$\.keys\.a\.route` is 'cii', which is no block") as caught:
        parse(f"{_with_key('cii')}routing: {{ ci: {{ chain: [a/x] }} }}".encode())
    assert caught.value.hint == "did you mean `ci`?"
    with pytest.raises(ConfigError, match="is 'ci'") as caught:
        parse(_with_key("ci").encode())
    assert caught.value.hint == "blocks: none"


def test_a_block_that_no_key_names_is_odd() -> None:
    """A stored key may name it, so it is no error."""
    text = (
        f"{_with_key('ci')}routing: {{ ci: {{ chain: [a/x] }}, default: {{ chain: [a/x] }}, old: {{ chain: [a/x] }} }}"
    )
    (warning,) = unused_blocks(parse(text.encode()).config, "gateway.yaml")
    assert (warning.path, warning.problem) == ("$.routing.old", "is used by no key of this file")


@pytest.mark.parametrize(
    "path",
    ["a.chain[1]", "b.candidates[1]", "a.rules[0].use[0]", "a.canary.model", "b.shadow.model"],
)
def test_models_that_are_not_known_are_refused(path: str) -> None:
    """Wherever a block names one; the caller knows which are."""
    bad = {path: "bad/model"}
    text = f"""
      a:
        chain: [ok/x, {bad.get("a.chain[1]", "ok/y")}]
        rules: [{{ name: r, when: has_tools, use: [{bad.get("a.rules[0].use[0]", "ok/x")}] }}]
        canary: {{ model: {bad.get("a.canary.model", "ok/z")}, percent: 1 }}
      b:
        strategy: weighted
        candidates: [ok/x, {{ model: {bad.get("b.candidates[1]", "ok/y")}, weight: 2 }}]
        shadow: {{ model: {bad.get("b.shadow.model", "ok/z")}, percent: 1 }}
    """
    config = parse(f"routing: {text}".encode()).config
    with pytest.raises(ConfigError) as caught:
        check_models(config, "gateway.yaml", lambda name: "is not served" if name == "bad/model" else None)
    assert (caught.value.path, caught.value.problem) == (f"$.routing.{path}", "is 'bad/model': is not served")


PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "routing.md"


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL))
def test_the_examples_of_the_page_can_be_used(example: str) -> None:
    """As they stand in docs/concepts/routing.md."""
    assert blocks_of(parse(example.encode()).config, "routing.md")
