"""`agentcc explain`: which block, rule and models a request would get, and why; nothing is sent."""

import argparse
import json
import sys
from pathlib import Path
from time import time
from typing import Any

import msgspec

from gateway.base.config import Loaded, load
from gateway.base.core.errors import GatewayError
from gateway.base.core.money import usd
from gateway.base.core.period import moment_ms
from gateway.cli.check import policy_of
from gateway.cli.command import Subparsers
from gateway.cli.output import print_table
from gateway.cli.usage_error import UsageError
from gateway.dataplane.flow import Explained, Question, explain

_PATHS = {"input": "/v1/responses", "messages": "/v1/chat/completions"}
_SEE = "docs/concepts/routing.md tells what each means"


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc explain`."""
    parser = subparsers.add_parser(
        "explain",
        help="say where a request would go, and why",
        description="Say which routing block, rule and models a request would get, in which order, and who is passed over "
        "why. Nothing is sent; breakers, rate limits and budgets of a running gateway are not looked at.",
        epilog="example: agentcc explain request.json --key alice --path /v1/messages",
    )
    parser.add_argument("body", metavar="FILE", help="the request's JSON body; - reads standard input")
    parser.add_argument("-c", "--config", metavar="FILE", default="gateway.yaml", help="[default: ./gateway.yaml]")
    parser.add_argument("--key", metavar="NAME", help="a key of the file [default: one that may use everything]")
    parser.add_argument("--path", help="path of the request [default: told from the body]")
    parser.add_argument("--header", metavar="NAME=VALUE", action="append", default=[], help="a header; repeatable")
    parser.add_argument("--at", metavar="TIME", help="when, as 2026-11-21T16:00:00Z [default: now]")
    parser.add_argument(
        "--budget-used", metavar="SHARE", type=float, default=0.0, help="what budget_used is [default: 0]"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="[default: text]")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0: explained; 1: the request would be refused. Raises UsageError, ConfigError."""
    loaded = load(args.config)
    question = _question(args, loaded)
    try:
        found = explain(policy_of(loaded), question)
    except GatewayError as error:
        print(f"refused: {error.message} ({error.code})", file=sys.stderr)
        return 1
    (_print_json if args.format == "json" else _print_text)(found)
    return 0 if found.plan.attempts or not found.strategy else 1


def _question(args: argparse.Namespace, loaded: Loaded) -> Question:
    keys = loaded.config.keys
    if args.key is not None and args.key not in keys:
        raise UsageError(f"there is no key `{args.key}` in {loaded.source}", f"keys: {', '.join(keys) or 'none'}")
    body = _read(args.body)
    path = args.path or next((path for member, path in _PATHS.items() if member in _members(body)), None)
    if path is None:
        raise UsageError("the body does not tell its wire API", "write --path, such as --path /v1/messages")
    headers = {}
    for header in args.header:
        name, equals, value = header.partition("=")
        if not equals:
            raise UsageError(f"`{header}` is no header", "write --header user-agent=claude-cli/2.1.197")
        headers[name.lower()] = value
    key = keys.get(args.key) if args.key else None
    return Question(path, headers, body, args.key or "", key, _moment_s(args.at), args.budget_used)


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as exc:
        raise UsageError(f"{name}: {exc.strerror}", "pass the file of a request's body, or - to read it") from exc


def _members(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as exc:
        raise UsageError(f"the body is no JSON object: {exc}") from exc


def _moment_s(text: str | None) -> float:
    try:
        return time() if text is None else moment_ms(text) / 1000
    except ValueError:
        raise UsageError(f"`{text}` is not a time", "write it like 2026-11-21T16:00:00Z") from None


def _print_text(found: Explained) -> None:
    facts = found.facts
    if not found.strategy:
        print(f"no routing block: `{facts.model}` is asked, and nobody else")
        return
    shown = "the block's own models" if not found.rule else f"rule {found.rule!r}"
    if found.block:
        print(f"block {found.block!r}, {shown}, strategy {found.strategy}")
    else:
        print("no routing block: the deployments of the model's provider")
    print(
        f"{facts.model}: {facts.dialect}, client {facts.client}, step {facts.step}, about {facts.input_tokens:,} input tokens\n"
    )
    rows = [
        [str(n), a.deployment.id, a.reason, f"${usd(cost)}" if cost is not None else "no price"]
        for n, (a, cost) in enumerate(zip(found.plan.attempts, found.costs_nusd, strict=True), 1)
    ]
    if rows:
        print_table(rows, ("", "model", "why", "estimate"))
    if found.plan.refused:
        print("\npassed over")
        print_table([[refused.model, refused.reason] for refused in found.plan.refused])
    if not rows:
        print(f"nobody can serve it\nhint: {_SEE}", file=sys.stderr)


def _print_json(found: Explained) -> None:
    attempts = [
        {
            "model": a.deployment.name,
            "deployment": a.deployment.provider.account.name if a.deployment.provider.account else None,
            "dialect": a.deployment.dialect,
            "reason": a.reason,
            "cost_usd": None if c is None else usd(c),
        }
        for a, c in zip(found.plan.attempts, found.costs_nusd, strict=True)
    ]
    told = {
        "block": found.block or None,
        "rule": found.rule or None,
        "strategy": found.strategy or None,
        "hedge_ms": found.plan.hedge_ms if found.plan.hedge_ms >= 0 else None,
        "attempts": attempts,
        "refused": msgspec.to_builtins(found.plan.refused),
        "facts": msgspec.to_builtins(found.facts),
    }
    print(json.dumps(told, indent=2))
