"""The native fault proxy (`native/faultproxy`, whose `main.rs` lists the orders) in front of a server of a test."""

import json
import subprocess
from typing import Any, Self

import pytest

from tests.harness import ROOT

PROGRAM = ROOT / "native" / "target" / "release" / "agentcc-faultproxy"
needs_fault_proxy = pytest.mark.skipif(
    not PROGRAM.exists(), reason="THE FAULT PROXY IS NOT BUILT: `make dev` builds it where cargo is there"
)


class FaultProxy:
    """Forwards a free port of loopback to `host:port`. Use as a context manager."""

    def __init__(self, to: str) -> None:
        self._to = to.rpartition("/")[2]
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def order(self, **order: Any) -> dict[str, int]:
        """Give an order, or none; what the proxy has counted, once the order is in force."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._told()

    def _told(self) -> dict[str, int]:
        assert self._process is not None
        assert self._process.stdout is not None
        told: dict[str, int] = json.loads(self._process.stdout.readline())
        assert "error" not in told, told
        return told

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [PROGRAM, self._to], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.port = self._told()["port"]
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.communicate()  # the end of its stdin ends it
