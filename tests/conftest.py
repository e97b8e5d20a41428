"""For the whole suite: a run that is over ends, or says what keeps it."""

import faulthandler

import pytest

_LEAVE_S = 60.0


def pytest_unconfigure(config: pytest.Config) -> None:
    """The interpreter waits for each thread and process that a test has left behind; a CI would wait until it is cut off, and say nothing."""
    del config
    faulthandler.dump_traceback_later(_LEAVE_S, exit=True)
