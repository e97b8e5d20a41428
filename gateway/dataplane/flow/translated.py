"""The relay of an exchange whose provider speaks another dialect than its client.

The client's status and headers wait for the first bytes that the writer gives, so that a provider that fails at once is still
answered with a status. The record is written before the client's terminal event, as on the way without translation.
"""

from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.core.errors import GatewayError, ProviderError, TimedOut, UpstreamFault, UpstreamProtocolError
from gateway.base.core.record import Outcome
from gateway.base.core.usage import NO_USAGE
from gateway.dataplane.flow import refuse
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.headers import stamp, usd
from gateway.dataplane.flow.relay import Relay, answering_model
from gateway.dataplane.flow.settle import cost_of, estimated_usage, write_done
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
        self._array = _ArrayOfChunks() if is_raw else None

    # === the provider's completions ===

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        began = perf_counter()
        ex = self.ex
        ex.ttfb_us = ttfb_us
        self._carried = _carried(headers)
        if status >= _ERROR:
            self._fail(self._translation.error(status, dict(headers), body), f"upstream_{status}")
            return
        usage, cost, basis = self._cost_of_body(body)
        try:
            answer = self._translation.whole(body)
        except UpstreamProtocolError as error:
            self._end_with(error, "upstream_error", usage, error.code)
            return
        ended = self._translation.ended
        if isinstance(ended, Fault):
            self._fail(ended, "upstream_failed")
            return
        ex.response_bytes = len(answer)
        ex.overhead += perf_counter() - began
        write_done(ex, self.pipeline.recorder, status=_OK, outcome="ok", usage=usage, cost=cost, basis=basis)
        if self._translation.is_stream:
            self._send(answer)
        else:
            ex.reply.whole(_OK, stamp([("content-type", "application/json"), *self._carried], ex, cost), answer)
        self._finish()

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        ex = self.ex
        ex.ttfb_us = ttfb_us
        ex.is_stream = True
        ex.last_write = perf_counter()
        self._carried = _carried(headers)

    def on_data(self, data: bytes) -> None:
        if self.is_ended_by_us is not None or self._translation.ended is not None:
            return
        began = perf_counter()
        self._take(self._translation.stream(data))
        self._consumed(len(data))
        self.ex.overhead += perf_counter() - began

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
            self._last.append(self._translation.stream(data))
        if self._translation.ended is not None:
            self._settle(captures, data)

    def on_end(self, captures: Captures) -> None:
        if self.ex.is_settled:
            self._finish()
            return
        if self.is_ended_by_us is not None:
            super().on_end(captures)
            return
        if self._translation.ended is None:
            self._last.append(self._translation.end())
        self._settle(captures)
        self._finish()

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        is_whole = self._translation.ended is not None and self.is_ended_by_us is None and not self.is_client_gone
        if is_whole and not self.ex.is_settled and captures is not None:
            self._settle(captures)
            self._finish()
            return
        super().on_failed(code, message, captures)

    # === ways out ===

    def _settle(self, captures: Captures, terminal: bytes = b"") -> None:
        """The answer has ended, well or with the provider's own error: record it, then tell the client."""
        ex, ended = self.ex, self._translation.ended
        if ex.is_settled:
            return
        if ended is None:
            ended = Fault("server", "the provider ended its answer before it was complete")
        usage, is_exact = self._usage_of(captures, terminal)
        if isinstance(ended, Fault):  # what was reported came before the end
            seen = self._reported(captures, terminal)
            usage, is_exact = estimated_usage(ex, seen, captures[5], captures[6]), False
        cost = cost_of(ex, usage, answering_model(captures))
        if isinstance(ended, Fault) and not ex.is_committed and not self._translation.has_begun:
            self._fail(ended, "upstream_failed")
            return
        if self._translation.is_cut:
            self._last.append(self._translation.last(usage))
        outcome: Outcome = "upstream_error" if isinstance(ended, Fault) else "ok"
        last = b"".join(self._last)
        if self._array is not None:
            last = self._array.last(last)
        ex.response_bytes += len(last)
        write_done(
            ex, self.pipeline.recorder, status=_OK, outcome=outcome,
            error_code="upstream_failed" if isinstance(ended, Fault) else "",
            usage=usage, cost=cost, basis="exact" if is_exact else "estimated",
        )  # fmt: skip
        if ex.dialect is not None and ex.dialect.takes_comments:
            last = b": x-agentcc-cost %s\n\n%s" % (usd(cost).encode(), last)
        self._commit()
        ex.reply.write(last)

    def _fail(self, fault: Fault, code: str) -> None:
        ex = self.ex
        assert ex.dialect is not None
        error = provider_error(fault, ex.dialect.name, self._provider())
        self._end_with(error, "upstream_error", NO_USAGE, code)

    def _last_words(self, error: GatewayError) -> bytes:
        kind = "timeout" if isinstance(error, TimedOut) else "server"
        fault = Fault("server" if not isinstance(error, UpstreamFault) else kind, error.message, code=error.code)  # type: ignore[arg-type]
        if isinstance(error, ProviderError):
            fault = Fault(error.details.get("kind", "server"), error.message, code=error.form[2])  # type: ignore[arg-type]
        assert self.ex.dialect is not None
        written = b"".join(self._last)
        if self._translation.ended is None:  # else the client's terminal event is there already
            written += self._translation.fail(told(fault, self.ex.dialect.name)) or refuse.event(self.ex, error)
        last = written
        return last if self._array is None else self._array.last(last)

    def commit_early(self) -> None:
        ex = self.ex
        ex.is_stream = True
        ex.last_write = perf_counter()
        self._commit()

    def _send(self, data: bytes) -> None:
        ex = self.ex
        if self._array is not None:
            data = self._array.piece(data)
        self._commit()
        ex.response_bytes += len(data)
        ex.last_write = self.pipeline.now
        if ex.reply.is_waiting:
            self._unsent += len(data)
        ex.reply.write(data)
        self.pipeline.count_unfinished(ex, len(data))

    def _commit(self) -> None:
        ex = self.ex
        if ex.is_committed:
            return
        ex.is_committed = True
        self.has_begun = True
        assert ex.dialect is not None
        kind = "application/json" if self._array is not None else ex.dialect.stream_type
        headers = [("content-type", kind), ("cache-control", "no-cache"), ("x-accel-buffering", "no"), *self._carried]
        ex.reply.start(_OK, stamp(headers, ex, ex.hold_nusd))


class _ArrayOfChunks:
    """A Gemini stream without `alt=sse`: the same chunks as elements of one JSON array."""

    def __init__(self) -> None:
        self._has_begun = False

    def piece(self, data: bytes) -> bytes:
        chunks = [line[5:].strip() for line in data.splitlines() if line.startswith(b"data:")]
        if not chunks:
            return b""
        head = b",\r\n" if self._has_begun else b"["
        self._has_begun = True
        return head + b",\r\n".join(chunks)

    def last(self, data: bytes) -> bytes:
        return self.piece(data) + (b"]" if self._has_begun else b"[]")


def _carried(headers: Headers) -> Headers:
    return [item for item in headers if item[0] in _CARRIED]
