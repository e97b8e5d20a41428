"""One exchange between two dialects: the steps in their order, once for the request and then for each piece of the answer. Pure."""

from collections.abc import Callable, Sequence

from msgspec import structs

from gateway.base.core.errors import BadRequest, Unsupported
from gateway.base.core.usage import Usage
from gateway.dataplane.wire.canon import Answer, Begin, Event, Fault, Finish, Opaque, Open, Turn
from gateway.dataplane.wire.codec import Asked, Codec, Target
from gateway.dataplane.wire.report import Report, client_path
from gateway.dataplane.wire.translate.arrange import arrange
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from gateway.dataplane.wire.translate.line_up import LineUp
from gateway.dataplane.wire.translate.losses import report_losses
from gateway.dataplane.wire.translate.reasoning import SealReasoning, Seals, open_reasoning
from gateway.dataplane.wire.translate.stops import StopCut
from gateway.dataplane.wire.translate.tools import lower

_STATEFUL = ("previous_response_id", "conversation")
"""What refers to answers that only their provider keeps."""

_MOST_STOPS = 16
_STOP_CHARS = 512
_ID_CHARS = 256
Split = Callable[[bytes], Sequence[tuple[str, bytes]]]
"""Whole events of a provider's stream → (event name, data) of each."""


class Translation:
    """A request on its way to a provider of another dialect, and the way back of its answer.

    `body` is what to send; `report` what could not be carried. `has_begun`: a block of the answer has opened. `ended` is the
    Finish or Fault once there was one: what `stream` or `end` then gave holds the client's terminal event, or, when `is_cut`,
    `last` gives it.
    """

    def __init__(
        self,
        client: Codec,
        provider: Codec,
        turn: Turn,
        target: Target,
        *,
        seals: Seals,
        report: Report,
        request_id: str,
        now_s: int,
        split: Split,
    ) -> None:
        """Writes the request. Raises BadRequest or Unsupported."""
        _refuse_stateful(turn)
        self.report, report.paths = report, client.paths
        try:
            opened = open_reasoning(turn, target, seals, report)
            lowered, restore = lower(arrange(opened, report), provider.rule, provider.kinds, provider.servers, report)
            report_losses(lowered, client, provider, report)
            self.body = provider.write_turn(lowered, target, report)
            stop = _checked(turn.stop) if turn.stop and not provider.has_stop else None
        except BadRequest as exc:
            raise in_words_of(client, turn, exc) from exc
        self.ended: Finish | Fault | None = None
        self.has_begun = False
        self.is_stream = turn.is_stream
        self._client, self._provider = client, provider
        self._asked = Asked(turn, request_id, now_s)
        self._restore = restore.restorer(request_id)
        self._cut = None if stop is None else StopCut(stop)
        self._seal = SealReasoning(target.origin, client.name, seals)
        self._line_up = None if client.interleaves else LineUp()
        self._reader = provider.reader()
        self._writer = client.writer(self._asked)
        self._split = split

    @property
    def is_cut(self) -> bool:
        """A stop sequence that the provider does not know was met: what it still sends is not wanted."""
        return self._cut is not None and self._cut.is_cut

    @property
    def skipped(self) -> int:
        """Events of the provider that could not be read."""
        return self._reader.skipped

    def stream(self, data: bytes) -> bytes:
        """Whole events of the provider's stream as the client's; b'' when nothing is to be sent yet."""
        events: list[Event] = []
        for name, payload in self._split(data):
            events += self._reader.feed(name, payload)
        return self._written(events)

    def end(self) -> bytes:
        """The provider's EOF."""
        return self._written(self._reader.end())

    def last(self, usage: Usage) -> bytes:
        """The terminal event of an answer that was cut at a stop sequence, which nobody but us can count."""
        return self._writer.write([Finish(self.ended.stop, usage)]) if isinstance(self.ended, Finish) else b""

    def fail(self, fault: Fault) -> bytes:
        """A failure that the provider did not tell, as the client's terminal event."""
        return self._written([fault])

    def whole(self, body: bytes) -> bytes:
        """A whole answer: as the client's body, or as its stream when it asked for one; b'' for a failure, which `ended` tells then.

        Raises UpstreamProtocolError for what is no answer, and for one whose end the client's dialect cannot tell.
        """
        return self._whole(self._provider.read_answer(body))

    def collected(self, data: bytes) -> bytes:
        """A whole stream of the provider, for a client that asked for none: as `whole`."""
        events = [event for name, payload in self._split(data) for event in self._reader.feed(name, payload)]
        return self._whole(answer_of([*events, *self._reader.end()]))

    def error(self, status: int, headers: dict[str, str], body: bytes) -> Fault:
        """An error answer of the provider."""
        return self._provider.read_error(status, headers, body)

    def _whole(self, answer: Answer | Fault) -> bytes:
        if isinstance(answer, Fault):
            self.ended = answer
            return b""
        if self.is_stream:
            written = self._written(events_of(answer))
            return written + self.last(answer.usage or Usage()) if self.is_cut else written
        return self._client.write_answer(self._converted(answer), self._asked)

    def _converted(self, answer: Answer) -> Answer:
        answer = self._restore.answer(answer)
        if self._cut is not None:
            answer = self._cut.answer(answer)
        # the name that was asked for: Claude Code drops thinking that another model has signed
        return self._seal.answer(structs.replace(answer, extra=None, model=self._asked.turn.model))

    def _written(self, events: Sequence[Event]) -> bytes:
        if self.ended is not None or not events:
            return b""
        if isinstance(events[0], Begin):  # see `_converted`
            begin = events[0]
            # some dialects repeat the id in every chunk: one of a length that no provider has is none
            begin_id = begin.id if len(begin.id) <= _ID_CHARS else ""
            events = [structs.replace(begin, id=begin_id, model=self._asked.turn.model), *events[1:]]
        restored = self._restore.events(events)
        if self._cut is not None:
            restored = self._cut.events(restored)
        sealed = self._seal.events(restored)
        lined = sealed if self._line_up is None else self._line_up.events(sealed)
        self.has_begun = self.has_begun or any(isinstance(event, Open) for event in lined)
        if lined and isinstance(lined[-1], Finish | Fault):
            self.ended = lined[-1]
            if self.is_cut and isinstance(self.ended, Finish):
                lined.pop()
        return self._writer.write(lined)


