"""The relay of an exchange whose provider speaks another dialect than its client.

The client's status and headers wait for the first bytes that the writer gives, so that a provider that fails at once is still
answered with a status. The record is written before the client's terminal event, as on the way without translation.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.core.errors import Bug, GatewayError, GuardrailBlocked, ProviderError, TimedOut, UpstreamProtocolError
from gateway.base.core.money import usd
from gateway.base.core.record import Outcome
from gateway.dataplane.flow import guarded, refuse
from gateway.dataplane.flow.answer import plain_error, response_id
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.gather import Gather
from gateway.dataplane.flow.gemini_array import ArrayWriter
from gateway.dataplane.flow.headers import stamp, stream_headers
from gateway.dataplane.flow.held import moves, released
from gateway.dataplane.flow.relay import Relay
from gateway.dataplane.flow.settle import NOTHING, Spend, write_done
from gateway.dataplane.upstream import Captures, Headers, UpstreamClient
from gateway.dataplane.wire import Fault, Translation, provider_error, told

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_ACKNOWLEDGE_BYTES = 256 << 10
"""How much of the provider's answer is told at once to have been read; the native client holds four times as much."""
_UNSENT_BYTES = 512 << 10
"""How much may wait for a client, where the server interface tells, before the provider is read no further."""
_OK = 200
_ERROR = 400
_MOVING = frozenset({"server", "overloaded", "rate_limit", "timeout", "authentication", "permission", "not_found"})
"""Kinds of failure that are the provider's own: another one may serve."""
_CARRIED = frozenset({"x-request-id", "request-id", "retry-after", "x-amzn-requestid"})
"""What of a foreign provider's headers means the same to every client."""


