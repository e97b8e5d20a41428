"""`agentcc check`: validates a configuration file without starting anything."""

import argparse
import hashlib
import sys
from contextlib import closing
from pathlib import Path

from gateway.base.config import Loaded, load
from gateway.base.core.plan import Provider
from gateway.base.storage import SqliteKeys, StorageError, open_keys
from gateway.cli.command import Subparsers
from gateway.cli.config_warnings import warnings_of
from gateway.cli.serve import as_config_error, check_files
from gateway.dataplane.flow import Policy, assemble
from gateway.dataplane.identity import Identity


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc check`."""
    parser = subparsers.add_parser(
        "check",
        help="validate a configuration file",
        description="Validate a configuration file; names the place, the value and the way out of what is wrong.",
        epilog="example: agentcc check -c gateway.yaml",
    )
    parser.add_argument("-c", "--config", metavar="FILE", default="gateway.yaml", help="[default: ./gateway.yaml]")
    parser.set_defaults(run=run)


class _NoKeys:
    """An empty key store, where none exists yet: a check must not create one."""

    def digest(self, secret: str) -> bytes:
        return hashlib.sha256(secret.encode()).digest()

    def is_changed(self, now_ms: int) -> bool:
        return False

    def changes(self, now_ms: int) -> None:
        return None

    def close(self) -> None:
        return None


def policy_of(loaded: Loaded) -> Policy:
    """The policy of a checked file, with the keys that are stored. Raises ConfigError."""
    data_dir = Path(loaded.config.server.data_dir)
    try:
        feed: SqliteKeys | _NoKeys = open_keys(data_dir) if (data_dir / "keys.sqlite3").exists() else _NoKeys()
        with closing(feed):
            return assemble(loaded, Identity(feed, loaded.config.keys, loaded.source))
    except (StorageError, OSError) as exc:
        raise as_config_error(loaded, exc) from exc


def _shown(provider: Provider) -> str:
    deployments = ", ".join(one.account.name for one in provider.accounts if one.account is not None)
    return f"{provider.name} ({deployments})" if deployments else provider.name


def run(args: argparse.Namespace) -> int:
    """Exit code 0: the file is good, whatever it warns of. Raises ConfigError otherwise (the caller prints it and exits with 2)."""
    loaded = load(args.config)
    check_files(loaded)
    policy = policy_of(loaded)
    for warning in warnings_of(loaded, policy):
        print(warning, file=sys.stderr)
    names = ", ".join(map(_shown, policy.providers.values())) or "none"
    print(f"ok: {args.config} (version {loaded.version}; providers: {names}; keys: {len(loaded.config.keys)})")
    return 0
