"""Reads gateway.yaml: text → values → environment filled in → checked structs, with errors that name path and way out."""

import difflib
import hashlib
import os
import re
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

from gateway.base.config.budgets import windows_of
from gateway.base.config.error import ConfigError
from gateway.base.config.guardrails import check_guardrails
from gateway.base.config.rates import rates_of
from gateway.base.config.routing import blocks_of
from gateway.base.config.schema import NOT_SERVED_YET, GatewayConfig
from gateway.base.config.sessions import session_rules_of
from gateway.base.core.struct import Config, Record

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_UNSET = "unset-variable"
_T = TypeVar("_T")
_Step = str | int
_ENTRY = "[...]"
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")
_AT = re.compile(r" - at `(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>[^`]*)`")


class Loaded(Record, frozen=True):
    """A checked file: its structs and the version that records name (a hash of the text before the environment)."""

    config: GatewayConfig
    version: str
    source: str


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses a key written twice instead of keeping the last."""


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[object, object]:
    loader.flatten_mapping(node)
    result: dict[object, object] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise yaml.constructor.ConstructorError(
                None, None, f"key {key!r} is not a string; write it in quotes", key_node.start_mark
            )
        if key in result:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} is written twice", key_node.start_mark)
        result[key] = loader.construct_object(value_node, deep=True)
    return result


# A date is text here (`expires: 2027-01-01T00:00:00Z`): the field that holds it says what it must look like.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def load_config(path: str | Path, environ: Mapping[str, str] | None = None) -> GatewayConfig:
    """The checked configuration of the file at `path`. Raises ConfigError."""
    return load(path, environ).config


def load_elsewhere(path: str | Path) -> GatewayConfig:
    """The configuration for a command beside the gateway, where variables that only the gateway has may not be set.

    A value that was to come from one is a placeholder (`is_placeholder`), `data_dir` never. Raises ConfigError.
    """
    config = parse(_read(path), str(path), is_elsewhere=True).config
    return load_config(path) if is_placeholder(config.server.data_dir) else config  # the former says which is not set


def is_placeholder(value: str) -> bool:
    """Whether a value of `load_elsewhere` was to come from a variable that is not set here."""
    return _UNSET in value


def load_or_kept(path: str, kept: str, read: Callable[[str], _T]) -> tuple[_T, ConfigError | None]:
    """`read(path)`; where the file is bad now, `read(kept)`, its last good version, and what is wrong with the file.

    So a process that died can come back. Raises ConfigError when nothing was kept.
    """
    try:
        return read(path), None
    except ConfigError as exc:
        if not os.path.exists(kept):
            raise
        return read(kept), exc


def load(path: str | Path, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read and check the file at `path`. Raises ConfigError, also when it cannot be read."""
    return parse(_read(path), str(path), environ)