def in_words_of(client: Codec, turn: Turn, error: BadRequest) -> BadRequest:
    """What the provider's dialect misses, by its path in the client's request. A single message is only missed at the end."""
    param = str(error.details.get("param", ""))
    path = client_path(param, client.paths)
    if "[" in param:
        head, dot, rest = path.partition(".")
        path = f"{head}[{len(turn.messages) - 1}]{dot}{rest}"
    return BadRequest(error.message.replace(f"`{param}`", f"`{path}`", 1), **{**error.details, "param": path})


def _checked(stop: list[str]) -> list[str]:
    """Stop sequences that we look for ourselves: short and few, as the vendors want them. Raises BadRequest."""
    if len(stop) > _MOST_STOPS or any(len(one) > _STOP_CHARS for one in stop):
        raise BadRequest(
            f"`stop` may have at most {_MOST_STOPS} sequences of at most {_STOP_CHARS} characters for this model",
            param="stop",
        )
    return stop


def _refuse_stateful(turn: Turn) -> None:
    for name in _STATEFUL:
        if turn.extra and turn.extra.get(name):
            raise Unsupported(
                f"`{name}` refers to an answer that another provider keeps; this model's provider cannot see it. Send the whole"
                " conversation instead",
                param=name,
            )
    for at, message in enumerate(turn.messages):
        if any(isinstance(part, Opaque) and part.kind == "item_reference" for part in message.parts):
            path = f"input[{at}]"  # each item of Responses is a message
            raise Unsupported(
                f"`{path}` refers to an item that another provider keeps; this model's provider cannot see it. Send the item itself"
                " instead",
                param=path,
            )
