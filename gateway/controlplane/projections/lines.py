"""One log line per exchange, at info: read off the journal like everything else, so that the road pays nothing for it.

A line holds the `done` frame as it stands there, passed on without encoding it again. What an exchange said is not in the
journal, so it cannot be in a line either.
"""

from collections.abc import Iterable

from gateway.base.telemetry.log import encode_lines, is_enabled, write_lines
from gateway.controlplane.projections.exchange import Exchange


class ExchangeLines:
    """The lines of one step: made while the exchanges are stored, written once they are.

    `since` (RFC 3339) leaves out those that began before: a ledger that is built anew would write years of lines again.
    """

    def __init__(self, since: str) -> None:
        self._since = since
        self._is_enabled = is_enabled("info")
        self._made: list[bytes] = []

    def add(self, exchanges: Iterable[Exchange]) -> None:
        """Make the lines of these."""
        if self._is_enabled:
            frames = [exchange.frame for exchange in exchanges if exchange.done.ts >= self._since]
            self._made.append(encode_lines("info", "exchange", "exchange", frames))

    def write(self) -> None:
        """Write all lines."""
        for lines in self._made:
            write_lines(lines)
