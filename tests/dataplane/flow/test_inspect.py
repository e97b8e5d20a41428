"""The guard's stage by itself: what a fault of a scanner means, who is refused once, and that other threads have scanners of their own."""

import json
import threading
from pathlib import Path
from time import perf_counter, sleep
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.base.config import parse
from gateway.base.core.errors import GuardrailBlocked
from gateway.base.storage.board import Board, lone_board
from gateway.dataplane.flow.inspect import Inspector
from gateway.dataplane.flow.route import find_route
from gateway.dataplane.guard import request
from gateway.dataplane.guard.policy import Guard
from gateway.dataplane.wire import Peek
from tests.e2e.guarded import SECRET

CHAT = find_route("POST", "/v1/chat/completions")


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("databases")


def guard_of(databases: Path, **guardrails: Any) -> Guard:
    text = json.dumps({"guardrails": guardrails}).encode()
    return Guard(parse(text).config.guardrails, "gateway.yaml", b"k" * 32, str(databases))


def exchange(session: str = "s", key: str = "alice", at_s: float = 1e9) -> Any:
    return SimpleNamespace(
        family="sdk", incoming=SimpleNamespace(header=lambda name: ""),
        request_id="req_1", session_id=session, started_at=at_s, model_requested="m", inspection=None,
        grant=SimpleNamespace(principal=SimpleNamespace(key=key)),
        policy=SimpleNamespace(limits=SimpleNamespace(json_depth=512)),
    )  # fmt: skip


def inspected(
    guard: Guard, ex: Any, *said: str, board: Board | None = None, beside: bool = False, **more: Any
) -> bytes:
    body = {"model": "m", "messages": [{"role": "user", "content": each} for each in said], **more}
    peeked = CHAT.dialect.peek(json.dumps(body).encode(), 512)
    inspector = Inspector(board or lone_board(), b"k" * 32)
    work = inspector.inspect_beside if beside else inspector.inspect
    return work(ex, CHAT, peeked, guard).body


def broken(*_args: Any) -> Any:
    raise RuntimeError(f"cannot scan {SECRET}")


@pytest.mark.parametrize("fails", ["closed", "open"])
def test_a_fault_does_what_policy_says(
    databases: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fails: str
) -> None:
    """And is told, without what it says: that may quote the text."""
    guard, ex = guard_of(databases, secrets={"fail": fails}), exchange()
    guard.load()
    monkeypatch.setattr(request, "_decided", broken)
    if fails == "closed":
        with pytest.raises(GuardrailBlocked, match="nothing leaves"):
            inspected(guard, ex, SECRET)
    else:
        assert SECRET.encode() in inspected(guard, ex, SECRET)
    found = {(v.scanner, v.rule): v.action for v in ex.inspection.verdicts}
    assert found == {
        ("secrets", "fault"): "block" if fails == "closed" else "log",
        ("pii", "fault"): "log",
        ("injection", "fault"): "log",
    }
    assert ex.inspection.ran == ()
    logged = capfd.readouterr().err
    assert '"event":"guard_failed"' in logged
    assert SECRET not in logged


def test_much_new_text_is_looked_at_beside_the_loop(databases: Path) -> None:
    """Text can be made to be slow. What is known already is not new, however long."""
    guard, inspector = guard_of(databases), Inspector(lone_board(), b"k" * 32)

    def asked(*said: str) -> Peek:
        body = {"model": "m", "messages": [{"role": "user", "content": each} for each in said]}
        return CHAT.dialect.peek(json.dumps(body).encode(), 512)

    long = "words " * 12_000
    first, ex = asked(long), exchange()
    assert inspector.inspect(ex, CHAT, first, guard) is None
    assert ex.inspection is None
    assert inspector.inspect_beside(ex, CHAT, first, guard) is first
    assert ex.inspection.scanned_bytes > len(long)
    assert inspector.inspect(again := exchange(), CHAT, second := asked(long, "and now?"), guard) is second
    assert again.inspection.scanned_bytes < 1000
    assert (
        inspector.inspect(exchange(), CHAT, asked(*([long] * 20)), guard) is None
    )  # a view of so much takes long itself


def test_a_scanner_that_is_off_cannot_refuse_by_failing(databases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard, ex = guard_of(databases, secrets={"mode": "off", "answers": "log"}), exchange()
    monkeypatch.setattr(request, "_decided", broken)
    assert inspected(guard, ex, "mail jane.roe@corp-mail.dev")


def test_who_was_refused_is_the_session_of_the_key(databases: Path) -> None:
    guard, board = guard_of(databases), lone_board()
    with pytest.raises(GuardrailBlocked):
        inspected(guard, exchange(), SECRET, board=board)
    assert b"<SECRET_" in inspected(guard, exchange(), SECRET, board=board)
    for other in (exchange("t"), exchange(key="bob"), exchange("")):
        with pytest.raises(GuardrailBlocked):
            inspected(guard, other, SECRET, board=board)
    with pytest.raises(GuardrailBlocked):
        inspected(guard, exchange(at_s=1e9 + 25 * 3600), SECRET, board=board)


def test_the_models_name_is_no_hiding_place(databases: Path) -> None:
    ex = exchange()
    assert SECRET.encode() not in inspected(guard_of(databases), ex, "hi", model=SECRET)
    assert SECRET not in ex.model_requested
    ex = exchange()
    ex.model_requested = SECRET
    with pytest.raises(GuardrailBlocked):
        inspected(guard_of(databases, secrets={"mode": "block"}), ex, "hi", model=SECRET)
    assert ex.model_requested == ""


def test_another_thread_scans_beside_the_loop(databases: Path) -> None:
    """While one is at a large body the loop takes small ones, and neither waits long for the other."""
    guard = guard_of(databases)
    guard.load()
    large = "".join(f"word{n} = value;\n" for n in range(600_000))
    found: list[bytes] = []
    thread = threading.Thread(
        target=lambda: found.append(inspected(guard, exchange(), large, f"x {SECRET[:-1]}", beside=True)),
        daemon=True,
    )
    thread.start()
    longest = 0.0
    while thread.is_alive():
        began = perf_counter()
        inspected(guard, exchange(), "a small one")
        longest = max(longest, perf_counter() - began)
        sleep(0.001)
    thread.join()
    assert len(found) == 1
    assert longest < 0.5
