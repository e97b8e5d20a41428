"""Relay and settle: what happens to an exchange once it was sent upstream.

Runs as plain calls on the event loop, in the order of the provider's bytes; no task wakes up per event. Each way out
settles first and sends the last byte after.
"""

import traceback
from time import perf_counter
from typing import TYPE_CHECKING

from gateway import _native
from gateway.base.core.errors import (
    Bug,
    ConnectFailed,
    GatewayError,
    ResponseTooLarge,
    TimedOut,
    UpstreamFault,
    UpstreamProtocolError,
)
from gateway.base.core.record import CostBasis, Outcome
from gateway.base.core.usage import NO_USAGE, Usage
from gateway.base.telemetry.log import log
from gateway.dataplane.flow import refuse
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.headers import stamp, usd
from gateway.dataplane.flow.settle import cost_of, estimated_usage, write_done
from gateway.dataplane.upstream import Captures, Headers, UpstreamClient, for_client
from gateway.dataplane.wire import DIALECTS, Dialect
from gateway.dataplane.wire.anthropic_messages import ANTHROPIC_MESSAGES
from gateway.dataplane.wire.peek import edited
from gateway.dataplane.wire.usage import USAGE

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_USUAL_TIERS = frozenset({b'"default"', b'"auto"', b'"standard"', b"null"})
_OK = 200
_ERROR = 400
_SSE_HEADERS = (("content-type", "text/event-stream"), ("cache-control", "no-cache"), ("x-accel-buffering", "no"))

_FAULTS: dict[str, type[UpstreamFault]] = {
    "connect": ConnectFailed,
    "dns": ConnectFailed,
    "tls": ConnectFailed,
    "timeout_connect": TimedOut,
    "timeout_first_byte": TimedOut,
    "timeout_idle": TimedOut,
    "timeout_total": TimedOut,
    "too_large": ResponseTooLarge,
    "event_too_large": ResponseTooLarge,
}
_NEVER_SENT = frozenset({"connect", "dns", "tls", "timeout_connect"})
"""Failures before the request left: they cost nothing."""

_WORDS = {
    "connect": "the gateway could not connect to provider `{provider}`: {message}",
    "dns": "the gateway could not find the address of provider `{provider}`: {message}",
    "tls": "the gateway could not make a TLS connection to provider `{provider}`: {message}",
    "timeout_connect": "provider `{provider}` did not accept a connection in time",
    "timeout_first_byte": "provider `{provider}` did not begin to answer in time",
    "timeout_idle": "provider `{provider}` fell silent in the middle of its answer",
    "timeout_total": "provider `{provider}` did not finish its answer in time",
    "too_large": "the answer of provider `{provider}` is larger than the gateway allows (max_response_bytes)",
    "event_too_large": "provider `{provider}` sent an event larger than the gateway allows",
    "protocol": "provider `{provider}` broke the HTTP protocol: {message}",
    "reset": "provider `{provider}` closed the connection in the middle of its answer",
}


