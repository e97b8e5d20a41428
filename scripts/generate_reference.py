#!/usr/bin/env python3
"""Writes docs/reference/ from the code, so that no field, command, metric or error is without its line (STYLE 25).

python scripts/generate_reference.py            write the pages
python scripts/generate_reference.py --check    exit 1 when a page is stale or something has no description
"""

import argparse
import importlib
import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path

import compatibility as matrix
import guard_matrix
import msgspec
from msgspec import Meta, Struct

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
_HEAD = "<!-- Made by scripts/generate_reference.py from {source}; change that, then run `make goldens`. -->\n\n"

Problems = list[str]


def _page(title: str, source: str, lines: Iterable[str]) -> str:
    return _HEAD.format(source=source) + f"# {title}\n\n" + "\n".join(lines).rstrip() + "\n"


def _table(header: list[str], rows: Iterable[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + " --- |" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
    yield ""


def _doc(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    text = inspect.getdoc(thing) or ""
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


# === configuration ===


def _split(hint: object) -> tuple[object, list[Meta]]:
    """A type without its annotations, and those."""
    if typing.get_origin(hint) is typing.Annotated:
        inner, *metas = typing.get_args(hint)
        plain, more = _split(inner)
        return plain, more + [meta for meta in metas if isinstance(meta, Meta)]
    return hint, []


def _bounds(metas: list[Meta]) -> str:
    low = next((m.ge for m in reversed(metas) if m.ge is not None), None)
    above = next((m.gt for m in reversed(metas) if m.gt is not None), None)
    high = next((m.le for m in reversed(metas) if m.le is not None), None)
    least = next((m.min_length for m in reversed(metas) if m.min_length is not None), None)
    words = [f"more than {above:,}"] if above is not None else []
    if low is not None and high is not None:
        words.append(f"{low:,} to {high:,}")
    elif low is not None:
        words.append(f"at least {low:,}")
    elif high is not None:
        words.append(f"at most {high:,}")
    if least is not None:
        words.append(f"at least {least} characters")
    return ", ".join(words)


_NAMES: dict[object, str] = {
    int: "integer",
    float: "number",
    str: "text",
    bool: "`true` or `false`",
    type(None): "null",
}


def _type_text(hint: object) -> str:
    plain, metas = _split(hint)
    origin, args = typing.get_origin(plain), typing.get_args(plain)
    title = next((meta.title for meta in metas if meta.title), None)
    if title:
        return title
    if origin is typing.Literal:
        text = "one of " + ", ".join(f"`{value}`" for value in args)
    elif origin in (typing.Union, types.UnionType):
        texts = [_type_text(arg) for arg in args if arg is not type(None)]
        text = " or ".join("a list of these" if t == f"list of {texts[0]}" else t for t in texts)
    elif origin is list:
        text = "list of " + _type_text(args[0])
    elif origin is dict:
        text = "map of name to " + _type_text(args[1])
    elif isinstance(plain, type) and issubclass(plain, Struct):
        text = "section"
    else:
        text = _NAMES.get(plain, str(plain))
    bounds = _bounds(metas)
    return f"{text}, {bounds}" if bounds else text


def _struct_in(hint: object) -> tuple[type[Struct], str] | None:
    """The struct that a field's type holds, and what its path adds: nothing, `.NAME` for a map, `[]` for a list."""
    plain, _ = _split(hint)
    if isinstance(plain, type) and issubclass(plain, Struct):
        return plain, ""
    for arg in typing.get_args(plain):
        found = _struct_in(arg)
        if found:
            origin = typing.get_origin(plain)
            added = ".NAME" if origin is dict else "[]" if origin is list else ""
            return found[0], added + found[1]
    return None


def _yaml(value: object) -> str:
    """A value as it is written in the file, on one line (JSON is YAML)."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int) and value >= 10_000:
        return f"{value:_}"
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value else value


def _default_text(default: object, factory: object, hint: object) -> str:
    if default is msgspec.NODEFAULT and factory is msgspec.NODEFAULT:
        return "required"
    if _struct_in(hint) is not None and default in (None, msgspec.NODEFAULT):
        return "none" if default is None or factory in (dict, list) else "see below"
    value = factory() if factory is not msgspec.NODEFAULT and callable(factory) else default
    return "none" if value in (None, "", [], {}) else f"`{_yaml(value)}`"


def _sections(struct: type[Struct], path: str, places: dict[type[Struct], str], problems: Problems) -> Iterator[str]:
    """A struct's heading and table, then those of the structs inside it. One that is in `places` already is only linked."""
    yield f"## `{path}`" if path else "## The whole file"
    yield ""
    if not _doc(struct):
        problems.append(f"{struct.__module__}.{struct.__name__} has no docstring")
    yield _doc(struct)
    yield ""
    hints = typing.get_type_hints(struct, include_extras=True)
    rows: list[list[str]] = []
    inner: list[tuple[type[Struct], str]] = []
    for field in msgspec.structs.fields(struct):
        hint = hints[field.name]
        metas = [*_split(hint)[1], *(meta for arg in typing.get_args(hint) for meta in _split(arg)[1])]
        described = next((meta.description for meta in reversed(metas) if meta.description), "")
        found = _struct_in(hint)
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        if found:
            described = described or _doc(found[0])
            place = places.setdefault(found[0], here + found[1])
            if place == here + found[1]:
                inner.append((found[0], place))
            else:
                described += f" (as `{place}`)"
        if not described:
            problems.append(f"{struct.__module__}.{struct.__name__}.{field.name} has no Meta(description=…)")
        examples = next((meta.examples for meta in reversed(metas) if meta.examples), None)
        name = f"[`{field.encode_name}`](#{_anchor(places[found[0]])})" if found else f"`{field.encode_name}`"
        rows.append([
            name,
            _type_text(hint),
            _default_text(field.default, field.default_factory, hint),
            described + (f"; for example `{_yaml(examples[0])}`" if examples else ""),
        ])  # fmt: skip
    yield from _table(["field", "type", "default", "meaning"], rows)
    for child, child_path in inner:
        yield from _sections(child, child_path, places, problems)


def _anchor(path: str) -> str:
    """The link target that GitHub makes of the heading `path`."""
    return re.sub(r"[^a-z0-9_ -]", "", path.lower()).replace(" ", "-")


def configuration(problems: Problems) -> str:
    """docs/reference/configuration.md."""
    schema = importlib.import_module("gateway.base.config.schema")
    lines = [
        "`agentcc serve -c gateway.yaml` reads one YAML file. `${NAME}` in a value is replaced by the environment variable",
        "`NAME`. An unknown field is an error that names its place and the closest known field: `agentcc check -c FILE`",
        "tells before anything is started. Fields ending in `_ms` are milliseconds, in `_bytes` bytes, in `_usd` US dollars.",
        "",
        *_sections(schema.GatewayConfig, "", {}, problems),
    ]
    later = getattr(schema, "NOT_SERVED_YET", ())
    if later:
        lines += [
            "## Sections of later versions",
            "",
            ", ".join(f"`{name}`" for name in later)
            + " are refused by this version: a cap that is written but not enforced is worse than none.",
        ]
    return _page("Configuration", "gateway/base/config/schema/", lines)


# === errors ===


def errors(problems: Problems) -> str:
    """docs/reference/errors.md."""
    module = importlib.import_module("gateway.base.core.errors")
    refusal = importlib.import_module("gateway.dataplane.wire.refusal")
    families: tuple[str, ...] = typing.get_args(refusal.Family)
    rows: list[list[str]] = []
    forms: list[list[str]] = []
    for cls in sorted(module.all_errors(), key=lambda c: (c.__mro__[1].__name__, c.code)):
        if not _doc(cls):
            problems.append(f"{cls.__module__}.{cls.__name__} has no docstring")
        fault = {"ClientFault": "the client", "UpstreamFault": "the provider", "OurFault": "the gateway"}
        whose = next((fault[base.__name__] for base in cls.__mro__ if base.__name__ in fault), "")
        rows.append([f"`{cls.code}`", str(cls.status), "yes" if cls.is_retryable else "no", whose, _doc(cls)])
        found = [refusal.form_of(family, cls("")) for family in families]
        forms.append([f"`{cls.code}`", *(f"{form.status} `{form.code}`" + _headers(form.headers) for form in found)])
    of_dialects = [
        [f"`{dialect}`", f"`{cls.code}`", f"{form.status} `{form.type}`" + _headers(form.headers)]
        for (dialect, cls), form in refusal.OF_DIALECT.items()
    ]
    codes = [row[0] for row in rows]
    problems += [f"two errors have the code {code}" for code in set(codes) if codes.count(code) > 1]
    lines = [
        "What the gateway answers by itself, instead of a provider. The code stands in the journal and, in the client's own",
        "dialect, in the body. A provider's own errors pass through as they are.",
        "",
        *_table(["code", "status", "retry helps", "whose fault", "meaning"], rows),
        "## Status and code by client",
        "",
        "Each client gets the form that makes it show our words once and stop. `sdk` is every client not listed, the",
        "official SDKs among them. Dialects without such a code (Messages, Gemini) carry the one that their status implies.",
        "",
        *_table(["error", *(f"`{family}`" for family in families)], forms),
        "## Status and code by dialect",
        "",
        "Where a dialect's clients need another form, whoever they are: Converse's SDKs ask again for any 429. Its other errors",
        "are named by the exception that their status implies.",
        "",
        *_table(["dialect", "error", "form"], of_dialects),
    ]
    return _page("Errors", "gateway/base/core/errors.py and gateway/dataplane/wire/refusal.py", lines)


def _headers(headers: tuple[tuple[str, str], ...]) -> str:
    return "".join(f", `{name}: {value}`" for name, value in headers)


# === command line ===


def _option_rows(parser: argparse.ArgumentParser, problems: Problems) -> Iterator[list[str]]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction | argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        metavar = action.metavar if isinstance(action.metavar, str) else None
        if action.option_strings:
            value = "" if action.nargs == 0 else " " + (metavar or _choices(action) or action.dest.upper())
            name = ", ".join(action.option_strings) + value
        else:
            name = metavar or _choices(action) or action.dest.upper()
        if not action.help:
            problems.append(f"`{parser.prog}`: {name} has no help")
        yield [f"`{name}`", (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")]


def _choices(action: argparse.Action) -> str:
    return "{" + ",".join(str(choice) for choice in action.choices) + "}" if action.choices else ""


def _commands(parser: argparse.ArgumentParser, problems: Problems) -> Iterator[str]:
    yield f"## `{parser.prog}`"
    yield ""
    if parser.description:
        yield parser.description
        yield ""
    elif parser.prog.count(" "):
        problems.append(f"`{parser.prog}` has no description")
    rows = list(_option_rows(parser, problems))
    subparsers = next((a for a in parser._actions if isinstance(a, argparse._SubParsersAction)), None)
    if subparsers:
        summary = {choice.dest: choice.help or "" for choice in subparsers._choices_actions}
        yield from _table(
            ["command", "does"],
            [[f"[`{p.prog}`](#{_anchor(p.prog)})", summary.get(name, "")] for name, p in subparsers.choices.items()],
        )
    if rows:
        yield from _table(["argument", "meaning"], rows)
    if parser.epilog:
        label, colon, example = parser.epilog.partition(": ")
        yield f"Example: `{example.strip()}`" if colon and label == "example" else parser.epilog
        yield ""
    elif not subparsers:
        problems.append(f"`{parser.prog}` shows no example")
    if subparsers:
        for child in dict.fromkeys(subparsers.choices.values()):  # an alias is the same parser again
            yield from _commands(child, problems)


def cli(problems: Problems) -> str:
    """docs/reference/cli.md."""
    parser: argparse.ArgumentParser = importlib.import_module("gateway.cli.main").parser()
    lines = [
        "Every command has `-h`. Data goes to standard output, all else to standard error.",
        "Exit codes: 0 done, 1 answered no, 2 could not.",
        "",
        *_commands(parser, problems),
    ]
    return _page("Command line", "the parsers in gateway/cli", lines)


# === metrics ===


def metrics(problems: Problems) -> str:
    """docs/reference/metrics.md."""
    module = importlib.import_module("gateway.base.telemetry.metrics")
    rows: list[list[str]] = []
    for metric in module.METRICS:
        if not metric.help:
            problems.append(f"metric {metric.name} has no help")
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append([f"`{metric.name}`", metric.kind, metric.unit, labels, metric.help])
    lines = [
        "Prometheus reads them on `/-/metrics` of the admin port, or of the main port from loopback. They are counted off the",
        "journal, so they hold what the journal holds, restarts included.",
        "",
        *_table(["name", "kind", "unit", "labels", "meaning"], rows),
    ]
    return _page("Metrics", "gateway/base/telemetry/metrics.py", lines)


# === admin API ===

_ACCESS = {
    "local": "loopback, or the admin token",
    "metrics": "loopback, the admin token, or anybody with `server.admin.metrics_public`",
    "token": "the admin token",
}


def admin(problems: Problems) -> str:
    """docs/reference/admin.md."""
    module = importlib.import_module("gateway.controlplane.admin.resources")
    rows: list[list[str]] = []
    for path, route in module.ROUTES.items():
        for method, resource in (("GET", route.get), ("POST", route.post)):
            if resource is not None and not _doc(resource):
                problems.append(f"admin route {method} {path} has no docstring")
            if resource is not None:
                rows.append([f"`{method} {path}`", _ACCESS[route.access], _doc(resource)])
    lines = [
        "On the admin port, and on the main port, which passes `/-/…` on to it. The token goes into",
        "`Authorization: Bearer`; it is `server.admin.token`, else the file `admin.token` in `data_dir`.",
        "",
        *_table(["route", "who may ask", "answer"], rows),
        *(inspect.getdoc(module) or "").split("\n\n")[1:],
    ]
    return _page("Admin API", "gateway/controlplane/admin/resources.py", lines)


# === routes ===


def routes(_: Problems) -> str:
    """docs/reference/routes.md."""
    module = importlib.import_module("gateway.dataplane.flow")
    rows = [[method, f"`{path}`", f"`{dialect}`"] for method, path, dialect in module.served_routes()]
    lines = [
        "Each takes the whole road: key, price, record. Everything else is answered 404 in the dialect of its path and",
        "never reaches a provider. Besides: `HEAD /`, `/healthz`, `/readyz`, and `/-/…` (see the admin API).",
        "",
        *_table(["method", "path", "dialect"], rows),
    ]
    return _page("Routes", "gateway/dataplane/flow/route.py", lines)


# === compatibility ===


def compatibility(_: Problems) -> str:
    """docs/reference/compatibility.md. The tests compare its results with their own run."""
    source = "tests/e2e/matrix/results.json, which tests/e2e/test_matrix.py writes"
    return _page("Compatibility", source, matrix.page_lines(matrix.load()))


# === guardrails by route ===


def guardrails_matrix(_: Problems) -> str:
    """docs/reference/guardrails-matrix.md. The tests compare its results with their own run."""
    source = "tests/e2e/guard_results.json and tests/dataplane/guard/positives.json, which tests write"
    return _page("Guardrails by route", source, guard_matrix.page_lines())


# === guardrail rules ===


def secret_rules(_problems: Problems) -> str:
    """Published formats by family, the names by which the others are known, then the other scanners' rules."""
    from gateway.dataplane.guard import commands, injection, pii
    from gateway.dataplane.guard.secrets.kinds import cloud, code, llm, services, structure
    from gateway.dataplane.guard.secrets.vendors import VENDORS

    families = {
        "Structure": structure,
        "Models": llm,
        "Clouds and infrastructure": cloud,
        "Code, packages, builds": code,
        "Services": services,
    }
    others = {
        "Personal data (`pii`)": sorted(pii.TITLES.items()),
        "Injected instructions (`injection`)": list(injection.TITLES.items()),
        "Tool calls (`tool_calls`)": list(commands.RULES.items()),
    }

    def lines() -> Iterator[str]:
        yield "What the scanners know, by the name that a finding has. How they find it: [guardrails](../concepts/guardrails.md)."
        yield "`agentcc guard rules` lists the same."
        yield ""
        for title, family in families.items():
            yield from (f"## Secrets: {title[0].lower()}{title[1:]}", "")
            rules = sorted(family.RULES, key=lambda each: each.id)
            yield from _table(["rule", "what"], [[f"`{rule.id}`", rule.title] for rule in rules])
        names = sorted(set(VENDORS))
        yield from ("## Secrets: by the name of a value", "")
        yield "`assigned-credential`: a value that looks random, assigned to a name that says credential (`api_key`, `clientSecret`, …)."
        yield ""
        yield f"`<vendor>-credential`: the same with one of these {len(names)} names, where less is asked of the value:"
        yield ""
        yield ", ".join(f"`{name.replace('_', '-')}`" for name in names)
        for title, titles in others.items():
            yield from ("", f"## {title}", "")
            yield from _table(["rule", "what"], [[f"`{rule}`", what] for rule, what in titles])

    return _page("Guardrails' rules", "gateway/dataplane/guard", lines())


PAGES = {
    "admin.md": admin,
    "cli.md": cli,
    "compatibility.md": compatibility,
    "configuration.md": configuration,
    "errors.md": errors,
    "guardrails-matrix.md": guardrails_matrix,
    "metrics.md": metrics,
    "routes.md": routes,
    "secret-rules.md": secret_rules,
}


def main() -> int:
    """Write or check every page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page would change")
    check: bool = parser.parse_args().check
    sys.path.insert(0, str(ROOT))
    problems: Problems = []
    stale: list[str] = []
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        text = make(problems)
        path = REFERENCE / name
        if path.exists() and path.read_text() == text:
            continue
        stale.append(f"docs/reference/{name}")
        if not check:
            path.write_text(text)
            print(f"wrote docs/reference/{name}")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if check and stale:
        print(f"error: stale: {', '.join(stale)}\nhint: run `make goldens` and review the diff", file=sys.stderr)
    return 1 if problems or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
