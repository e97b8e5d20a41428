"""One scan for all tests of the room: compiling takes seconds."""

import pytest

from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets


@pytest.fixture(scope="session")
def secrets() -> Scan:
    return Scan(Secrets())
