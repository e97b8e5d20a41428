"""Ids: unique without coordination, cheap to make, sortable by a human eye."""

import secrets
from itertools import count


def new_run_id() -> str:
    """12 hex digits that name one worker run; 48 random bits."""
    return secrets.token_hex(6)


class RequestIds:
    """Request ids of one worker run: `req_` + run id + a counter in hex, so that none repeats."""

    __slots__ = ("_next", "_prefix")

    def __init__(self, run_id: str) -> None:
        self._prefix = "req_" + run_id
        self._next = count(1).__next__

    def new(self) -> str:
        """The next id, such as `req_9f86d081884c0000002a`."""
        return f"{self._prefix}{self._next():08x}"
