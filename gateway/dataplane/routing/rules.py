"""The rules of a block, compiled when it is loaded: facts → the first rule that holds. Pure.

A hundred expressions take 150 µs to evaluate, so nothing is evaluated twice. A rule holds where each of the conditions that its `&&`
joins does; conditions that ask for the same kinds of facts are one `_Group`, which remembers the rules that it leaves. Two requests get the
same answer of it when they are alike in what its conditions ask (reach.py): texts, flags and named tags by their values, numbers by
the interval between the literals that they are compared with. A condition that uses a number in another way
(`input_tokens * 2 > max_output_tokens`) is evaluated for each request, where the rest of its rule holds.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterator
from math import inf, nextafter
from operator import attrgetter

from gateway.base.config import ConfigWarning, Place
from gateway.base.core.route import Block, Facts, Rule
from gateway.dataplane.routing.expression import Condition, Expression, activation
from gateway.dataplane.routing.facts import KINDS, NUMBERS, TAGS
from gateway.dataplane.routing.reach import Reach, reach, verdict

_MEMO_ENTRIES = 4096


class Rules:
    """The rules of one block. `facts` are those that they name: what no rule names need not be found out. Raises ConfigError."""

    __slots__ = ("_all", "_groups", "_live", "_places", "_rules", "_trees", "facts")

    def __init__(self, block: Block, source: str) -> None:
        place = Place(source, "$.routing").at(block.name)
        self._rules = block.rules
        self._places = [place.at(f"rules[{i}].when") for i in range(len(block.rules))]
        compiled = [Expression(rule.when, at) for rule, at in zip(block.rules, self._places, strict=True)]
        self._trees = [expression.tree for expression in compiled]
        self._all = (1 << len(compiled)) - 1
        groups: dict[frozenset[str], _Group] = {}
        self._live: dict[int, list[Condition]] = {}
        named: set[str] = set()
        for i, expression in enumerate(compiled):
            for condition in expression.conditions:
                of = reach(condition.tree)
                named |= of.named()
                if of.exact:
                    self._live.setdefault(i, []).append(condition)
                else:
                    kinds = frozenset(KINDS[name] for name in of.named())
                    groups.setdefault(kinds, _Group()).add(condition, of, 1 << i)
        self._groups = [group.ready() for group in groups.values()]
        self.facts = frozenset(named)

    def choose(self, facts: Facts) -> Rule | None:
        """The first rule that holds."""
        left = self._all
        for group in self._groups:
            left &= ~group.excluded(facts)
            if not left:
                return None
        while left:
            first = left & -left
            i = first.bit_length() - 1
            live = self._live.get(i)
            if live is None or _hold(live, facts):
                return self._rules[i]
            left ^= first
        return None

    def warnings(self) -> Iterator[ConfigWarning]:
        """Which rules never or always match, where that can be told."""
        certain = ""
        for rule, tree, place in zip(self._rules, self._trees, self._places, strict=True):
            found = verdict(tree)
            if certain:
                yield _warning(place, f"comes after rule {certain!r}, which always matches", "write it before that one")
            elif found is False:
                yield _warning(place, f"can never match: {rule.when!r}", "mend the expression, or remove the rule")
            elif found:
                certain = rule.name
                hint = "nothing after it is ever used, the block's own models neither: write its models there instead"
                yield _warning(place, f"always matches: {rule.when!r}", hint)


class _Group:
    """The conditions that ask for the same kinds of facts, each with the rules that have it, as bits."""

    __slots__ = ("_conditions", "_key", "_memo", "_reaches")

    def __init__(self) -> None:
        self._conditions: dict[str, tuple[Condition, int]] = {}
        self._reaches: list[Reach] = []
        self._memo: dict[Hashable, int] = {}

    def add(self, condition: Condition, of: Reach, rule: int) -> None:
        text = repr(condition.tree)
        _, rules = self._conditions.get(text, (condition, 0))
        self._conditions[text] = condition, rules | rule
        self._reaches.append(of)

    def ready(self) -> "_Group":
        self._key = _key_of(self._reaches)
        return self

    def excluded(self, facts: Facts) -> int:
        """The rules that have a condition here that does not hold."""
        key = self._key(facts)
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= _MEMO_ENTRIES:  # names come from clients, so the memo is bounded
                self._memo.clear()
            given = activation(facts)
            found = 0
            for condition, rules in self._conditions.values():
                if rules & ~found and not condition.holds(given):
                    found |= rules
            self._memo[key] = found
        return found


def _hold(conditions: list[Condition], facts: Facts) -> bool:
    given = activation(facts)
    return all(condition.holds(given) for condition in conditions)


def _key_of(reaches: list[Reach]) -> Callable[[Facts], Hashable]:
    """What gives requests that these conditions cannot tell apart the same value."""
    whole = frozenset[str]().union(*(of.whole for of in reaches))
    tags = sorted(frozenset[str]().union(*(of.tags for of in reaches)))
    texts = sorted(whole - {TAGS})
    cuts: dict[str, set[float]] = {}
    for of in reaches:
        for name, values in of.cuts.items():
            cuts.setdefault(name, set()).update(values)
    numbers = [(NUMBERS[name].read, _borders(values, NUMBERS[name].is_float)) for name, values in cuts.items()]
    if texts and not numbers and not tags and TAGS not in whole:
        return attrgetter(*texts)
    read = attrgetter(*texts) if texts else None

    def key(facts: Facts) -> Hashable:
        parts: list[Hashable] = [bisect_right(borders, number(facts)) for number, borders in numbers]
        if read:
            parts.append(read(facts))
        if TAGS in whole:
            parts.append(frozenset(facts.tags.items()))
        elif tags:
            parts += map(facts.tags.get, tags)
        return tuple(parts)

    return key


def _borders(cuts: set[float], is_float: bool) -> list[float]:
    """Where intervals begin whose members compare alike with each of `cuts`: at one, and just beyond it."""
    beyond = {nextafter(cut, inf) if is_float else cut + 1 for cut in cuts}
    return sorted(cuts | beyond)


def _warning(place: Place, problem: str, hint: str) -> ConfigWarning:
    return ConfigWarning(place.source, place.path, problem, hint)