def _read(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        hint = "pass another file with -c FILE" if isinstance(exc, FileNotFoundError) else ""
        raise ConfigError(str(path), "$", f"cannot be read: {exc.strerror}", hint) from exc


def parse(
    text: bytes,
    source: str = "gateway.yaml",
    environ: Mapping[str, str] | None = None,
    *,
    is_elsewhere: bool = False,
) -> Loaded:
    """Check configuration text. `environ` fills `${NAME}` and `${NAME:-default}` (default: this process's).

    `is_elsewhere`: a variable that is not set gives a placeholder instead of an error.
    """
    try:
        values = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader subclass
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # ValueError: no UTF-8, or an endless number
        mark = getattr(exc, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "$"
        raise ConfigError(source, place, f"is not valid YAML: {getattr(exc, 'problem', None) or exc}") from exc
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(source, "$", f"must be a mapping of sections, not {type(values).__name__}")
    for name in NOT_SERVED_YET:
        if name in values:
            raise ConfigError(
                source, f"$.{name}", "is not served by this version", "remove the section: nothing would enforce it"
            )
    filled = _fill(values, "$", source, os.environ if environ is None else environ, is_elsewhere)
    try:
        config = msgspec.convert(filled, GatewayConfig)
    except msgspec.ValidationError as exc:
        raise _explain(exc, filled, source) from exc
    if not is_elsewhere:  # there an amount may be a placeholder
        windows_of(config.budgets, source)
        rates_of(config.budgets, source)
        session_rules_of(config.budgets, source)
        blocks_of(config, source)
        check_guardrails(config.guardrails, source)
    return Loaded(config, hashlib.sha256(text).hexdigest()[:12], source)


def _fill(value: object, path: str, source: str, environ: Mapping[str, str], is_elsewhere: bool) -> object:
    """Replace `${NAME}` in every string; an unset variable without a default is an error, elsewhere a placeholder."""
    if isinstance(value, dict):
        return {k: _fill(v, f"{path}.{k}", source, environ, is_elsewhere) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(v, f"{path}[{i}]", source, environ, is_elsewhere) for i, v in enumerate(value)]
    if not isinstance(value, str) or "${" not in value:
        return value

    def one(match: re.Match[str]) -> str:
        found = environ.get(match[1]) or match[3]
        if found is None and is_elsewhere:
            return f"{_UNSET}-{match[1]}"
        if found is None:
            raise ConfigError(
                source,
                path,
                f"needs the environment variable {match[1]}, which is not set",
                f"export {match[1]}=…, or write ${{{match[1]}:-default}}",
            )
        return found

    return _VARIABLE.sub(one, value)


def _explain(exc: msgspec.ValidationError, values: object, source: str) -> ConfigError:
    """msgspec's message → ours: the place, the value that stands there, the nearest right name."""
    text = str(exc)
    at = _AT.search(text)
    steps = _named(at["path"], values, text) if at else []
    path = _path(steps)
    problem = _AT.sub("", text)
    unknown = _UNKNOWN.match(problem)
    if unknown is None:
        if steps and steps[-1] in _SECRETS:
            return ConfigError(source, path, f"is wrong: {problem}")
        found = _value_at(values, steps)
        is_shown = isinstance(found, str | int | float | bool)
        kind = _type_at(steps)
        hint = _hint(kind) or (_nearest(found, _choices(kind)) if isinstance(found, str) else "")
        return ConfigError(source, path, f"is {found!r}: {problem}" if is_shown else f"is wrong: {problem}", hint)
    struct = _struct_of(_type_at(steps))
    fields = [f.encode_name for f in msgspec.structs.fields(struct)] if struct else []
    return ConfigError(source, f"{path}.{unknown['field']}", "is not a known field", _nearest(unknown["field"], fields))


def _nearest(written: str, known: list[str]) -> str:
    near = difflib.get_close_matches(written, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}" if known else ""


_SECRETS = {"key", "api_key", "token"}


def _named(path: str, values: object, text: str) -> list[_Step]:
    """The steps to what msgspec complains of. It writes `[...]` for an entry of a mapping: the one that, alone in it, gets the same `text`."""
    steps: list[_Step] = [int(index) if index else name or _ENTRY for name, index in _STEP.findall(path)]
    for i, step in enumerate(steps):
        entries = _value_at(values, steps[:i])
        if step != _ENTRY or not isinstance(entries, dict):
            continue
        for name in entries:
            alone = _with_only(values, steps[:i], name)
            try:
                msgspec.convert(alone, GatewayConfig)
            except msgspec.ValidationError as exc:
                if str(exc) == text:
                    steps[i], values = name, alone
                    break
    return steps


def _with_only(value: object, steps: list[_Step], name: str) -> object:
    """`value` where the mapping at `steps` holds its entry `name` alone."""
    if isinstance(value, list):
        return [_with_only(v, steps[1:], name) if i == steps[0] else v for i, v in enumerate(value)]
    assert isinstance(value, dict)
    return {**value, steps[0]: _with_only(value[steps[0]], steps[1:], name)} if steps else {name: value[name]}


def _path(steps: list[_Step]) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def _value_at(values: object, steps: list[_Step]) -> object:
    for step in steps:
        if isinstance(values, dict):
            values = values.get(step)
        else:
            values = values[step] if isinstance(values, list) and isinstance(step, int) else None
    return values


def _type_at(steps: list[_Step]) -> object:
    current: object = GatewayConfig
    for step in steps:
        current = _inner(current, step)
    return current


def _choices(kind: object) -> list[str]:
    """The words that a type allows, where it names them."""
    if typing.get_origin(kind) is typing.Literal:
        return [word for word in typing.get_args(kind) if isinstance(word, str)]
    return [word for arg in typing.get_args(kind) for word in _choices(arg)]


def _hint(kind: object) -> str:
    """The way out that a field states itself (`Meta(extra={"hint": …})`)."""
    metas = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, msgspec.Meta)]
    own = next((str(meta.extra["hint"]) for meta in metas if meta.extra and "hint" in meta.extra), "")
    return own or next((hint for hint in map(_hint, typing.get_args(kind)) if hint), "")


def _struct_of(kind: object) -> type[Config] | None:
    if isinstance(kind, type) and issubclass(kind, Config):
        return kind
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) in (typing.Union, typing.Annotated):
        return next((s for s in map(_struct_of, typing.get_args(kind)) if s), None)
    return None


def _inner(kind: object, step: _Step) -> object:
    struct = _struct_of(kind)
    if struct and isinstance(step, str):
        return typing.get_type_hints(struct, include_extras=True).get(step, object)
    if typing.get_origin(kind) is typing.Annotated or isinstance(
        kind, types.UnionType
    ):  # of a union, the first: `list[…] | None`
        return _inner(typing.get_args(kind)[0], step)
    return typing.get_args(kind)[-1] if typing.get_args(kind) else object
