"""For the whole suite: a run that is over ends, or says what keeps it."""

import faulthandler
import os

import pytest

_LEAVE_S = 120.0
_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is captured yet: this is where a CI reads."""
    config.stash[_STDERR] = os.dup(2)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """The interpreter waits for each thread and process that a test has left behind; a CI would wait until it is cut off, and say nothing."""
    faulthandler.dump_traceback_later(_LEAVE_S, exit=True, file=session.config.stash[_STDERR])
