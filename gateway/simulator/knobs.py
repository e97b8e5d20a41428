"""The switches of one request: headers, a marker in the prompt, a scenario file, the process's defaults. Pure.

Strongest first: `x-sim-*` headers, the marker `[[sim:NAME key=value;key=value]]` in the last user text, the first
matching entry of the scenario file, the command line. A marker may also set what a header sets (`first_token_ms`,
`token_ms`, `tokens`, `chunk_bytes`, `seed`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from .steps import Record

MARKER = re.compile(r"\[\[sim:([a-z_]+)((?:[ ;][^\]]*)?)\]\]")
_SHARED = (
    "first_token_ms", "token_ms", "tokens", "chunk_bytes", "seed", "prompt_tokens", "cached_share", "written_share", "ignore_limit",
    "label",
)  # fmt: skip


class Knobs(Record, frozen=True):
    """What was asked for. `scenario` "" means: the agent decides from the prompt.

    `prompt_tokens` is what is reported and billed instead of a quarter of the bytes; `cached_share` and `written_share` are the
    fractions of it that came from a cache and, where the request marks a place, went into one; `ignore_limit` runs over the client's output limit; `label` is the
    request's name in the bill.
    """

    scenario: str = ""
    args: dict[str, str] = {}
    first_token_ms: float = 0.0
    token_ms: float = 0.0
    tokens: int | None = None
    chunk_bytes: int = 0
    seed: str = "0"
    prompt_tokens: int | None = None
    cached_share: float | None = None
    written_share: float | None = None
    ignore_limit: bool = False
    label: str = ""

    def number(self, name: str, default: float) -> float:
        """A numeric argument; what is not a number counts as absent."""
        try:
            return float(self.args[name])
        except (KeyError, ValueError):
            return default

    def count(self, name: str, default: int) -> int:
        """A numeric argument without a fraction."""
        return int(self.number(name, default))


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a scenario file: `match` is a regular expression on the prompt or the model's name."""

    match: str
    scenario: str = ""
    args: dict[str, str | int | float | bool] = {}


def load_rules(text: bytes) -> tuple[Rule, ...]:
    """The entries of a scenario file (YAML: a list of `match`, `scenario`, `args`).

    Raises msgspec.ValidationError with the place of a wrong entry, or ValueError for a wrong regular expression.
    """
    rules = msgspec.yaml.decode(text, type=list[Rule])
    for i, rule in enumerate(rules):
        try:
            re.compile(rule.match)
        except re.error as exc:
            raise ValueError(f"`$[{i}].match` is not a regular expression: {exc}") from exc
    return tuple(rules)


def marker_args(text: str) -> dict[str, str]:
    """`key=value;key=value` as a dict; a value may hold `=` and spaces."""
    pairs = (pair.partition("=") for pair in text.split(";"))
    return {key.strip(): value.strip() for key, mark, value in pairs if mark}


def resolve(
    default: Knobs,
    rules: Sequence[Rule],
    header: Callable[[str], str | None],
    prompt: str,
    model: str,
    helper: bool = False,
) -> Knobs:
    """The knobs of one request. `helper` requests of a client (thread titles) follow headers only."""
    name, args = default.scenario, dict(default.args)
    if not helper:
        rule = next((r for r in rules if re.search(r.match, prompt) or re.search(r.match, model)), None)
        if rule is not None:
            name, args = rule.scenario, {k: _plain(v) for k, v in rule.args.items()}
        marks = list(MARKER.finditer(prompt))
        if marks:
            name, args = marks[-1].group(1), marker_args(marks[-1].group(2))
    asked = header("x-sim-scenario")
    if asked:
        called, _, rest = asked.strip().partition(" ")
        name, args = called, marker_args(rest) if rest else args if called == name else {}
    shared = {key: args[key] for key in _SHARED if key in args}
    for key in _SHARED:
        value = header("x-sim-" + key.replace("_", "-"))
        if value:
            shared[key] = value
    return _with(default, name, args, shared)


def _plain(value: str | int | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with(default: Knobs, name: str, args: dict[str, str], shared: Mapping[str, str]) -> Knobs:
    def number(key: str, fallback: Any) -> Any:
        try:
            return max(float(shared[key]), 0.0)
        except (KeyError, ValueError):
            return fallback

    def whole(key: str, fallback: int | None) -> int | None:
        value = number(key, fallback)
        return None if value is None else int(value)

    return Knobs(
        scenario=name, args=args, first_token_ms=number("first_token_ms", default.first_token_ms),
        token_ms=number("token_ms", default.token_ms), tokens=whole("tokens", default.tokens),
        chunk_bytes=int(number("chunk_bytes", default.chunk_bytes)), seed=shared.get("seed", default.seed),
        prompt_tokens=whole("prompt_tokens", default.prompt_tokens), cached_share=number("cached_share", default.cached_share),
        written_share=number("written_share", default.written_share), ignore_limit=shared.get("ignore_limit") in ("1", "true"),
        label=shared.get("label", ""),
    )  # fmt: skip
