"""Relay and settle: what happens to an exchange once it was sent upstream.

Runs as plain calls on the event loop, in the order of the provider's bytes; no task wakes up per event. Each way out
settles first and sends the last byte after.
"""

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.base.core.errors import Bug, GatewayError, UpstreamProtocolError
from gateway.base.core.money import usd
from gateway.base.core.record import Outcome
from gateway.dataplane.budget import spent_out
from gateway.dataplane.flow import gemini_array, guarded, refuse, whole
from gateway.dataplane.flow.answer import (
    renamed,
    response_id,
)
from gateway.dataplane.flow.costing import Costing
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.failure import NEVER_SENT, fault_of, log_bug
from gateway.dataplane.flow.gather import Gather
from gateway.dataplane.flow.headers import stamp, stream_headers
from gateway.dataplane.flow.held import flush, moves, moves_body, moves_end, released
from gateway.dataplane.flow.leftover import LONGEST_S, MOMENT_S, Leftover
from gateway.dataplane.flow.settle import NOTHING, Spend, write_done
from gateway.dataplane.upstream import Captures, Headers, UpstreamClient, for_client
from gateway.dataplane.wire import DIALECTS
from gateway.dataplane.wire.anthropic_messages import ANTHROPIC_MESSAGES

if TYPE_CHECKING:
    from gateway.dataplane.flow.pipeline import Pipeline

_OK = 200
_ERROR = 400
_ALONE_S = 0.2
"""How long after the stream's last chunk an error that must be read alone is sent: in a packet of its own, which a busy client has not
read together with the one before (Node 20 gives all that has arrived in one piece, whatever the HTTP chunks were)."""
_FRAME_EVENTS = 500
"""What of a stream is no output: lifecycle events and pings."""


