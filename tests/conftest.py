"""For the whole suite: a run that is over ends, and says what kept it."""

import faulthandler
import os
import sys
import threading

import pytest

_LEAVE_S = 120.0
_STDERR = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    """Nothing is captured yet: this is where a CI reads."""
    config.stash[_STDERR] = os.dup(2)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The interpreter waits for each thread and process that a test has left behind: a CI would wait until it is cut off, and say nothing."""
    stderr = session.config.stash[_STDERR]
    leave = threading.Timer(_LEAVE_S, _leave, (stderr, exitstatus))
    leave.daemon = True
    leave.start()
    faulthandler.dump_traceback_later(_LEAVE_S * 1.5, exit=True, file=stderr)  # whoever keeps the GIL too


def _leave(stderr: int, status: int) -> None:
    sys.stdout.flush()
    os.write(stderr, b"\nThe tests are over, and this process does not end. What it does:\n")
    faulthandler.dump_traceback(stderr)
    os._exit(status)
