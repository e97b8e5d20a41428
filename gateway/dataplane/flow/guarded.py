"""The guard of an answer on its way through a relay: few calls, none of which does anything where nothing is asked of answers."""

from typing import TYPE_CHECKING

from gateway.base.core.errors import GuardrailBlocked
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.failure import log_bug
from gateway.dataplane.flow.settle import Spend
from gateway.dataplane.guard.answer import AnswerGuard
from gateway.dataplane.guard.inspection import Inspection

if TYPE_CHECKING:
    from gateway.dataplane.flow.relay import Relay

_MUCH_BYTES = 256 << 10
"""What of a held tool call the native client is told to have been read; it reads four times as much ahead."""


def guard_of(ex: Exchange, *, is_array: bool) -> AnswerGuard | None:
    """The guard of an exchange's answer, in the client's dialect."""
    guard = ex.policy.guard
    if guard is None or guard.answers is None or ex.shadow_of or ex.dialect is None:
        return None
    if ex.inspection is None:  # the request's side has failed, and policy let it pass
        ex.inspection = Inspection()
    key_tools = ex.grant.tools if ex.grant is not None else ()
    return guard.answers.guard(ex.inspection, ex.dialect.name, key_tools, is_array=is_array)


def passed(relay: "Relay", data: bytes) -> bytes:
    """What of the client's stream may go on now. Where the guard ends the answer, the relay is told."""
    guard = relay.guard
    assert guard is not None
    try:
        return guard.feed(data)
    except GuardrailBlocked as error:
        _leave(relay, guard)
        relay.end_early(error)
        return guard.last_words


def passed_on(relay: "Relay", data: bytes) -> bytes:
    """`passed`, for the provider's own bytes: what is held back for long must not stop it."""
    out = passed(relay, data)
    if relay.guard is not None and relay.guard.held_bytes > _MUCH_BYTES and len(out) < len(data):
        relay.client.ack(relay.upstream, len(data) - len(out))  # what goes on is told of when the client has it
    return out


def last(relay: "Relay", data: bytes, spend: Spend) -> bytes | None:
    """The last of the stream, with all that was held; None where the guard ends the answer with it: then the client was told."""
    guard = relay.guard
    if guard is None:
        return data
    try:
        data = guard.feed(data) + guard.end() if data else guard.end()
    except GuardrailBlocked as error:
        relay.client.cancel(relay.upstream)
        _end(relay, guard, error, spend)
        return None
    _leave(relay, guard)
    return data


def whole(relay: "Relay", body: bytes, spend: Spend) -> bytes | None:
    """An answer that is no stream; None where the guard refuses it: then the client was told."""
    guard = relay.guard
    if guard is None:
        return body
    try:
        body = guard.whole(body)
    except GuardrailBlocked as error:
        _end(relay, guard, error, spend)
        return None
    _leave(relay, guard)
    return body


def leave(relay: "Relay") -> None:
    """The answer breaks off: what was sent of it is looked at, what is held is nobody's."""
    guard = relay.guard
    if guard is not None:
        try:
            guard.end()
        except GuardrailBlocked:
            pass  # it has not left
        except Exception as exc:  # noqa: BLE001 - the answer is at its end: whatever it is, the record must be written
            log_bug(relay.ex.request_id, exc)
        _leave(relay, guard)


def left(relay: "Relay", data: bytes) -> bytes:
    """What of the last events may go to the client of an answer that ends with an error; nothing where the guard would end it."""
    if relay.guard is None or not data:
        return data
    try:
        return relay.guard.feed(data) + relay.guard.end()
    except GuardrailBlocked:
        return b""
    except Exception as exc:  # noqa: BLE001 - the answer is at its end: whatever it is, the client must be told of that
        log_bug(relay.ex.request_id, exc)
        return b""


def _end(relay: "Relay", guard: AnswerGuard, error: GuardrailBlocked, spend: Spend) -> None:
    _leave(relay, guard)
    relay.is_ended_by_us = error
    relay.end_with(error, "cut", spend, error.code)


def _leave(relay: "Relay", guard: AnswerGuard) -> None:
    relay.guard = None
    if relay.ex.inspection is not None:
        relay.ex.inspection.cpu_us += int(guard.spent_s * 1e6)
    if guard.fault is not None:
        log_bug(relay.ex.request_id, guard.fault)
