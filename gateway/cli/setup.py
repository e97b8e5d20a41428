"""`agentcc setup`: writes the gateway into an agent's own configuration, and takes it out again.

Beside each file that it changes stands `<file>.agentcc-undo` (0600) with what it found and what it left. `--undo` puts the
very bytes back when the file is as we left it; when it was edited since, only our settings are taken out of it.
"""

import argparse
import os
import re
import secrets
import stat
import sys
from pathlib import Path

import msgspec

from gateway.base.core.struct import Record
from gateway.cli.clients import CLIENTS, KEY_ENV, KEY_VARIABLE, Client, Edit, Target, base_url_of
from gateway.cli.command import Subparsers
from gateway.cli.usage_error import UsageError

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUFFIX = ".agentcc-undo"


class Undo(Record, frozen=True):
    """What setup found in a file (None: there was no file) and what it left there."""

    original: str | None
    written: str


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc setup`."""
    parser = subparsers.add_parser(
        "setup",
        help="write the gateway into an agent's configuration, or take it out",
        description="Write the gateway into an agent's own configuration. All else in it stays; `--undo` takes it out again.",
        epilog="example: agentcc setup codex --base-url http://gateway:8080",
    )
    parser.add_argument(
        "client", choices=[name for name in CLIENTS if CLIENTS[name].edits(Target(""))], help="the agent"
    )
    parser.add_argument("--base-url", metavar="URL", help="the gateway [env: AGENTCC_BASE_URL] [default: from -c FILE]")
    parser.add_argument("-c", "--config", metavar="FILE", help="the gateway's file [default: ./gateway.yaml]")
    parser.add_argument("--key", metavar="KEY", help="write this key into the file [default: read a variable]")
    parser.add_argument("--key-env", metavar="NAME", help="variable that will hold the key [default: AGENTCC_KEY]")
    parser.add_argument("--model", metavar="NAME", default="", help="model to ask for [default: the agent's own]")
    parser.add_argument(
        "--config-home", metavar="DIR", help="the agent's configuration directory [default: its own rule]"
    )
    parser.add_argument("--force", action="store_true", help="also where it replaces a setting made by hand")
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--print", action="store_true", help="show what would be written, write nothing")
    action.add_argument("--undo", action="store_true", help="take the gateway out again")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0: done, or nothing to do. Raises UsageError or ConfigError when it could not, and nothing was changed."""
    client = CLIENTS[args.client]
    home = Path(args.config_home).expanduser() if args.config_home else client.home(os.environ)
    try:
        if args.undo:
            return _undo(client, home)
        target = _target(args)
        edits = {home / name: edit for name, edit in client.edits(target).items()}
        if args.print:
            for path, edit in edits.items():
                print(f"# {path}\n{edit.snippet()}")
        else:
            _write_all(edits, force=args.force, has_secret=bool(target.key))
        for line in client.advice(target):
            print(f"then: {line}", file=sys.stderr)
    except OSError as exc:
        raise UsageError(f"`{exc.filename}`: {exc.strerror}") from exc
    return 0


def _target(args: argparse.Namespace) -> Target:
    if args.key and args.key_env:
        raise UsageError("`--key` and `--key-env` exclude each other", "`--key-env` keeps the key out of the file")
    key_env = args.key_env or KEY_ENV
    if not _VARIABLE.fullmatch(key_env):
        raise UsageError(f"`--key-env {key_env}` is no variable's name")
    if args.client == "gemini" and args.key_env and args.key_env != KEY_VARIABLE:
        raise UsageError(
            f"Gemini CLI reads its key from {KEY_VARIABLE} only", f"use --key-env {KEY_VARIABLE}, or --key KEY"
        )
    if any(ord(c) <= 32 or c in "\"'\\#$`\x7f" for c in args.key or ""):
        raise UsageError("`--key` holds characters that no agentcc key has")
    return Target(base_url_of(args.base_url, args.config, os.environ), args.key or "", key_env, args.model)


def _write_all(edits: dict[Path, Edit], *, force: bool, has_secret: bool) -> None:
    """All or nothing: every new text is made before the first is written."""
    plans = [_plan(path, edit, force=force) for path, edit in edits.items()]
    for path, now, undo in plans:
        if now == undo.written:
            print(f"{path} is set up already", file=sys.stderr)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(_undo_file(path), msgspec.json.encode(undo), 0o600)
        _replace(path, undo.written.encode(), 0o600 if has_secret else None)
        print(f"wrote {path}", file=sys.stderr)


def _plan(path: Path, edit: Edit, *, force: bool) -> tuple[Path, str | None, Undo]:
    """What stands in the file now, and what is to be undone later: its base is the file without us."""
    now, past = _read(path), _past(path)
    base = now
    if past is not None and now == past.written:
        base = past.original
    elif now is not None:
        base = edit.remove(now, past.original if past else None, past.written if past else None)
        if past is not None and past.original is None and not base.strip(" \r\n\t{}"):
            base = None
    return path, now, Undo(base, edit.apply(base or "", str(path), force=force))


def _undo(client: Client, home: Path) -> int:
    did_any = False
    for name, edit in client.edits(Target("")).items():
        path = home / name
        now, past = _read(path), _past(path)
        if now is None or (past is None and edit.remove(now, None, None) == now):
            continue
        did_any = True
        if past is not None and now == past.written:
            if past.original is None:
                path.resolve().unlink()
                print(f"removed {path}, which setup had made", file=sys.stderr)
            else:
                _replace(path, past.original.encode(), None)
                print(f"restored {path} as it was", file=sys.stderr)
        else:
            left = edit.remove(now, past.original if past else None, past.written if past else None)
            _replace(path, left.encode(), None)
            print(f"{path} was edited since: took out the gateway's settings only", file=sys.stderr)
        _undo_file(path).unlink(missing_ok=True)
    if not did_any:
        print(f"nothing to undo in {home}", file=sys.stderr)
    return 0


def _undo_file(path: Path) -> Path:
    return path.with_name(path.name + _SUFFIX)


def _past(path: Path) -> Undo | None:
    try:
        return msgspec.json.decode(_undo_file(path).read_bytes(), type=Undo)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as exc:
        raise UsageError(
            f"{_undo_file(path)} is damaged: {exc}", "remove it; then only marked settings can be undone"
        ) from exc


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as exc:
        raise UsageError(f"{path} is not UTF-8 text", "repair it first; nothing was changed") from exc


def _replace(path: Path, content: bytes, mode: int | None) -> None:
    """Swap the whole file at once, through a link of a dotfiles folder too; `mode` None keeps what it had."""
    real = path.resolve()
    if mode is None:
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else 0o600
    draft = real.with_name(f".{real.name}.{secrets.token_hex(6)}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(fd, mode)
            file.write(content)
            file.flush()
            os.fsync(fd)
        draft.replace(real)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
