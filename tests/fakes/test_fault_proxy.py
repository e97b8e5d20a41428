"""The fault proxy does what it is told, as a plain socket sees it."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.fakes.fault_proxy import FaultProxy, needs_fault_proxy

pytestmark = needs_fault_proxy
_ANSWER = b"0123456789"


def _serve(listener: socket.socket) -> None:
    """Answer each piece that comes with the ten digits."""

    def answer(one: socket.socket) -> None:
        with one:
            try:
                while one.recv(4096):
                    one.sendall(_ANSWER)
            except OSError:
                pass  # a reset

    while True:
        try:
            one, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=answer, args=(one,), daemon=True).start()


@pytest.fixture(scope="module")
def running() -> Iterator[FaultProxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_serve, args=(listener,), daemon=True).start()
        with FaultProxy(f"127.0.0.1:{listener.getsockname()[1]}") as made:
            yield made
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(running: FaultProxy) -> FaultProxy:
    running.order(up=True, next=[], always=None)
    return running


def _connected(proxy: FaultProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def _asked(one: socket.socket) -> tuple[bytes, str]:
    """What comes back, and how it ends: `whole`, `fin`, `reset` or `nothing` (within a moment)."""
    got = b""
    try:
        one.sendall(b"?")
        while len(got) < len(_ANSWER):
            piece = one.recv(4096)
            if not piece:
                return got, "fin"
            got += piece
    except ConnectionResetError:
        return got, "reset"
    except TimeoutError:
        return got, "nothing"
    return got, "whole"


def test_without_a_fault_it_forwards(proxy: FaultProxy) -> None:
    with _connected(proxy) as one:
        assert [_asked(one) for _ in range(3)] == [(_ANSWER, "whole")] * 3


@pytest.mark.parametrize("after", [0, 1, 9, 10])
@pytest.mark.parametrize(("kind", "ending"), [("reset", "reset"), ("end", "fin")])
def test_a_turn_breaks_at_its_byte(proxy: FaultProxy, kind: str, ending: str, after: int) -> None:
    """The turns before it on the same connection are well."""
    fired = proxy.order(next=[None, {"kind": kind, "after": after}])["fired"]
    with _connected(proxy) as one:
        assert _asked(one) == (_ANSWER, "whole")
        got, how = _asked(one)
        if after == len(_ANSWER):
            got, how = (got, how) if how != "whole" else (got, _asked(one)[1])
        assert (got, how if how != "reset" else ending) == (_ANSWER[:after], ending)
    assert proxy.order()["fired"] == fired + 1


def test_a_stall_ends_nothing(proxy: FaultProxy) -> None:
    proxy.order(next=[{"kind": "stall", "after": 4}])
    with _connected(proxy) as one:
        one.settimeout(0.2)
        assert _asked(one) == (_ANSWER[:4], "nothing")


@pytest.mark.parametrize(
    "fault", [{"kind": "drip", "bytes": 1, "every_ms": 20}, {"kind": "delay", "ms": 200}], ids=["drip", "delay"]
)
@pytest.mark.parametrize("side", ["answer", "request"])
def test_slow_is_slow_and_whole(proxy: FaultProxy, fault: dict[str, object], side: str) -> None:
    proxy.order(next=[{**fault, "side": side}])
    least_s = 0.02 if (side, fault["kind"]) == ("request", "drip") else 0.2
    with _connected(proxy) as one:
        began = time.monotonic()
        assert _asked(one) == (_ANSWER, "whole")
        assert time.monotonic() - began >= least_s


def test_garbage_comes_in_place_of_an_answer(proxy: FaultProxy) -> None:
    proxy.order(always={"kind": "garbage"})
    with _connected(proxy) as one:
        got, _ = _asked(one)
        assert got.startswith(b"\x16\x03\x03")


def test_down_refuses_and_resets_and_up_serves_again(proxy: FaultProxy) -> None:
    with _connected(proxy) as one:
        assert _asked(one) == (_ANSWER, "whole")
        proxy.order(up=False)
        assert _asked(one)[1] in ("reset", "fin")
        with pytest.raises(ConnectionRefusedError):
            _connected(proxy)
    proxy.order(up=True)
    with _connected(proxy) as one:
        assert _asked(one) == (_ANSWER, "whole")


def test_flapping_is_down_and_up_by_turns(proxy: FaultProxy) -> None:
    proxy.order(flap={"up_ms": 50, "down_ms": 50})
    seen, until = "", time.monotonic() + 10
    while seen.count("du") < 2 and time.monotonic() < until:
        try:
            _connected(proxy).close()
            now = "u"
        except (ConnectionRefusedError, ConnectionResetError):  # reset: shut while it connects
            now = "d"
        seen += now if not seen.endswith(now) else ""
    assert seen.count("du") >= 2


def test_a_wrong_order_is_refused(proxy: FaultProxy) -> None:
    with pytest.raises(AssertionError, match="explode"):
        proxy.order(always={"kind": "explode"})
