"""From `routing:` to blocks, with the checks that types cannot make. What needs the catalogue is checked by `check_models`."""

import difflib
from collections.abc import Callable, Iterator, Sequence
from math import isfinite

from gateway.base.config.schema import GatewayConfig
from gateway.base.config.schema.routing import BlockConfig, CandidateConfig, RuleConfig, SplitConfig
from gateway.base.config.value import Place, zone_name
from gateway.base.config.warning import ConfigWarning
from gateway.base.core.model_pattern import normal
from gateway.base.core.route import Block, Candidate, Rule, Split, Strategy

DEFAULT = "default"
"""The block of keys that name none."""


def blocks_of(config: GatewayConfig, source: str) -> tuple[Block, ...]:
    """The blocks of a `routing` section, as they are written. Raises ConfigError, also for a key whose block is not there."""
    place = Place(source, "$.routing")
    blocks = tuple(_block(name, block, place.at(name)) for name, block in config.routing.items())
    for key, row in config.keys.items():
        if row.route not in ("", DEFAULT, *config.routing):
            near = difflib.get_close_matches(row.route, config.routing, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"blocks: {', '.join(config.routing) or 'none'}"
            where = Place(source, "$.keys").at(key).at("route")
            raise where.error(f"is {row.route!r}, which is no block of `routing`", hint)
    return blocks


def check_models(config: GatewayConfig, source: str, known: Callable[[str], str | None]) -> None:
    """Raise ConfigError for the first model of a block with which `known` has a problem."""
    for model, where in models_of_blocks(config, source):
        if problem := known(model):
            raise where.error(f"is {model!r}: {problem}", "write `provider/model` or an alias, as a request would")


def models_of_blocks(config: GatewayConfig, source: str) -> Iterator[tuple[str, Place]]:
    """Every model that a block names, as it is written, and where."""
    for name, block in config.routing.items():
        yield from _models(block, Place(source, "$.routing").at(name))


def unused_blocks(config: GatewayConfig, source: str) -> Iterator[ConfigWarning]:
    """A warning for each block that no key of the file names."""
    named = {DEFAULT, *(row.route for row in config.keys.values())}
    for name in config.routing:
        if name not in named:
            hint = f"write `route: {name}` at a key, or ignore this where `agentcc keys create --route {name}` made one"
            yield ConfigWarning(source, f"$.routing.{name}", "is used by no key of this file", hint)


def _models(block: BlockConfig, place: Place) -> Iterator[tuple[str, Place]]:
    listed: list[tuple[Sequence[str | CandidateConfig], Place]] = [
        (block.chain or (), place.at("chain")),
        (block.candidates or (), place.at("candidates")),
        *((rule.use, place.at(f"rules[{i}].use")) for i, rule in enumerate(block.rules)),
    ]
    for entries, where in listed:
        for i, entry in enumerate(entries):
            yield entry if isinstance(entry, str) else entry.model, where.entry(i)
    for share, where in ((block.canary, place.at("canary")), (block.shadow, place.at("shadow"))):
        if share is not None:
            yield share.model, where.at("model")


def _block(name: str, own: BlockConfig, place: Place) -> Block:
    if not name:
        raise place.error("is a block without a name", "write one, such as `default`")
    is_chain = own.strategy == "failover"
    if is_chain and own.candidates is not None:
        raise place.at("candidates").error("is not read by `strategy: failover`", "name it `chain`")
    if not is_chain and own.chain is not None:
        raise place.at("chain").error(f"is not read by `strategy: {own.strategy}`", "name it `candidates`")
    if own.hedge_ms is not None and "race" not in (own.strategy, *(rule.strategy for rule in own.rules)):
        raise place.at("hedge_ms").error(f"is not read by `strategy: {own.strategy}`", "only `race` hedges: remove it")
    return Block(
        name=name,
        strategy=own.strategy,
        candidates=_own_candidates(own, place),
        tries_requested_first=is_chain,
        is_sticky=own.sticky_session,
        hedge_ms=own.hedge_ms or 0,
        attempts=own.attempts,
        retries=own.retries,
        rules=_rules(own, place),
        canary=_split(own.canary, place.at("canary")),
        shadow=_split(own.shadow, place.at("shadow")),
        zone=zone_name(own.time_zone, place.at("time_zone")),
    )


def _own_candidates(own: BlockConfig, place: Place) -> tuple[Candidate, ...]:
    field, written = ("chain", own.chain) if own.strategy == "failover" else ("candidates", own.candidates)
    if written is None and own.strategy == "failover" and (own.rules or own.canary or own.shadow):
        return ()  # only the model that was asked for, but for what these say
    return _candidates(written or [], own.strategy, place.at(field))


def _rules(own: BlockConfig, place: Place) -> tuple[Rule, ...]:
    found: dict[str, Place] = {}
    rules = []
    for i, rule in enumerate(own.rules):
        where = place.at(f"rules[{i}]")
        if first := found.get(rule.name):
            raise where.at("name").error(f"is {rule.name!r}, as `{first.path}` is called", "give each its own name")
        found[rule.name] = where
        rules.append(_rule(rule, own.strategy, where))
    return tuple(rules)


def _rule(own: RuleConfig, above: Strategy, place: Place) -> Rule:
    candidates = _candidates(own.use, own.strategy or above, place.at("use"))
    return Rule(own.name, own.when, candidates, own.strategy)


def _candidates(written: Sequence[str | CandidateConfig], strategy: Strategy, place: Place) -> tuple[Candidate, ...]:
    if not written:
        raise place.error("names no model", "write at least one `provider/model` or alias")
    found: dict[str, Place] = {}
    candidates = []
    for i, entry in enumerate(written):
        where = place.entry(i)
        own = CandidateConfig(model=entry) if isinstance(entry, str) else entry
        _check_model(own.model, where)
        if first := found.get(normal(own.model)):
            raise where.error(f"is {own.model!r}, as `{first.path}` is", "name each model once")
        found[normal(own.model)] = where
        candidates.append(Candidate(own.model, _weight(own.weight, strategy, where.at("weight"))))
    return tuple(candidates)


def _weight(weight: float | None, strategy: Strategy, place: Place) -> float:
    if weight is None:
        return 1.0
    if strategy != "weighted":
        raise place.error(f"is not read by `strategy: {strategy}`", "write `strategy: weighted`, or remove it")
    if not (isfinite(weight) and weight > 0):
        raise place.error(f"is {weight:g}", "write a number above 0, such as 2; to use a model never, remove it")
    return float(weight)


def _split(own: SplitConfig | None, place: Place) -> Split | None:
    if own is None:
        return None
    _check_model(own.model, place.at("model"))
    if not 0 <= own.percent <= 100:  # NaN is not
        raise place.at("percent").error(f"is {own.percent:g}", "write 0 to 100")
    return Split(own.model, float(own.percent))


def _check_model(name: str, place: Place) -> None:
    if "*" in name:
        raise place.error(f"is {name!r}, a pattern", "name one model")
