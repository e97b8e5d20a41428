"""One detector for all tests of the room: compiling takes seconds."""

import pytest

from gateway.dataplane.guard.secrets import Detector


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector()
