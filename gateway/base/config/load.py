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

from gateway.base.config.schema import NOT_SERVED_YET, GatewayConfig
from gateway.base.core.struct import Config, Record

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}")
_UNSET = "unset-variable"
_T = TypeVar("_T")
_AT = re.compile(r" - at `(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<field>[^`]*)`")


class ConfigError(Exception):
    """The file cannot be used. `path` is a JSONPath-like place, `value` what stands there, `hint` the way out."""

    def __init__(self, source: str, path: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{source}: `{path}` {problem}")
        self.source, self.path, self.problem, self.hint = source, path, problem, hint

    def __str__(self) -> str:
        text = f"error: {self.source}: `{self.path}` {self.problem}"
        return f"{text}\nhint: {self.hint}" if self.hint else text


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
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as exc:
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
    path = _name_entry(at["path"], values) if at else "$"
    problem = _AT.sub("", text)
    unknown = _UNKNOWN.match(problem)
    if unknown is None:
        if _is_secret(path):
            return ConfigError(source, path, f"is wrong: {problem}")
        found = _value_at(values, path)
        return ConfigError(source, path, f"is {found!r}: {problem}" if found is not None else f"is wrong: {problem}")
    name = unknown["field"]
    known = _fields_at(path)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}" if known else ""
    return ConfigError(source, f"{path}.{name}", "is not a known field", hint)


def _name_entry(path: str, values: object) -> str:
    """msgspec writes `[...]` for the entry of a mapping: find which entry it is by checking each alone."""
    section, mark, rest = path.partition("[...]")
    if not mark:
        return path
    entries: object = values
    for step in _steps(section):
        entries = entries.get(step) if isinstance(entries, dict) else None
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        alone: dict[str, object] = {name: entry}
        for step in reversed(_steps(section)):
            alone = {step: alone}
        try:
            msgspec.convert(alone, GatewayConfig)
        except msgspec.ValidationError:
            return f"{section}.{name}{rest}"
    return path


def _is_secret(path: str) -> bool:
    return path.rsplit(".", 1)[-1] in {"key", "api_key", "token"}


def _steps(path: str) -> list[str]:
    return [step for step in re.split(r"\.|\[", path.replace("]", ""))[1:] if step]


def _value_at(values: object, path: str) -> object:
    for step in _steps(path):
        if isinstance(values, dict) and step in values:
            values = values[step]
        elif isinstance(values, list) and step.isdigit() and int(step) < len(values):
            values = values[int(step)]
        else:
            return None
    return values if isinstance(values, str | int | float | bool) else None


def _fields_at(path: str) -> list[str]:
    """Field names of the struct at `path` (msgspec writes `[...]` for any key of a mapping)."""
    current: object = GatewayConfig
    for step in _steps(path):
        current = _inner(current, step)
    struct = _struct_of(current)
    return [f.name for f in msgspec.structs.fields(struct)] if struct else []


def _struct_of(kind: object) -> type[Config] | None:
    if isinstance(kind, type) and issubclass(kind, Config):
        return kind
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) in (typing.Union, typing.Annotated):
        return next((s for s in map(_struct_of, typing.get_args(kind)) if s), None)
    return None


def _inner(kind: object, step: str) -> object:
    struct = _struct_of(kind)
    if struct:
        return typing.get_type_hints(struct, include_extras=True).get(step, object)
    if typing.get_origin(kind) is typing.Annotated:
        return _inner(typing.get_args(kind)[0], step)
    return typing.get_args(kind)[-1] if typing.get_args(kind) else object