class Relay:
    """The upstream `Handler` of one exchange; `is_finished` once nothing more will be sent to the client."""

    __slots__ = (
        "client", "dialect", "ex", "first", "has_begun", "is_billable", "is_client_gone", "is_ended_by_us", "is_finished", "pipeline", "raw",
        "renames", "upstream",
    )  # fmt: skip

    def __init__(
        self, pipeline: "Pipeline", ex: Exchange, client: UpstreamClient, *, is_billable: bool, is_raw: bool
    ) -> None:
        assert ex.deployment is not None
        self.pipeline = pipeline
        self.ex = ex
        self.client = client
        self.dialect = DIALECTS[ex.deployment.dialect]
        """The provider's."""
        self.is_billable = is_billable
        self.renames = ex.dialect is ANTHROPIC_MESSAGES and ex.model_requested != ex.deployment.model
        """Whether the client must read the name that it asked for: Claude Code drops thinking that another model has signed."""
        self.raw: list[bytes] | None = [] if is_raw else None
        self.upstream = 0
        self.is_finished = False
        self.has_begun = False
        self.first = b""
        self.is_client_gone = False
        self.is_ended_by_us: GatewayError | None = None

    # === the provider's completions ===

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        """A whole answer: price it, settle it, send it."""
        began = perf_counter()
        ex = self.ex
        ex.ttfb_us = ttfb_us
        ex.response_bytes = len(body)
        if ex.is_committed:
            self._body_after_commit(status, body)
            return
        if status < _ERROR:
            usage, cost, basis = self._cost_of_body(body)
            reply_headers = stamp(for_client(headers, ex.model_requested), ex, cost)
            ex.overhead += perf_counter() - began
            write_done(ex, self.pipeline.recorder, status=status, outcome="ok", usage=usage, cost=cost, basis=basis)
        else:
            reply_headers = stamp(for_client(headers, ex.model_requested), ex, 0)
            ex.overhead += perf_counter() - began
            write_done(
                ex, self.pipeline.recorder, status=status, outcome="upstream_error", error_code=f"upstream_{status}"
            )
        if self.renames and status < _ERROR:
            body = _renamed_body(body, ex.model_requested)
        ex.reply.whole(status, reply_headers, body)
        self._finish()

    def _cost_of_body(self, body: bytes) -> tuple[Usage, int, CostBasis]:
        usage, answered = _read_answer(self.dialect, body)
        basis: CostBasis = "exact"
        if usage is None:
            basis, usage = "estimated", estimated_usage(self.ex, None, 0, len(body))
        if not self.is_billable:
            basis, usage = "exact", NO_USAGE
        return usage, cost_of(self.ex, usage, answered), basis

    def _body_after_commit(self, status: int, body: bytes) -> None:
        """We promised a stream (early commit) and got a whole answer: it can only be told as an error event."""
        words = self.ex.dialect.upstream_message(body) if self.ex.dialect and status >= _ERROR else ""
        error = UpstreamProtocolError(
            words or f"the provider answered {status} without the stream that was asked for", upstream_status=status
        )
        self._end_with(error, "upstream_error", NO_USAGE, f"upstream_{status}")

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        """A stream begins: its status and headers are ours, with the estimate as the cost."""
        began = perf_counter()
        ex = self.ex
        ex.ttfb_us = ttfb_us
        ex.is_stream = True
        if not ex.is_committed:
            ex.is_committed = True
            ex.reply.start(status, stamp(for_client(headers, ex.model_requested), ex, ex.hold_nusd))
        self.has_begun = True
        ex.last_write = now = perf_counter()
        ex.overhead += now - began

    def on_data(self, data: bytes) -> None:
        """Whole events go on as they came."""
        if self.is_ended_by_us is not None:
            return
        ex = self.ex
        if not self.first and self.renames:
            data = _renamed(data, ex.model_requested)
        size = len(data)
        ex.response_bytes += size
        ex.last_write = self.pipeline.now
        if self.raw is not None:
            self.raw.append(data)
        elif not self.first:
            self.first = data
        ex.reply.write(data)
        self.pipeline.count_unfinished(ex, size)

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        """The terminal event: the record is written, then cost comment and event leave together."""
        if self.is_ended_by_us is not None:
            return  # what came before it was held back, so it would be a lie
        ex = self.ex
        usage, is_exact = self._usage_of(captures, data)
        cost = cost_of(ex, usage, answering_model(captures))
        outcome: Outcome = "upstream_error" if captures[0] == "failed" else "ok"
        ex.response_bytes += len(data)
        write_done(
            ex,
            self.pipeline.recorder,
            status=_OK,
            outcome=outcome,
            error_code="upstream_failed" if captures[0] == "failed" else "",
            usage=usage,
            cost=cost,
            basis="exact" if is_exact else "estimated",
        )
        if ex.dialect is not None and ex.dialect.takes_comments:
            data = b": x-agentcc-cost %s\n\n%s" % (usd(cost).encode(), data)
        ex.reply.write(data)

    def on_end(self, captures: Captures) -> None:
        """The provider's EOF: the end, or a cut when the dialect's terminal event is missing."""
        ex, dialect = self.ex, self.dialect
        if ex.is_settled:
            self._finish()
            return
        usage, is_exact = self._usage_of(captures)
        if self.is_ended_by_us is not None:
            self._end_with(self.is_ended_by_us, "cut", usage, self.is_ended_by_us.code)
            return
        is_finished = captures[7] or dialect.tap == "none" or self.raw is not None
        is_whole = is_finished and not (dialect.has_terminal and dialect.needs_terminal)
        if is_whole or captures[0] == "failed":
            outcome: Outcome = "upstream_error" if captures[0] == "failed" else "ok"
            write_done(
                ex, self.pipeline.recorder, status=_OK, outcome=outcome, usage=usage,
                cost=cost_of(ex, usage, answering_model(captures)), basis="exact" if is_exact else "estimated",
            )  # fmt: skip
            self._finish()
            return
        error = UpstreamProtocolError(f"provider `{self._provider()}` ended its answer before it was complete")
        self._end_with(error, "cut", estimated_usage(ex, usage if is_exact else None, captures[5], captures[6]), "cut")

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        """The request failed at some point, or we cancelled it."""
        ex = self.ex
        if ex.is_settled:
            self._finish()
            return
        seen = self._reported(captures) if captures else None
        events, size = (captures[5], captures[6]) if captures else (0, 0)
        usage = NO_USAGE if code in _NEVER_SENT or not self.is_billable else estimated_usage(ex, seen, events, size)
        if self.is_client_gone:
            self._settle_estimated(499, "disconnected", usage, "client_disconnected")
            self._finish()
            return
        error = self.is_ended_by_us or _FAULTS.get(code, UpstreamProtocolError)(
            _WORDS.get(code, "the request to provider `{provider}` failed: {message}").format(
                provider=self._provider(), message=message
            ),
            upstream=code,
        )
        outcome: Outcome = "cut" if self.has_begun else "upstream_error"
        self._end_with(error, outcome, usage, error.code)

    def on_bug(self, exc: Exception) -> None:
        """Our own code raised: tell the client, keep the worker."""
        log("error", "bug", request_id=self.ex.request_id, error=repr(exc), trace=traceback.format_exception(exc)[-3:])
        usage = estimated_usage(self.ex, None, 0, self.ex.response_bytes)
        self._end_with(
            Bug("the gateway failed on this exchange; its log has the cause"), "error", usage, "internal_error"
        )

    # === the client and the clock ===

    def on_sent(self, count: int) -> None:
        """`count` bytes have left, so that reading may go on."""
        self.client.ack(self.upstream, count)

    def on_left(self) -> None:
        """The client has gone: stop paying for its answer."""
        if not self.is_finished and not self.is_client_gone:
            self.is_client_gone = True
            self.client.cancel(self.upstream)

    def end_early(self, error: GatewayError) -> None:
        """End the exchange from our side with `error`; the upstream request is cancelled."""
        if not self.is_finished and self.is_ended_by_us is None:
            self.is_ended_by_us = error
            self.client.cancel(self.upstream)

    def commit_early(self) -> None:
        """The provider is slow to begin: send our headers now, so that keep-alives may follow."""
        ex = self.ex
        ex.is_committed = True
        ex.is_stream = True
        ex.last_write = perf_counter()
        ex.reply.start(_OK, stamp(list(_SSE_HEADERS), ex, ex.hold_nusd))

    def keep_alive(self) -> None:
        """Say that we are still there, in the dialect's own way."""
        ex = self.ex
        assert ex.dialect is not None
        ex.last_write = perf_counter()
        if ex.dialect.keep_alive:
            ex.reply.write(ex.dialect.keep_alive)

    # === ways out ===

    def _end_with(self, error: GatewayError, outcome: Outcome, usage: Usage, code: str) -> None:
        """Settle with an error and tell the client: as the whole answer, or as the stream's one terminal event."""
        ex = self.ex
        if ex.is_settled:
            self._finish()
            return
        if ex.is_committed:
            data = self._last_words(error)
            ex.response_bytes += len(data)
            self._settle_estimated(_OK, outcome, usage, code)
            ex.reply.write(data)
        else:
            # the record first: its status is the one that `answer` will send
            self._settle_estimated(refuse.status_of(ex, error), outcome, usage, code)
            refuse.answer(ex, error)
        self._finish()

    def _last_words(self, error: GatewayError) -> bytes:
        """The event that ends the client's stream."""
        if self.raw is not None:
            return refuse.last_of_array(self.ex, error)
        return refuse.event(self.ex, error, _response_id(self.first))

    def _settle_estimated(self, status: int, outcome: Outcome, usage: Usage, code: str) -> None:
        write_done(
            self.ex,
            self.pipeline.recorder,
            status=status,
            outcome=outcome,
            error_code=code,
            usage=usage,
            cost=cost_of(self.ex, usage),
            basis="none" if usage is NO_USAGE else "estimated",
        )

    def _finish(self) -> None:
        if self.is_finished:
            return
        if self.ex.is_committed:
            self.ex.reply.finish()
        self.is_finished = True
        self.pipeline.end(self.ex)

    # === what was captured ===

    def _reported(self, captures: Captures, terminal: bytes = b"") -> Usage | None:
        if self.raw:
            return _of_array(b"".join(self.raw))
        if captures[1] is None and captures[2] is None:
            return None
        dialect = self.dialect
        second = captures[2]
        if second is None and dialect.name == "openai.responses" and terminal:
            data = terminal[terminal.find(b"data:") + 5 :]
            start, end = _native.find_path(data, (b"response",))
            second = data[start:end] if start >= 0 else None
        return USAGE[dialect.name](captures[1] or b"{}", second)

    def _usage_of(self, captures: Captures, terminal: bytes = b"") -> tuple[Usage, bool]:
        """Usage and whether the provider reported it. `terminal` is the terminal event, where there is one."""
        found = self._reported(captures, terminal)
        if found is not None and captures[0] == "failed" and captures[2] is None and self.dialect is ANTHROPIC_MESSAGES:
            # only what `message_start` said: the output since then was never counted
            return estimated_usage(self.ex, found, captures[5], captures[6]), False
        if found is not None:
            return found, True
        return estimated_usage(self.ex, None, captures[5], captures[6]), False

    def _provider(self) -> str:
        return self.ex.deployment.provider.name if self.ex.deployment else "none"


