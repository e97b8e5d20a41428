"""What may be tried again, and what may be tried elsewhere."""

import pytest

from gateway.base.core.errors import (
    BadRequest,
    BudgetExceeded,
    GatewayError,
    JournalUnavailable,
    ModelForbidden,
    RateLimited,
    Unsupported,
)
from gateway.dataplane.flow.failure import log_bug, may_move, may_retry, may_serve_elsewhere


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_what_passes(status: int) -> None:
    assert may_retry(status, "")
    assert may_move(status, "")


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 413, 422, 501, 505])
def test_what_does_not_pass(status: int) -> None:
    assert not may_retry(status, "")


@pytest.mark.parametrize(
    ("fault", "passes"),
    [("connect", True), ("reset", True), ("timeout_idle", True), ("in_band", True), ("dns", False), ("tls", False), ("too_large", False)],
)  # fmt: skip
def test_faults_of_the_way(fault: str, passes: bool) -> None:
    assert may_retry(0, fault) is passes


@pytest.mark.parametrize(
    ("error", "elsewhere"),
    [
        (BudgetExceeded("x", models="openai/gpt-5"), True),
        (BudgetExceeded("x", models=""), False),
        (RateLimited("x", models="openai/*"), True),
        (RateLimited("x", models=""), False),
        (Unsupported("x"), True),
        (ModelForbidden("x"), True),
        (BadRequest("x"), False),
        (JournalUnavailable("x"), False),
    ],
)
def test_what_one_refuses_and_another_may_not(error: GatewayError, elsewhere: bool) -> None:
    assert may_serve_elsewhere(error) is elsewhere


def test_what_a_bug_quotes_is_not_logged(capfd: pytest.CaptureFixture[str]) -> None:
    """A fault may hold a whole body in its words, and in those of its cause: the log says what kind it is, and where."""
    body = b'{"input":"ghp_secret \xff"}'
    try:
        try:
            body.decode()
        except UnicodeDecodeError as exc:
            raise KeyError(body) from exc
    except KeyError as exc:
        log_bug("req_1", exc)
    said = capfd.readouterr().err
    assert "ghp_secret" not in said
    assert '"error":"KeyError"' in said
    assert "test_failure.py" in said
