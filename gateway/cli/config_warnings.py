"""What a good configuration says that cannot have been meant: `agentcc check` prints it, `agentcc serve` logs it."""

from collections.abc import Iterator

from gateway.base.config import ConfigWarning, Loaded, unused_blocks
from gateway.base.telemetry.log import log
from gateway.dataplane.flow import Policy


def warnings_of(loaded: Loaded, policy: Policy) -> Iterator[ConfigWarning]:
    """Blocks that no key names, then rules that never or always match."""
    yield from unused_blocks(loaded.config, loaded.source)
    for way in policy.ways.values():
        yield from way.rules.warnings()


def log_warnings(loaded: Loaded, policy: Policy) -> None:
    """One line each."""
    for warning in warnings_of(loaded, policy):
        log("warning", "config_warning", path=warning.path, problem=warning.problem, hint=warning.hint)
