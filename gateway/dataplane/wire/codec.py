"""What a dialect can do for translation: read and write turns, answers and streams. Pure; one `CODEC` per dialect package.

The road of a translated exchange (`wire/translate/` holds the steps between; `flow` calls them):

    client bytes → read_turn → reasoning opened, tools lowered, history arranged → write_turn → provider
    provider     → reader    → tools restored, stops cut, reasoning sealed, blocks put in line → writer → client

A codec never sees the other dialect: between the two stand only the canon and the report.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Answer, Event, Fault, Turn
from gateway.dataplane.wire.report import Report


class PathSays(Record, frozen=True):
    """What the request's path says instead of its body (Gemini, Converse): '' and False where it says nothing."""

    model: str = ""
    is_stream: bool = False


class Target(Record, frozen=True):
    """Whom a request is written for.

    `provider` is the configured provider's name, `model` what it calls the model. `vendor` says whose model it is
    (`anthropic`, `openai`, `google`, `deepseek`, `xai`, `mistral`, … or '' when nobody knows): it decides quirks.
    `origin` says who can read a Reasoning's signature again (see `Reasoning.origin`). Limits are 0 when unknown.
    `is_official`: the vendor's own API, not an imitation: fields that only it knows may be sent.
    """

    dialect: str
    provider: str
    model: str
    vendor: str = ""
    origin: str = ""
    max_output_tokens: int = 0
    context_window_tokens: int = 0
    is_official: bool = False


class Asked(Record, frozen=True):
    """What a writer of answers needs to know of the request. `now_s` stands in where the provider gives no time."""

    turn: Turn
    request_id: str
    now_s: int


class StreamReader(Protocol):
    """A provider's stream as events. Never raises for what the provider sends: what it cannot read is skipped and counted."""

    skipped: int

    def feed(self, name: str, data: bytes) -> list[Event]:
        """One event of the stream: SSE's `event` ('' when absent) and `data`; for an AWS event stream `:event-type` (or
        `:exception-type`) and the payload. After Finish or Fault nothing more is given."""

    def end(self) -> list[Event]:
        """The provider's EOF. Gives Finish where the dialect allows an end without a terminal event and a stop reason was
        seen, else a Fault of kind `server`; nothing when the terminal event was there already."""


class StreamWriter(Protocol):
    """Events as the client's stream. Its output obeys the dialect's grammar whatever the events are.

    Lifecycle frames (`message_start`, `response.created`) are held back until the first Open or the terminal event, so that a
    provider that fails at once can still be answered with a status; everything else leaves at once.
    """

    def write(self, events: Iterable[Event]) -> bytes:
        """The bytes that `events` become; b'' when nothing is to be sent yet. Finish and Fault write the terminal frames."""


class NameRule(Record, frozen=True):
    """What a provider allows as a tool's name and as a call's id: at most so many characters, all of `[A-Za-z0-9_-]`, or also
    those in `more`. An id limit of 0: the dialect has no ids."""

    name_chars: int
    id_chars: int
    more: str = ""


def _as_it_is(turn: Turn, target: Target, report: Report) -> Turn:
    del target, report
    return turn


class Codec(Record, frozen=True):
    """A dialect's translation. See the module for the road.

    - `read_turn(body, path)`: raises BadRequest whose `param` is the JSON path (`messages[2].content[0].type`).
    - `write_turn(turn, target, report)`: the provider's request body. The turn has been lowered by `translate.tools` to what
      `lowers_to` says. Equal turns give equal bytes, and a turn that continues another shares the longest possible prefix.
    - `read_answer(body)`: a whole answer, or the failure that came in its place with status 200. Raises UpstreamProtocolError for
      what is neither.
    - `write_answer(answer, asked)`: a whole answer for the client. Raises UpstreamProtocolError when it ended in a way (a malformed
      call, a reason that nobody knows) for which the dialect has no honest word.
    - `reader()`, `writer(asked)`: streams.
    - `read_error(status, headers, body)`: a provider's error answer; header names are lower case. Never raises.
    - `kinds`: the kinds of tools and calls it has words for; `servers`: the server tools (`Tool.name`) it can declare.
    - `has_stop`: whether a request can name stop sequences (else they are emulated on the way back).
    - `paths`: the canon's names of what may not be carried → their paths in its requests (`Report`); only those that differ.
    - `harmless`: members in its turns' `extra` whose loss changes nothing, by path (`store`, `generationConfig.candidateCount`,
      `tools.type`, `messages.status`, `parts.caller`) → the values of which that is true, () for all (`translate.losses`).
    - `mended(turn, target, report)`: a turn of this very dialect from which thoughts were taken (`translate.reopen`), as its providers
      still want it.
    - `interleaves`: whether blocks of its streams may be open side by side (else events are put in line before the writer).
    """

    name: str
    read_turn: Callable[[bytes, PathSays], Turn]
    write_turn: Callable[[Turn, Target, Report], bytes]
    read_answer: Callable[[bytes], Answer | Fault]
    write_answer: Callable[[Answer, Asked], bytes]
    reader: Callable[[], StreamReader]
    writer: Callable[[Asked], StreamWriter]
    read_error: Callable[[int, Mapping[str, str], bytes], Fault]
    rule: NameRule
    kinds: frozenset[str]
    servers: frozenset[str]
    interleaves: bool
    paths: Mapping[str, str]
    harmless: Mapping[str, tuple[Any, ...]]
    mended: Callable[[Turn, Target, Report], Turn] = _as_it_is
    has_stop: bool = True