class TranslatedRelay(Relay):
    """A Relay that writes the client's dialect from the provider's, event by event."""

    __slots__ = ("_array", "_carried", "_last", "_translation", "_unread", "_unsent")

    def __init__(
        self, pipeline: "Pipeline", ex: Exchange, client: UpstreamClient, translation: Translation, *, is_raw: bool
    ) -> None:
        super().__init__(pipeline, ex, client, is_billable=True, is_raw=False)
        self._translation = translation
        self._carried: Headers = []
        self._last: list[bytes] = []
        self._unread = 0
        self._unsent = 0
        self._array = ArrayWriter() if is_raw else None

    # === the provider's completions ===

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        self.ex.ttfb_us = ttfb_us
        self._carried = _carried(headers)
        if status >= _ERROR:
            fault = self._translation.error(status, dict(headers), plain_error(headers, body)[1])
            code = f"upstream_{status}"
            give_up = partial(self._fail, fault, "upstream_error", NOTHING, code)
            if not moves(self, code, NOTHING, give_up, status=status, headers=headers):
                give_up()
            return
        if self.ex.course is not None:
            self.pipeline.planning.note_limits(self.ex, status, headers)
        self._answer(self._translation.whole, body, self.spend_of_body(body))

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        ex = self.ex
        self.has_begun = True
        self._carried = _carried(headers)
        if status >= _ERROR or not ex.is_stream:
            self.client.hand_over(self.upstream, Gather(self, status, headers, ttfb_us))
            return
        ex.ttfb_us = ttfb_us
        if ex.course is not None:
            self.pipeline.planning.note_limits(ex, status, headers)
        ex.last_write = perf_counter()

    def on_gathered(self, status: int, headers: Headers, ttfb_us: int, body: bytes, captures: Captures) -> None:
        if status >= _ERROR:
            self.on_body(status, headers, ttfb_us, body)
            return
        self.ex.ttfb_us = ttfb_us
        read = self._translation.collected
        if captures[0] == "failed" or captures[7]:
            self._answer(read, body, self.spend_of(captures))
        else:
            self._answer(read, body, self.estimate(captures), "cut")

    def on_data(self, data: bytes) -> None:
        if self.is_ended_by_us is not None or self._translation.ended is not None:
            return
        if self.events_left:
            self.count_events(data)
        began = perf_counter()
        self._take(self._read(data))
        self._consumed(len(data))
        self.ex.overhead += perf_counter() - began

    def _read(self, data: bytes) -> bytes:
        """Whole events as the client's; those that cannot be read end the answer."""
        try:
            return self._translation.stream(data)
        except UpstreamProtocolError as error:
            self.end_early(error)
            return b""

    def _consumed(self, size: int) -> None:
        """Tell the native client to read on, unless too much waits for a slow client."""
        self._unread += size
        if self._unread > _ACKNOWLEDGE_BYTES and self._unsent <= _UNSENT_BYTES:
            self.client.ack(self.upstream, self._unread)
            self._unread = 0

    def on_sent(self, count: int) -> None:
        """The client has taken `count` bytes. They are not the provider's: those are counted in `_consumed`."""
        if not self.is_finished and self.ex.reply.is_waiting:
            self._unsent -= count
            self._consumed(0)

    def _take(self, written: bytes) -> None:
        if self._translation.ended is not None:
            self._last.append(written)  # the record comes first, when the provider has said what it cost
            if self._translation.is_cut:
                self.client.cancel(self.upstream)
        elif written:
            self._send(written)

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        if self.is_ended_by_us is not None:
            return
        if self._translation.ended is None:
            self._last.append(self._read(data))
        if self._translation.ended is not None:
            self._settle(captures, data, is_open=True)

    def on_end(self, captures: Captures) -> None:
        if self.ex.is_settled:
            self.finish()
            return
        if self.is_ended_by_us is not None:
            super().on_end(captures)
            return
        failure: Outcome = "upstream_error"
        if self._translation.ended is None:
            failure = "cut"
            self._last.append(self._translation.end())
        self._settle(captures, failure=failure)
        if not self.is_moved:
            self.finish()

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        is_whole = self._translation.ended is not None and self.is_ended_by_us is None and not self.is_client_gone
        if is_whole and not self.ex.is_settled and captures is not None:
            self._settle(captures)
            self.finish()
            return
        super().on_failed(code, message, captures)

    # === ways out ===

    def _answer(
        self, read: Callable[[bytes], bytes], body: bytes, spend: Spend, failure: Outcome = "upstream_error"
    ) -> None:
        """All that the provider has answered is here, and `read` makes the client's answer of it."""
        began = perf_counter()
        ex = self.ex
        try:
            answer = read(body)
        except UpstreamProtocolError as error:
            give_up = partial(self.end_with, error, failure, spend, error.code)
            if not moves(self, error.code, spend, give_up, fault="protocol"):
                give_up()
            return
        ended = self._translation.ended
        ex.overhead += perf_counter() - began
        if isinstance(ended, Fault):
            self._last.append(answer)
            counted = spend if failure == "cut" or spend[2] == "exact" else NOTHING
            code = "cut" if failure == "cut" else "upstream_failed"
            give_up = partial(self._fail, ended, failure, counted, code)
            if ended.kind not in _MOVING or not moves(self, code, counted, give_up, fault="in_band"):
                give_up()
        elif self._translation.is_stream:
            self._last.append(answer)
            self._close("ok", "", spend)
            self.finish()
        elif (passed := guarded.whole(self, answer, spend)) is not None:
            answer = passed
            ex.response_bytes = len(answer)
            write_done(ex, self.pipeline.recorder, status=_OK, outcome="ok", spend=spend)
            headers = [("content-type", "application/json"), *self._carried]
            ex.reply.whole(_OK, stamp(headers, ex, spend[1]), answer)
            self.finish()

    def _settle(
        self, captures: Captures, terminal: bytes = b"", *, failure: Outcome = "upstream_error", is_open: bool = False
    ) -> None:
        """The stream has ended, well or with a failure: record it, then tell the client."""
        ex, ended = self.ex, self._translation.ended
        if ex.is_settled:
            return
        if not isinstance(ended, Fault):
            spend = self.spend_of(captures, terminal)
            if self._translation.is_cut:
                self._last.append(self._translation.last(spend[0]))
            self._close("ok", "", spend)
            return
        spend = self._spend_of_failure(captures, terminal)
        code = "cut" if failure == "cut" else "upstream_failed"
        give_up = partial(self._tell_failure, ended, failure, code, spend)
        is_providers = failure == "cut" or ended.kind in _MOVING
        if not is_providers or not moves(self, code, spend, give_up, fault="in_band", is_open=is_open):
            give_up()

    def _tell_failure(self, ended: Fault, failure: Outcome, code: str, spend: Spend) -> None:
        if self.ex.is_committed or self._translation.has_begun:
            self._close(failure, code, spend)
            if self.is_moved:
                self.finish()
        else:
            self._fail(ended, failure, spend, code)

    def _spend_of_failure(self, captures: Captures, terminal: bytes) -> Spend:
        """Nothing, when the provider refused before it had counted or said anything."""
        if captures[0] != "failed":
            return self.estimate(captures)
        if captures[5] or self._reported(captures, terminal) is not None:
            return self.spend_of(captures, terminal)
        return NOTHING

    def _close(self, outcome: Outcome, code: str, spend: Spend) -> None:
        """Record the stream and send its end, which `_last` holds."""
        ex = self.ex
        held, self.held = b"".join(self.held or ()), None
        last = guarded.last(self, held + b"".join(self._last), spend)
        if last is None:
            return
        if self._array is not None:
            last = self._array.last(last)
        ex.response_bytes += len(last)
        write_done(ex, self.pipeline.recorder, status=_OK, outcome=outcome, error_code=code, spend=spend)
        if ex.dialect is not None and ex.dialect.takes_comments:
            last = b": x-agentcc-cost %s\n\n%s" % (usd(spend[1]).encode(), last)
        self._commit(spend[1])
        self.write_last(last)

    def _fail(self, fault: Fault, outcome: Outcome, spend: Spend, code: str) -> None:
        ex = self.ex
        assert ex.dialect is not None
        rejected = self.pipeline.planning.rejections.of(ex, fault.status)
        error = rejected or provider_error(fault, ex.dialect.name, self.provider)
        self.end_with(error, outcome, spend, code)

    def _last_words(self, error: GatewayError) -> bytes:
        ex = self.ex
        assert ex.dialect is not None
        if isinstance(error, GuardrailBlocked):  # what the writer had written is what it is about
            said = refuse.event(ex, error, response_id(self.first))
            return said if self._array is None else self._array.last(said)
        written = guarded.left(self, b"".join(self._last))
        if self._translation.ended is None or not written:  # else the client's terminal event is there already
            # a bug may be the writer's own
            told_by_writer = (
                b"" if isinstance(error, Bug) else self._translation.fail(told(_fault(error), ex.dialect.name))
            )
            written += told_by_writer or refuse.event(ex, error)
        return written if self._array is None else self._array.last(written)

    @property
    def is_array(self) -> bool:
        return self._array is not None

    def commit_early(self) -> None:
        self.ex.is_stream = True
        self.ex.last_write = perf_counter()
        self._commit(self.ex.hold_nusd)

    def _send(self, data: bytes) -> None:
        if self.held is not None and not (data := released(self, data)):
            return
        if self.guard is not None and not (data := guarded.passed(self, data)):
            return
        ex = self.ex
        self.first = self.first or data
        if ex.course is not None:
            self.pipeline.planning.answered(ex)
        if self._array is not None:
            data = self._array.piece(data)
        self._commit(ex.hold_nusd)
        ex.response_bytes += len(data)
        ex.last_write = self.pipeline.now
        if ex.reply.is_waiting:
            self._unsent += len(data)
        ex.reply.write(data)
        self.pipeline.count_unfinished(ex, len(data))

    def _commit(self, cost_nusd: int) -> None:
        """Send the headers, unless they have left: with the cost as far as it is known now."""
        ex = self.ex
        if ex.is_committed:
            return
        ex.is_committed = True
        assert ex.dialect is not None
        kind = "application/json" if self._array is not None else ex.dialect.stream_type
        ex.reply.start(_OK, stamp([*stream_headers(kind), *self._carried], ex, cost_nusd))


def _fault(error: GatewayError) -> Fault:
    """An error as what the client's writer can tell."""
    if isinstance(error, ProviderError):
        return Fault(error.details.get("kind", "server"), error.message, code=error.form[2])  # type: ignore[arg-type]
    return Fault("timeout" if isinstance(error, TimedOut) else "server", error.message, code=error.code)


def _carried(headers: Headers) -> Headers:
    return [item for item in headers if item[0] in _CARRIED]