class Relay(Costing):
    """The upstream `Handler` of one exchange; `is_finished` once nothing more will be sent to the client but an error on its way.

    `has_begun`: the head of a streamed answer was there.
    """

    __slots__ = (
        "client", "dialect", "events_left", "ex", "first", "guard", "has_begun", "head", "held", "is_billable", "is_client_gone", "is_ended_by_us",
        "is_finished", "is_moved", "pipeline", "raw", "renames", "stop_at", "upstream",
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
        self.guard = guarded.guard_of(ex, is_array=is_raw) if is_billable else None
        """Looks at what goes to the client; None: nothing is asked of it, or its last word is said."""
        self.upstream = 0
        self.is_finished = False
        self.has_begun = False
        self.first = b""
        self.is_client_gone = False
        self.stop_at = 0.0
        """When to stop reading an answer whose client has left (`perf_counter()` seconds); 0 while it is there."""
        self.is_ended_by_us: GatewayError | None = None
        self.is_moved = False
        """Another deployment is asked in place of this one."""
        may_move = ex.course is not None and ex.course.may_go_on and not is_raw
        self.held: list[bytes] | None = [] if may_move else None
        """What of a stream says nothing yet, for as long as another deployment may answer in its place; None: all goes on at once."""
        self.head: tuple[int, Headers] | None = None
        """Status and headers that are held back with it."""
        self.events_left = _FRAME_EVENTS + ex.reach.most_output(ex.output_limit) if ex.reach is not None else 0
        """Events after which a provider has gone past the output that a hard budget can pay for; 0: not counted."""

    # === the provider's completions ===

    def on_body(self, status: int, headers: Headers, ttfb_us: int, body: bytes) -> None:
        """A whole answer: price it, settle it, send it."""
        began = perf_counter()
        ex = self.ex
        ex.ttfb_us = ttfb_us
        if status >= _ERROR:
            whole.refused(self, status, headers, body)
            return
        if ex.course is not None:
            self.pipeline.planning.note_limits(ex, status, headers)
        spend = self.spend_of_body(body)
        if ex.is_committed:
            whole.no_stream_came(self, status, spend)
            return
        passes = partial(whole.passed, self, status, headers, body, spend, began) if ex.course is not None else None
        if spend[2] == "exact" or passes is None or not moves_body(self, body, spend, passes):
            whole.passed(self, status, headers, body, spend, began)

    def on_head(self, status: int, headers: Headers, ttfb_us: int) -> None:
        """A stream begins: its status and headers are ours, with the estimate as the cost."""
        ex = self.ex
        self.has_begun = True
        if status >= _ERROR or not ex.is_stream:
            self.client.hand_over(self.upstream, Gather(self, status, headers, ttfb_us))
            return
        began = perf_counter()
        ex.ttfb_us = ttfb_us
        if ex.course is not None:
            self.pipeline.planning.note_limits(ex, status, headers)
        self.head = status, headers
        if self.held is None:
            self.send_head()
        ex.last_write = now = perf_counter()
        ex.overhead += now - began

    def send_head(self) -> None:
        """Status and headers of a stream that is passed on, unless they have left."""
        ex = self.ex
        if not ex.is_committed and self.head is not None:
            ex.is_committed = True
            status, headers = self.head
            ex.reply.start(status, stamp(for_client(headers, ex.model_requested), ex, ex.hold_nusd))

    def on_gathered(self, status: int, headers: Headers, ttfb_us: int, body: bytes, captures: Captures) -> None:
        """All of a stream that is no answer to what was asked: an error's, or one that should have been a JSON text."""
        if status >= _ERROR:
            self.on_body(status, headers, ttfb_us, body)
            return
        self.ex.ttfb_us = ttfb_us
        whole.a_stream_came(self, captures)

    def on_data(self, data: bytes) -> None:
        """Whole events go on as they came."""
        if self.is_ended_by_us is not None:
            return
        if self.events_left:
            self.count_events(data)
        if self.held is not None:
            if not (data := released(self, data)):
                return
            self.send_head()
        if self.raw is not None:
            self.raw.append(data)
        if self.guard is not None and not (data := guarded.passed_on(self, data)):
            return
        ex = self.ex
        if not self.first and self.renames:
            data = renamed(data, ex.model_requested)
        size = len(data)
        ex.response_bytes += size
        ex.last_write = self.pipeline.now
        if self.raw is None and not self.first:
            self.first = data
            if ex.course is not None:
                self.pipeline.planning.answered(ex)
        ex.reply.write(data)
        self.pipeline.count_unfinished(ex, size)

    def on_terminal(self, data: bytes, captures: Captures) -> None:
        """The terminal event: the record is written, then cost comment and event leave together."""
        if self.is_ended_by_us is not None:
            return  # what came before it was held back, so it would be a lie
        if captures[0] == "failed" and self.held is not None:
            give_up = partial(self._last_of_failure, data, captures)
            if moves(self, "upstream_failed", NOTHING, give_up, fault="in_band", said=captures[4], is_open=True):
                return
        self._pass_terminal(data, captures)

    def _last_of_failure(self, data: bytes, captures: Captures) -> None:
        self._pass_terminal(data, captures)
        self.finish()

    def _pass_terminal(self, data: bytes, captures: Captures) -> None:
        flush(self)
        ex = self.ex
        spend = self.spend_of(captures, data)
        rest = guarded.last(self, data, spend) if self.is_ended_by_us is None else None
        if rest is None:
            return
        data = rest
        ex.response_bytes += len(data)
        self._record_end(spend, is_failed=captures[0] == "failed")
        if ex.dialect is not None and ex.dialect.takes_comments:
            data = b": x-agentcc-cost %s\n\n%s" % (usd(spend[1]).encode(), data)
        ex.reply.write(data)

    def on_end(self, captures: Captures) -> None:
        """The provider's EOF: the end, or a cut when the dialect's terminal event is missing."""
        if self.held is None or not moves_end(self, captures, partial(self._ended, captures)):
            self._ended(captures)

    def _ended(self, captures: Captures) -> None:
        flush(self)
        dialect = self.dialect
        if self.ex.is_settled:
            self.finish()
            return
        spend = self.spend_of(captures)
        if self.is_ended_by_us is not None:
            self.end_with(self.is_ended_by_us, "cut", spend, self.is_ended_by_us.code)
            return
        is_failed = captures[0] == "failed"
        if self.raw is not None:
            said = gemini_array.is_failed(b"".join(self.raw))
            is_whole, is_failed = said is not None, bool(said)
        else:
            is_finished = captures[7] or dialect.tap == "none"
            is_whole = is_failed or (is_finished and not (dialect.has_terminal and dialect.needs_terminal))
        if is_whole:
            if (rest := guarded.last(self, b"", spend)) is not None:
                self.ex.response_bytes += len(rest)
                self._record_end(spend, is_failed=is_failed)
                if rest:
                    self.ex.reply.write(rest)
                self.finish()
            return
        error = UpstreamProtocolError(f"provider `{self.provider}` ended its answer before it was complete")
        self.end_with(error, "cut", self.estimate(captures), "cut")

    def on_failed(self, code: str, message: str, captures: Captures | None) -> None:
        """The request failed at some point, or we cancelled it."""
        ex = self.ex
        if ex.is_settled:
            self.finish()
            return
        spend = NOTHING if code in NEVER_SENT else self.estimate(captures)
        if self.is_client_gone:
            write_done(
                ex,
                self.pipeline.recorder,
                status=499,
                outcome="disconnected",
                error_code="client_disconnected",
                spend=spend,
            )
            self.finish()
            return
        if captures is not None and captures[0] == "failed" and self.is_ended_by_us is None:
            self.on_end(captures)  # the provider has said why before it closed the connection: nothing is to be added
            return
        error = self.is_ended_by_us or fault_of(code, message, self.provider)
        give_up = partial(self.end_with, error, "cut" if self.has_begun else "upstream_error", spend, error.code)
        if not moves(self, code, spend, give_up, fault=code):
            give_up()

    def on_bug(self, exc: Exception) -> None:
        """Our own code raised: tell the client, keep the worker."""
        log_bug(self.ex.request_id, exc)
        error = Bug("the gateway failed on this exchange; its log has the cause")
        try:
            self.end_with(error, "error", self.estimate(None), error.code)
        finally:
            self.finish()  # whatever else fails, the exchange must not stay open

    # === the client and the clock ===

    def on_sent(self, count: int) -> None:
        """`count` bytes have left, so that reading may go on."""
        self.client.ack(self.upstream, count)

    def on_left(self) -> None:
        """The client has gone: stop paying for its answer, once its cost is known."""
        if self.is_finished or self.is_client_gone:
            return
        self.is_client_gone = True
        guarded.leave(self)
        if self.ex.is_settled:
            self.client.cancel(self.upstream)
            return
        if self.is_moved:
            return
        is_read_to_the_end = self.ex.reach is not None or not self.ex.is_stream
        self.stop_at = perf_counter() + (LONGEST_S if is_read_to_the_end else MOMENT_S)
        self.client.hand_over(self.upstream, Leftover(self))

    def count_events(self, data: bytes) -> None:
        """End an answer whose provider does not keep to the output limit: an event brings a token or more."""
        self.events_left -= data.count(self.dialect.event_mark)
        if self.events_left <= 0 and self.ex.hold is not None:
            self.events_left = 0
            charge = self.ex.hold.charge
            self.end_early(spent_out(charge.hard[0], int(self.ex.started_at * 1000)))

    def stop_reading(self) -> None:
        """The end of an answer that nobody reads has not come in time."""
        self.stop_at = 0.0
        self.client.cancel(self.upstream)

    def end_early(self, error: GatewayError) -> None:
        """End the exchange from our side with `error`; the upstream request is cancelled."""
        if not self.is_finished and self.is_ended_by_us is None:
            self.is_ended_by_us = error
            self.client.cancel(self.upstream)

    def commit_early(self) -> None:
        """The provider is slow to begin: send our headers now, so that keep-alives may follow."""
        ex = self.ex
        assert ex.dialect is not None
        ex.is_committed = True
        ex.is_stream = True
        ex.last_write = perf_counter()
        ex.reply.start(_OK, stamp(stream_headers(ex.dialect.stream_type), ex, ex.hold_nusd))

    def keep_alive(self) -> None:
        """Say that we are still there, in the dialect's own way."""
        ex = self.ex
        assert ex.dialect is not None
        ex.last_write = perf_counter()
        if ex.dialect.keep_alive:
            ex.reply.write(ex.dialect.keep_alive)

    # === ways out ===

    def _record_end(self, spend: Spend, *, is_failed: bool) -> None:
        """The record of a stream that has ended as its dialect wants it."""
        outcome: Outcome = "upstream_error" if is_failed else "ok"
        code = "upstream_failed" if is_failed else ""
        write_done(self.ex, self.pipeline.recorder, status=_OK, outcome=outcome, error_code=code, spend=spend)

    def end_with(self, error: GatewayError, outcome: Outcome, spend: Spend, code: str) -> None:
        """Settle with an error and tell the client: as the whole answer, or as the stream's one terminal event."""
        ex, recorder = self.ex, self.pipeline.recorder
        if ex.is_settled:
            self.finish()
            return
        data = self._last_words(error) if ex.is_committed else b""
        guarded.leave(self)
        if ex.is_committed:
            ex.response_bytes += len(data)
            write_done(ex, recorder, status=_OK, outcome=outcome, error_code=code, spend=spend)
            self.write_last(data)
        else:
            # the record first: its status is the one that `answer` will send
            write_done(ex, recorder, status=refuse.status_of(ex, error), outcome=outcome, error_code=code, spend=spend)
            refuse.answer(ex, error, spend[1])
        self.finish()

    def _last_words(self, error: GatewayError) -> bytes:
        """The event that ends the client's stream."""
        if self.raw is not None:
            return refuse.last_of_array(self.ex, error)
        return refuse.event(self.ex, error, response_id(self.first))

    def write_last(self, data: bytes) -> None:
        """Send the end of a stream. An error that the client knows only when it comes alone follows a moment later, and ends it."""
        ex = self.ex
        mark = ex.dialect.bare_error if ex.dialect and not self.is_array else b""
        at = (b"\n" + data).find(b"\n" + mark) if mark else -1
        if at < 0:
            ex.reply.write(data)
            return
        if at:
            ex.reply.write(data[:at])
        self.is_finished = True
        self.pipeline.loop.call_later(_ALONE_S, self._say_alone, data[at:])

    def _say_alone(self, error: bytes) -> None:
        self.ex.reply.write(error)
        self.ex.reply.finish()
        self.pipeline.end(self.ex)

    def finish(self) -> None:
        if not self.is_finished:
            self.is_finished = True
            if self.ex.is_committed:
                self.ex.reply.finish()
            self.pipeline.end(self.ex)

    @property
    def is_array(self) -> bool:
        """Whether the client reads its stream as one JSON array."""
        return self.raw is not None

    @property
    def provider(self) -> str:
        """The name of who answers."""
        return self.ex.deployment.provider.name if self.ex.deployment else "none"
