"""One scan for all tests of the room: compiling takes seconds."""

import pytest

from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets


@pytest.fixture(scope="session")
def scan() -> Scan:
    return Scan(Secrets(), Pii(), Injection())