def _read_answer(dialect: Dialect, body: bytes) -> tuple[Usage | None, str]:
    """Usage and the answering model of a whole answer, in one pass; (None, '') when it is no JSON object."""
    try:
        u0, u1, m0, m1, t0, t1, s0, s1 = _native.scan_object(body, dialect.answer_keys)
    except _native.JsonError:
        return None, ""
    if u0 < 0:
        return None, _name(body[m0:m1]) if m0 >= 0 else ""
    is_special = (t0 >= 0 and body[t0:t1] not in _USUAL_TIERS) or (s0 >= 0 and body[s0:s1] != b"null")
    usage = USAGE[dialect.name](body[u0:u1], body if is_special else None)
    return usage, _name(body[m0:m1]) if m0 >= 0 else ""


def answering_model(captures: Captures) -> str:
    """The model that says it has answered; '' when it does not say."""
    return _name(captures[3])


def _name(raw: bytes | None) -> str:
    """A model's name from its raw JSON string; '' when there is none."""
    return raw[1:-1].decode("utf-8", "replace") if raw else ""


def _renamed(data: bytes, model: str) -> bytes:
    """The first events of a Messages stream, `message_start` naming `model`."""
    at = data.find(b"data:") + 5
    end = data.find(b"\n", at)
    if at < 5 or end < 0:
        return data
    start, stop = _native.find_path(data[at:end], (b"message", b"model"))
    return edited(data, [(at + start, at + stop, model)]) if start >= 0 else data


def _renamed_body(body: bytes, model: str) -> bytes:
    start, stop = _native.find_path(body, (b"model",))
    return edited(body, [(start, stop, model)]) if start >= 0 else body


def _of_array(body: bytes) -> Usage | None:
    """Usage of a Gemini stream without `alt=sse`: the last `usageMetadata` of a JSON array."""
    at = body.rfind(b'"usageMetadata"')
    rest = b"{" + body[at:]
    start, end = _native.find_path(rest, (b"usageMetadata",)) if at >= 0 else (-1, -1)
    return USAGE["gemini.generate"](rest[start:end], None) if start >= 0 else None


def _response_id(first: bytes) -> str:
    """The id that a Responses stream began with: its last event must name the same one, or SDKs lose our words."""
    data = first[first.find(b"data:") + 5 :]
    start, end = _native.find_path(data, (b"response", b"id"))
    return data[start + 1 : end - 1].decode("utf-8", "replace") if end - start > 2 else ""
