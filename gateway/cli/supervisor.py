"""Keeps the processes of one gateway alive: N workers, the control plane and, where wanted, the simulator.

A dead child is always started again, after 0.1 s doubling to 5 s (reset once it has lived for ten); there is no number
of deaths that makes the gateway give up. Children hold the read end of a pipe: when the supervisor dies in whatever
way, its end of file tells them to stop.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.base.telemetry.log import log

_FIRST_BACK_OFF_S = 0.1
_LONGEST_BACK_OFF_S = 5.0
_HEALTHY_AFTER_S = 10.0
_KILL_AFTER_S = 8.0
"""Past the drain: how long a child may take to say its last words before SIGKILL."""


@dataclass
class Child:
    """One process to keep alive. `arguments(lifeline_fd, status_fd)` gives its command line after the interpreter.

    `takes_hangup`: SIGHUP makes it read its configuration anew; another program would die of it.
    """

    name: str
    arguments: Callable[[int, int], list[str]]
    pass_fds: tuple[int, ...] = ()
    environ: dict[str, str] = field(default_factory=dict)
    is_status_on_stdout: bool = False
    takes_hangup: bool = True
    process: subprocess.Popen[bytes] | None = None
    status_fd: int = -1
    is_ready: bool = False
    started: float = 0.0
    back_off_s: float = _FIRST_BACK_OFF_S
    start_at: float = 0.0
    restarts: int = 0


class Supervisor:
    """Runs children until SIGTERM or SIGINT.

    `on_ready` is called once, when all of them serve; `on_stopping` before they are told to stop.
    """

    def __init__(
        self,
        children: list[Child],
        drain_s: float,
        on_ready: Callable[[], None],
        on_stopping: Callable[[], None] = lambda: None,
    ) -> None:
        self._children = children
        self._drain_s = drain_s
        self._on_ready = on_ready
        self._on_stopping = on_stopping
        self._lifeline_read, self._lifeline_write = os.pipe()
        os.set_inheritable(self._lifeline_read, True)
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._is_stopping = False
        self._was_ready = False

    def run(self) -> int:
        """Start everything and watch it; gives the exit code."""
        signal.set_wakeup_fd(self._wake_write)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._on_signal)
        for child in self._children:
            self._start(child)
        while not self._is_stopping:
            self._selector_wait()
            self._reap()
            self._start_due()
        return self._stop_all()

    def stop(self) -> None:
        """Ask `run` to end."""
        self._is_stopping = True

    def _on_signal(self, number: int, _frame: object) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._is_stopping = True
        elif number == signal.SIGHUP:
            for child in self._children:  # one that is still starting would die of it, and reads the file anyway
                if child.takes_hangup and child.is_ready:
                    self._signal(child, signal.SIGHUP)

    def _selector_wait(self) -> None:
        due = [c.start_at for c in self._children if c.process is None]
        timeout = max(0.0, min(due) - time.monotonic()) if due else 5.0
        for key, _ in self._selector.select(timeout):
            if key.fd == self._wake_read:
                os.read(self._wake_read, 4096)
                continue
            self._read_status(key.data)
        if not self._was_ready and all(child.is_ready for child in self._children):
            self._was_ready = True
            self._on_ready()

    def _read_status(self, child: Child) -> None:
        if b"ready" in os.read(child.status_fd, 256):
            child.is_ready = True
        self._close_status(child)

    def _close_status(self, child: Child) -> None:
        if child.status_fd >= 0:
            self._selector.unregister(child.status_fd)
            os.close(child.status_fd)
            child.status_fd = -1

    def _start(self, child: Child) -> None:
        read, write = os.pipe()
        child.process = subprocess.Popen(
            [sys.executable, *child.arguments(self._lifeline_read, write)],
            pass_fds=(*child.pass_fds, self._lifeline_read, write),
            env={**os.environ, **child.environ},
            stdout=write if child.is_status_on_stdout else None,
            start_new_session=True,  # a terminal's ^C goes to the supervisor only, which drains
        )
        os.close(write)
        child.status_fd = read
        child.is_ready = False
        child.started = time.monotonic()
        self._selector.register(read, selectors.EVENT_READ, child)

    def _reap(self) -> None:
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            lived = time.monotonic() - child.started
            child.back_off_s = (
                _FIRST_BACK_OFF_S if lived >= _HEALTHY_AFTER_S else min(child.back_off_s * 2, _LONGEST_BACK_OFF_S)
            )
            child.restarts += 1
            child.start_at = time.monotonic() + child.back_off_s
            log(
                "error", "process_died", child=child.name, exit_code=child.process.returncode,
                restart_in_s=round(child.back_off_s, 2), restarts=child.restarts,
            )  # fmt: skip
            child.process = None
            self._close_status(child)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and child.start_at <= now:
                self._start(child)

    def _signal(self, child: Child, number: int) -> None:
        if child.process is not None and child.process.poll() is None:
            child.process.send_signal(number)

    def _stop_all(self) -> int:
        """Drain the workers first, then stop the rest, which still serves and records while they drain."""
        self._on_stopping()
        workers = [c for c in self._children if c.name.startswith("worker")]
        others = [c for c in self._children if c not in workers]
        forced = False
        for group, patience_s in ((workers, self._drain_s + _KILL_AFTER_S), (others, _KILL_AFTER_S)):
            for child in group:
                self._signal(child, signal.SIGTERM)
            deadline = time.monotonic() + patience_s
            for child in group:
                forced |= self._wait(child, deadline)
        return 1 if forced else 0

    def _wait(self, child: Child, deadline: float) -> bool:
        if child.process is None:
            return False
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log("error", "process_killed", child=child.name, reason="it did not stop in time")
            child.process.kill()
            child.process.wait()
            return True
        return False
