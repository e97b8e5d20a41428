"""`agentcc keys`: makes, lists, revokes and rotates virtual keys, while the gateway runs or stands.

A secret goes to standard output once and nowhere else; all words go to standard error. Every change counts in all workers
with their next request.
"""

import argparse
import os
import re
import sys
import time
import typing
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import msgspec

from gateway.base.config import GatewayConfig, load_elsewhere
from gateway.base.core.principal import Priority
from gateway.base.storage import PREFIX, NewKey, SqliteKeys, StoredKey, hint_of, open_keys
from gateway.cli.command import Subparsers, add_command, default_config, shared_options
from gateway.cli.output import print_found, second_of
from gateway.cli.usage_error import UsageError
from gateway.dataplane.identity import BadFieldError, network_of, time_ms

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,127}")
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_SPAN_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_COLUMNS = ("name", "source", "state", "key", "org", "team", "user", "cost_center", "expires", "models")


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc keys` and its four commands."""
    parser = subparsers.add_parser(
        "keys",
        help="create, list, revoke and rotate virtual keys",
        description="Create, list, revoke and rotate virtual keys. Takes effect on all workers at once, without a restart.",
        epilog="example: agentcc keys create alice --team platform --model 'openai/*' --expires 90d",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = partial(add_command, commands, shared_options(run, "where keys are kept"))
    create = command("create", _create, "make a key; its secret is shown once", "alice --team platform")
    create.add_argument("name", metavar="NAME", help="unique name of the key: a developer, a CI runner, a feature")
    for option in ("org", "team", "user", "cost-center"):
        create.add_argument(f"--{option}", metavar="TEXT", default="", help=f"its {option.replace('-', ' ')}")
    create.add_argument("--idp-claim", metavar="TEXT", default="", help="its subject at the identity provider")
    create.add_argument("--tag", metavar="K=V", action="append", default=[], help="a tag, repeatable")
    create.add_argument(
        "--model", metavar="PATTERN", action="append", default=[], help="allowed model, repeatable [default: all]"
    )
    create.add_argument("--expires", metavar="WHEN", help="30d, 12h or RFC 3339 [default: never]")
    create.add_argument(
        "--allowed-ip",
        metavar="CIDR",
        action="append",
        default=[],
        help="address or network, repeatable [default: any]",
    )
    create.add_argument("--route", metavar="NAME", default="", help="routing block [default: default]")
    create.add_argument(
        "--priority", choices=typing.get_args(Priority), default="interactive",
        help="`batch` is refused first when the gateway is saturated",
    )  # fmt: skip
    create.add_argument("--chatgpt-account", metavar="ID", default="", help="ChatGPT login that is this key too")
    _output_options(create)

    show = command("list", _list, "show keys, never their secrets", "--json")
    show.add_argument("--json", action="store_true", help="print a JSON array")
    show.add_argument("--all", action="store_true", help="also expired, revoked and replaced keys")

    revoke = command("revoke", _revoke, "refuse a key from now on", "alice")
    revoke.add_argument("name", metavar="NAME|ID", help="a name, or the id of one of its secrets")

    rotate = command("rotate", _rotate, "give a key a new secret", "alice --overlap 24h")
    rotate.add_argument("name", metavar="NAME|ID", help="the key")
    rotate.add_argument(
        "--overlap", metavar="TIME", default="24h", help="how long the old secret works on [default: 24h]"
    )
    rotate.add_argument("--expires", metavar="WHEN", help="30d, RFC 3339 or never [default: as before]")
    _output_options(rotate)


def _output_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-q", "--quiet", action="store_true", help="print the secret and nothing else")
    parser.add_argument("--json", action="store_true", help="print a JSON object, the secret in it")


def run(args: argparse.Namespace) -> int:
    """Do one of the commands. Exit code 0: done; 1: there is no such key. Raises UsageError, ConfigError, StorageError."""
    code: int = args.act(args, time.time_ns() // 1_000_000)
    return code


# === the commands ===


def _create(args: argparse.Namespace, now_ms: int) -> int:
    key = NewKey(
        _name(args.name), args.org, args.team, args.user, args.cost_center, args.idp_claim,
        dict(map(_tag, args.tag)), tuple(args.model), _networks(args.allowed_ip), args.route, args.chatgpt_account,
        _when(args.expires, now_ms) if args.expires else 0, args.priority,
    )  # fmt: skip
    config, data_dir = _place(args)
    if config is not None:
        _refuse_clash(key, config, args.config or default_config())
    with closing(open_keys(data_dir)) as store:
        stored, secret = store.create(key, now_ms)
    _say(args, f"created key `{key.name}` ({stored.id}) in {data_dir}; this is the only time its secret is shown:")
    _show_secret(args, stored, secret, now_ms)
    return 0


def _rotate(args: argparse.Namespace, now_ms: int) -> int:
    overlap_ms = 0 if args.overlap == "0" else _span_ms(args.overlap, "--overlap")
    expires = None if args.expires is None else 0 if args.expires == "never" else _when(args.expires, now_ms)
    with _existing(args) as (store, _):
        if not _has_live(store, args.name):
            return _no_such_key(args.name)
        new, secret, old = store.rotate(args.name, now_ms, overlap_ms, expires)
    until = f"works until {_date(old.overlap_until_ms)}" if overlap_ms else "is refused from now on"
    _say(
        args,
        f"rotated key `{new.key.name}`: the old secret ({old.hint}) {until}. This is the only time the new one is shown:",
    )
    _show_secret(args, new, secret, now_ms)
    return 0


def _revoke(args: argparse.Namespace, now_ms: int) -> int:
    with _existing(args) as (store, config):
        found = [row for row in store.all() if args.name in (row.key.name, row.id) and not row.revoked_at_ms]
        if not found:
            if config is not None and args.name in config.keys:
                raise UsageError(
                    f"key `{args.name}` is written in {args.config or default_config()}",
                    "remove it there; the gateway reloads the file",
                )
            return _no_such_key(args.name)
        for row in store.revoke(args.name, now_ms):
            print(f"revoked key `{row.key.name}` ({row.id}, {row.hint})", file=sys.stderr)
    return 0


def _list(args: argparse.Namespace, now_ms: int) -> int:
    config, data_dir = _place(args)
    rows = [_config_row(name, config) for name in config.keys] if config else []
    if (data_dir / "keys.sqlite3").exists():
        with closing(open_keys(data_dir)) as store:
            rows += [_row(key, now_ms) for key in store.all()]
    if not args.all:
        rows = [row for row in rows if row["state"] in ("live", "overlap")]
    columns = [name for name in _COLUMNS if any(_cell(row[name]) for row in rows)]
    cells = ([_cell(row[name]) or "-" for name in columns] for row in rows)
    return print_found(rows, columns, cells, is_json=args.json, nothing="no keys; make one: agentcc keys create NAME")


# === where the keys are ===


def _place(args: argparse.Namespace) -> tuple[GatewayConfig | None, Path]:
    """The configuration, when there is one, and the data directory. A given --data-dir needs no configuration."""
    path = args.config or default_config()
    if args.data_dir and not args.config and not os.path.exists(path):
        return None, Path(args.data_dir)
    config = load_elsewhere(path)
    return config, Path(args.data_dir or config.server.data_dir)


@contextmanager
def _existing(args: argparse.Namespace) -> Iterator[tuple[SqliteKeys, GatewayConfig | None]]:
    config, data_dir = _place(args)
    if not (data_dir / "keys.sqlite3").exists():
        raise UsageError(f"no keys are kept in `{data_dir}`", "pass the gateway's file with -c FILE, or --data-dir DIR")
    with closing(open_keys(data_dir)) as store:
        yield store, config


def _refuse_clash(key: NewKey, config: GatewayConfig, path: str) -> None:
    if key.name in config.keys:
        raise UsageError(f"key `{key.name}` is already written in {path}", "take another name")
    for name, other in config.keys.items():
        if key.chatgpt_account and other.chatgpt_account == key.chatgpt_account:
            raise UsageError(f"ChatGPT account `{key.chatgpt_account}` already belongs to key `{name}` in {path}")


def _has_live(store: SqliteKeys, name: str) -> bool:
    return any(name in (row.key.name, row.id) and row.is_live for row in store.all())


def _no_such_key(name: str) -> int:
    print(f"error: there is no live key `{name}`\nhint: `agentcc keys list --all` shows them all", file=sys.stderr)
    return 1


# === arguments ===


def _name(text: str) -> str:
    if not _NAME.fullmatch(text) or text.startswith(("key_", PREFIX)):
        raise UsageError(
            f"`{text[:40]}` cannot be a key's name",
            "1–128 letters, digits or . _ @ + -, beginning with a letter or digit, not `key_`",
        )
    return text


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"`--tag {text}` is no tag", "write --tag repo=payments")
    return key, value


def _networks(texts: list[str]) -> tuple[str, ...]:
    try:
        return tuple(str(network_of(text)) for text in texts)
    except BadFieldError as exc:
        raise UsageError(f"--allowed-ip {exc.problem}", exc.hint) from exc


def _span_ms(text: str, option: str) -> int:
    found = _SPAN.fullmatch(text)
    if not found:
        raise UsageError(f"`{option} {text}` is no time span", "write such as 90s, 30m, 24h, 30d, 4w")
    return int(found[1]) * _SPAN_MS[found[2]]


def _when(text: str, now_ms: int) -> int:
    if _SPAN.fullmatch(text):
        return now_ms + _span_ms(text, "--expires")
    try:
        at_ms = time_ms(text)
    except BadFieldError as exc:
        raise UsageError(f"--expires {exc.problem}", "write 30d, or RFC 3339 such as 2027-01-01T00:00:00Z") from exc
    if at_ms <= now_ms:
        raise UsageError(f"`--expires {text}` has passed")
    return at_ms


# === output ===


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.quiet:
        print(text, file=sys.stderr)


def _show_secret(args: argparse.Namespace, stored: StoredKey, secret: str, now_ms: int) -> None:
    if args.json:
        print(msgspec.json.encode({"secret": secret, **_row(stored, now_ms)}).decode())
    else:
        print(secret)


def _row(stored: StoredKey, now_ms: int) -> dict[str, object]:
    """A stored key for the list and for JSON."""
    key = stored.key
    if stored.revoked_at_ms:
        state = "revoked"
    elif key.expires_at_ms and key.expires_at_ms <= now_ms:
        state = "expired"
    elif stored.replaced_by:
        state = "overlap" if stored.overlap_until_ms > now_ms else "replaced"
    else:
        state = "live"
    expires = stored.overlap_until_ms if stored.replaced_by else key.expires_at_ms
    return {
        "name": key.name, "id": stored.id, "source": "store", "state": state, "key": stored.hint, "org": key.org,
        "team": key.team, "user": key.user, "cost_center": key.cost_center, "idp_claim": key.idp_claim, "tags": key.tags,
        "models": key.models, "allowed_ips": key.allowed_ips, "route": key.route, "priority": key.priority, "chatgpt_account": key.chatgpt_account,
        "created": _date(stored.created_at_ms), "expires": _date(expires), "revoked": _date(stored.revoked_at_ms),
    }  # fmt: skip


def _config_row(name: str, config: GatewayConfig) -> dict[str, object]:
    key = config.keys[name]
    return {
        "name": name, "id": "", "source": "config", "state": "live",
        "key": hint_of(key.key) or "…", "org": key.org, "team": key.team, "user": key.user,
        "cost_center": key.cost_center, "idp_claim": key.idp_claim, "tags": key.tags, "models": key.models,
        "allowed_ips": key.allowed_ips, "route": key.route, "priority": key.priority,
        "chatgpt_account": key.chatgpt_account or "", "created": "",
        "expires": key.expires or "", "revoked": "",
    }  # fmt: skip


def _cell(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple | list) else str(value)


def _date(at_ms: int) -> str:
    return second_of(at_ms) if at_ms else ""
