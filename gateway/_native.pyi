"""The Rust half of agentcc: JSON peek, digests, body decoding, and the upstream HTTP client.

Built from `native/` (crate `agentcc-native`, bindings over `agentcc-core`). Knows HTTP, framing and the fields that taps
read; knows no policy. Offsets and sizes are bytes. Linux only (the client signals through an eventfd).
The names with an underscore are types for annotations (`if TYPE_CHECKING`); they do not exist at run time.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, Self, TypeAlias, final

from typing_extensions import disjoint_base

__all__ = [
    "Admission",
    "DecodeError",
    "Gauge",
    "Hold",
    "JoinedText",
    "JsonError",
    "Lease",
    "LeaseGroup",
    "Meter",
    "MeterGroup",
    "Needles",
    "Reach",
    "Sealer",
    "Spots",
    "Taken",
    "Tally",
    "TextMemo",
    "TextReach",
    "TextView",
    "Upstream",
    "__version__",
    "chain_line",
    "conversation_digest",
    "decompress",
    "digest",
    "eventstream_message",
    "find_path",
    "last_items",
    "scan_object",
    "split_eventstream",
    "split_sse",
    "text_view",
]

__version__: Final[str]

class JsonError(ValueError):
    """A body that is no acceptable JSON object. `str()` gives kind, place and words."""

    kind: str
    """`not_utf8` | `malformed` | `not_object` | `too_deep` | `duplicate_key` | `empty`."""
    offset: int
    """Where, in bytes from the start of the body."""
    detail: str
    """In words; names the repeated key, or what was expected and what stands there."""

class DecodeError(ValueError):
    """A compressed body that cannot be decoded."""

    kind: str
    """`truncated` | `corrupt` | `too_large` | `unsupported`."""
    detail: str
    """In words."""

def scan_object(body: bytes, keys: tuple[bytes, ...], max_depth: int = 512) -> tuple[int, ...]:
    """Prove that `body` is one JSON object (RFC 8259, strict) and find the values of some top-level keys.

    Gives two ints for each of `keys` (spelled unescaped, UTF-8): start and end of its value in `body`, or -1, -1. A key
    written with escapes is found. Lone surrogate escapes (`\\ud800`) are legal. The top-level object is level 1 of
    `max_depth`. The GIL is released for bodies over 1 MiB.

    Raises JsonError. When several things are wrong, this order decides: `not_utf8` anywhere; then `empty`, `malformed`
    or `too_deep`, whichever comes first in the body; then `not_object`; then `duplicate_key` (top level only, compared
    after unescaping).
    """

def find_path(body: bytes, path: tuple[bytes, ...]) -> tuple[int, int]:
    """The span of a nested member: `find_path(b, (b"a", b"b"))` is the value of `b` in the object `a` of the object `b`.

    (-1, -1) when it is not there or something on the way is no object. Lenient: nothing is validated, broken JSON gives an
    unspecified answer but never an error. Of a repeated key the last one counts, as in Python. An empty path is the whole.
    """

def text_view(body: bytes, dialect: str, memo: TextMemo | None = None, max_depth: int = 512) -> TextView:
    """Every string of a request body, each with what it is. For bodies that `scan_object` has passed.

    `dialect`: `openai.responses`, `openai.chat`, `anthropic.messages`, `gemini.generate`, `bedrock.converse`,
    `openai.completions` or `openai.embeddings`. A body is cut into items: the elements of the lists that are members of the
    request (its conversation, its tools), and its other members, each with its key. With a `memo` only items that it does not
    know are looked at. (Bare numbers and literals are no items, and no pieces; behind 20,000 items the rest is one.) The GIL is
    released over 1 MiB.

    Each string value is one piece, and so is each key, but for known member names of the dialects and of JSON Schema. What
    need not be scanned is a piece too, of a kind that says so, and only where its value looks the part: `Word` (at most 48
    letters of one case, digits, `_-./`, and at most eight of them digits), `Media` and `Sealed` (64 and more bytes of base64,
    and nothing else). Numbers are no pieces.

    Raises JsonError (`too_deep`, or `malformed` where it cannot go on) and ValueError (no such dialect).
    """

@final
class TextView:
    """The pieces of a body, in its order. Holds the body. Offsets are bytes."""

    @property
    def count(self) -> int: ...
    @property
    def known(self) -> list[tuple[int, object]]:
        """Where in the body a known item begins, and its note; of those that have one, in order."""

    @property
    def known_bytes(self) -> int:
        """The length of all known items. They have no pieces here."""

    @property
    def tail(self) -> int:
        """Where what follows the model's last words begins: behind the last element of the conversation that is the model's (its
        words, thoughts or calls) and has another's element behind it; 0 when there is none. A user's words behind it are new."""

    def item_of(self, offset: int) -> tuple[int, int]:
        """The new item that a byte of the body is in: its index, and where it begins. Each piece is in one. Raises IndexError."""

    def remember(self, notes: dict[int, object] = ...) -> None:
        """All new items are known to the memo from now on. `notes`: what was found in an item, by its index; None, or nothing, for
        the others. An item moves: spans in a note count from its beginning. Raises IndexError. Does nothing without a memo."""

    def piece(self, index: int) -> tuple[int, int, int, bool, bool]:
        """(kind, start, end, is_key, is_escaped). The span is the string's inside. Kinds: `dataplane.guard.view.Kind`."""

    def pieces(self) -> list[tuple[int, int, int, bool]]:
        """All, without `is_escaped`."""

    def text(self, index: int) -> bytes:
        """Unescaped UTF-8; a lone surrogate is three bytes (WTF-8). A text that is itself a JSON object or array is unescaped
        again, and so are the arguments of a call in OpenAI's dialects, good JSON or not."""

    def path(self, index: int) -> str:
        """Such as `input[3].content[0].text`. A key that could be a secret is shown as `*`. Walks the body: for findings."""

    def raw_span(self, index: int, start: int, end: int) -> tuple[int, int]:
        """Where in the body bytes `start` to `end` of the unescaped text stand; an escape that is partly meant is there whole."""

    def joined(self, kinds: int = 0xFFFFFFFF, first: int = 0) -> JoinedText:
        """The texts of the pieces from `first` on whose kind is a bit of `kinds` (1 << kind), for one pass of a scanner. The GIL
        is released where the body is over 1 MiB."""

@final
class TextMemo:
    """The items that were looked at, by keyed digests of their raw bytes, the dialect and the member's name; no text. For many
    threads and all sessions. At `most_items` the older half is forgotten; what is used stays."""

    def __new__(cls, seed: int, most_items: int) -> Self:
        """`seed` is secret (0 <= seed < 2**64)."""

    @property
    def count(self) -> int:
        """How many items are known, and places where items begin."""

@final
class JoinedText:
    """Texts of pieces in one buffer."""

    @property
    def text(self) -> bytes:
        """Each unescaped and followed by a zero byte."""

    def locate(self, start: int, end: int) -> tuple[int, int, int]:
        """(piece, start, end) of bytes of `text`: the piece's index, and their span in the body as of `TextView.raw_span`.
        Raises IndexError when they are not all inside one piece."""

def conversation_digest(body: bytes, system: bytes, items: bytes, seed: int) -> bytes | None:
    """16 bytes that all turns of a conversation share; None when the top-level member `items` is absent, empty, or neither an
    array nor a string. `system` and `items` are spelled unescaped.

    Hashed (as by `digest`) are the value of the top-level member `system` (`b""`: the dialect has none), and the elements of
    `items` up to and including the first object whose `role` is `"user"` and those that follow it directly (agents put their
    surroundings before the prompt); without any, up to the first element that has no `role`; without that, the first element. A string in place of the array is taken itself.

    Of both only strings and numbers count, as they are written and in order; no keys, no brackets, no literals. Members named
    `cache_control`, `cachePoint`, `id`, `status` or `type` do not count, at any depth: agents move cache breakpoints between
    turns (a text with one comes as `[{"type": "text", "text": …}]`, later as a string) and add ids and states later.
    Lenient, like `find_path`; of a repeated `system`, `items` or `role` the last one counts.
    """

def last_items(body: bytes, items: bytes, count: int) -> list[bytes]:
    """The bytes of the last `count` elements of the top-level array `items`, in order; [] when it is no array.

    Lenient, like `find_path`.
    """

def digest(data: bytes, seed: int) -> bytes:
    """16 bytes that tell bodies apart: XXH3-128 with a seed (0 <= seed < 2**64), in its canonical (big-endian) form.

    Not cryptographic: a secret seed keeps strangers from guessing collisions, no more. 60 KB take a few microseconds. The
    GIL is released over 1 MiB.
    """

def chain_line(prev: bytes, payload: bytes) -> bytes:
    """A line of a hash chain (the journal's): `<sha256(prev + payload) as hex> <payload>` and a newline.

    Raises ValueError when `payload` has a newline or a NUL.
    """

@final
class Needles:
    """A set of byte strings that is looked for in one pass, vectorised: 60 KB take a few microseconds."""

    def __new__(cls, needles: Sequence[bytes]) -> Self:
        """An empty needle is in everything, an empty set in nothing."""

    def any_in(self, data: bytes) -> bool:
        """Whether any of them is in `data`."""

@final
class Spots:
    """Looks for digits in a form, and for values with a digit that are assigned to one of many names: a microsecond or two for 10 KB."""

    def __new__(
        cls, forms: Sequence[tuple[int, Sequence[bytes], bool]], number: int, names: Sequence[bytes], least_bytes: int
    ) -> Self:
        """A form is the number it is told by, the bytes that may stand at each place, and whether no letter or digit stands before it. Names
        are told without regard to case, their values of `least_bytes` and more by `number`. Raises ValueError for a form without a place
        that has only digits, or only the full stop, for more than 64, and for a name of less than three bytes."""

    def find(self, text: bytes) -> list[tuple[int, int, int]]:
        """Number, start and end, first of forms, then of values; of a value start is 0, and end lies behind its first digit and four bytes
        more. A value is only told as possible: an expression has to confirm it."""

@final
class Reach:
    """How far a request can go; `output_tokens` is per choice: the client's limit (`is_clients`), else what the model can write, where
    that is known (`is_known`). `is_odd`: its bytes hold a needle, so it may be more than text. `text_nusd`: its upper bound, if it is not."""

    prompt_tokens: int
    output_tokens: int
    is_clients: bool
    is_known: bool
    choices: int
    service_tier: str
    searches: int
    is_odd: bool
    text_nusd: int

    def widened(self, prompt_tokens: int, choices: int, service_tier: str, searches: int) -> Reach:
        """Of a request that is more than text, from what it were if it was not."""

    def most_output(self, limit: int) -> int:
        """Output tokens of all choices, with `limit` for each; 0: as many as it can."""

@final
class TextReach:
    """What a request of text to one deployment can come to, by its bytes."""

    def __new__(
        cls,
        odd: Needles,
        *,
        rates_pusd: tuple[int, int],
        long_rates_pusd: tuple[int, int],
        long_above_tokens: int,
        request_nusd: int,
        template_tokens: int,
        window_tokens: int,
        most_output_tokens: int,
        unknown_output_tokens: int,
    ) -> Self:
        """Rates are of a token of input and of output; the long ones hold for prompts of more than `long_above_tokens`. `window_tokens` and
        `most_output_tokens` are 0 where they are not known."""

    def of(self, body: bytes, asked: int, has_output: bool) -> Reach:
        """`asked` is the client's output limit; 0: none. One beyond 2^32 counts as that many."""

@final
class Admission:
    """Budgets, rate limits and the upper bound (for hard budgets) of one caller's turns with one deployment."""

    def __new__(
        cls,
        charge: LeaseGroup,
        limits: MeterGroup | None,
        text: TextReach | None,
        *,
        below_stage: int,
        bytes_per_token: int,
    ) -> Self: ...
    @property
    def limits(self) -> Any: ...
    def admit(
        self,
        body: bytes,
        max_output_tokens: int,
        has_output: bool,
        is_retry: bool,
        sunk_nusd: int,
        now_ms: int,
        now: float,
    ) -> tuple[Hold, int, Taken | None, Reach | None, int] | None:
        """Hold the money and take the units of the rate limits: the hold, the expected cost, what was taken, the reach, and the output limit
        that has to be set (0: none).

        None, and nothing was taken, where a budget may stand at `below_stage`, or a lease is too small, or others wait for a limit, or
        nothing was learned yet, or the body may be more than text. `now` is `perf_counter()`; `now_ms` the wall clock.
        """

def decompress(data: bytes, encoding: str, limit: int) -> bytes:
    """Undo a `Content-Encoding`: `zstd` (frames may follow each other), `gzip` (members too) or `deflate` (zlib or raw).

    At most `limit` bytes come out, and memory beyond that is a few MiB, whatever the input claims; a zstd window over
    8 MiB is refused as `too_large` (RFC 9659). Bytes after the end are `corrupt`. Releases the GIL. Raises DecodeError.
    """

def split_sse(data: bytes, *, takes_bare_errors: bool = False) -> list[tuple[str, bytes]]:
    """Whole server-sent events (a DATA of `Upstream`) as (name, data): `""` without a name, data lines joined by a newline.

    Lines end in LF, CRLF or CR. Events without data (comments, keep-alives) and bytes after the last blank line are left out.
    `takes_bare_errors`: where an event would begin, a JSON object (RFC 8259) with a member `error` that ends before the next blank
    line is an event of its own, its data, up to its last brace; as the tap `gemini.generate` has it.
    """

def split_eventstream(data: bytes) -> list[tuple[str, str, bytes]]:
    """Whole messages of an AWS event stream (a DATA of `Upstream`) as (message type, name, payload).

    The message type is that of `:message-type`: `event`, `exception` or `error`; the name that of `:event-type`,
    `:exception-type` or `:error-code`; `""` where there is none. An `error` has its words in a header: they come as the payload
    `{"message": …}`. Checksums are checked. Raises ValueError when something is no message.
    """

def eventstream_message(headers: Sequence[tuple[str, str]], payload: bytes) -> bytes:
    """One message of an AWS event stream, with headers of the type string.

    Raises ValueError: a name over 255 bytes, empty or there twice, a value over 65,535 bytes, a payload over 24 MiB.
    """

@final
class Sealer:
    """Seals texts that travel through a client (ChaCha20-Poly1305); the same text under the same label gives the same token."""

    def __new__(cls, key: bytes) -> Self:
        """`key` is 32 bytes. Raises ValueError."""

    def seal(self, label: bytes, text: bytes) -> bytes:
        """28 bytes longer than `text`; `label` must be the same for `open`."""

    def open(self, label: bytes, sealed: bytes) -> bytes | None:
        """What was sealed under the same key and label; None for anything else."""

@disjoint_base
class Lease:
    """What a worker has leased of one budget, in nano-USD. For subclasses with an `__init__` of their own.

    Numbers here and below are 64 bit: what is set beyond raises OverflowError, what is added stops at the ends.
    """

    granted: int
    spent: int
    held: int
    others_spent: int
    dry_until: float
    """`perf_counter()` seconds: until then it has refused somebody, and nobody has settled since."""
    stage: int
    """Where it stands from `stage_from` until below `stage_to` spent by all, before `stage_until_ms` (epoch)."""
    stage_from: int
    stage_to: int
    stage_until_ms: int

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        """All numbers are 0, whatever is given."""

    @property
    def free(self) -> int:
        """What of it nobody holds: granted - spent - held."""

    @property
    def spent_by_all(self) -> int:
        """spent + others_spent."""

@final
class Tally:
    """What all groups of one wallet share."""

    generation: int
    """Of the policy in force."""

    def __new__(cls) -> Self: ...
    @property
    def touched(self) -> list[Any]:
        """The groups that `touch` was called of; whoever empties it resets their `is_touched`."""

@disjoint_base
class LeaseGroup:
    """The leases that one exchange is counted in: those that it needs money of, and those that only count. A lease may be in many groups.

    It learns what its exchanges cost: mean and deviation move by a sixteenth with each.
    """

    is_known: bool
    """Whether the store has been asked about each lease."""
    is_touched: bool

    def __new__(cls, hard: Sequence[Lease], soft: Sequence[Lease], tally: Tally | None = None) -> Self: ...
    @property
    def generation(self) -> int:
        """The tally's when it was made."""

    @property
    def mean(self) -> int:
        """0 until something was learned."""

    def is_below(self, stage: int, now_ms: int) -> bool:
        """Whether each lease is known to stand below `stage`; False also where that has to be looked up."""

    def expected_nusd(self, first_guess_nusd: int) -> int:
        """What an exchange is likely to cost at most: mean and four deviations, or the guess while nothing was learned."""

    def take(self, hard_nusd: int, soft_nusd: int) -> bool:
        """Hold so much of each, if each hard lease has it free; else nothing."""

    def hold(self, hard_nusd: int, soft_nusd: int) -> Hold | None:
        """`take`, with what gives it back; None where it takes nothing."""

    def settle(self, hard_nusd: int, soft_nusd: int, cost_nusd: int) -> None:
        """Give a hold back and count what was spent, in each."""

    def learn(self, cost_nusd: int) -> None:
        """Take the cost of one exchange into mean and deviation."""

    def touch(self) -> None:
        """Put itself on the tally's list, unless it is there."""

@final
class Hold:
    """What one exchange holds of a group (`charge`), until it is settled."""

    def __new__(cls, charge: LeaseGroup, hard_nusd: int, soft_nusd: int) -> Self:
        """Of what was taken already."""

    @property
    def charge(self) -> Any: ...
    @property
    def hard_nusd(self) -> int: ...
    @property
    def soft_nusd(self) -> int: ...
    def settle(self, cost_nusd: int) -> bool:
        """Give it back, count and learn the cost, touch the group; hard leases are dry no more. Once. False, and nothing done, for a cost
        that a group of another generation than the tally's would count."""

@disjoint_base
class Meter:
    """What a worker knows of one rate limit: `amount` units a minute, `burst` at once. For subclasses with an `__init__` of their own."""

    have: int
    """Leased, and may be given out; below zero it is what was used beyond the lease."""
    left: int
    """What the store had left at `told_at`."""
    amount: int
    burst: int
    told_at: float
    """`perf_counter()` seconds, as `used_at` and each `now`; 0 before the store has told anything."""
    used_at: float

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        """All numbers are 0, whatever is given."""

    def remaining(self, now: float) -> int:
        """What may still come at once: have, left, and what was refilled since `told_at`; 0 to `burst`."""

@disjoint_base
class Gauge:
    """What a worker knows of one limit of what is open at one moment. For subclasses with an `__init__` of their own."""

    granted: int
    """Leased."""
    in_use: int
    left: int
    """What the store had left."""
    amount: int
    used_at: float

    def __new__(cls, *_args: object, **_kwargs: object) -> Self:
        """All numbers are 0, whatever is given."""

    def remaining(self) -> int:
        """What may still be opened: left + granted - in_use, at least 0."""

@disjoint_base
class MeterGroup:
    """The meters and gauges that limit one exchange."""

    output_tokens: int
    """What an answer usually has; moves by a sixteenth with each that has any."""
    waiting: int
    """How many exchanges stand in line for it."""
    is_touched: bool

    def __new__(
        cls, meters: Sequence[tuple[Meter, int]], gauges: Sequence[Gauge], touched: list[Any] | None = None
    ) -> Self:
        """Each meter with its kind: 0 requests, 1 tokens, 2 input tokens, 3 output tokens. Raises ValueError for another."""

    def touch(self) -> None:
        """Put itself on the list `touched`, unless `is_touched`."""

    def needs(self, prompt_tokens: int, max_output_tokens: int, *, is_retry: bool) -> tuple[int, int, int, int]:
        """What an exchange will take of each kind: the usual output, at most `max_output_tokens` (0: any). A retry is no further request."""

    def take_turn(self, prompt_tokens: int, max_output_tokens: int, is_retry: bool, now: float) -> Taken | None:
        """`take` what it needs and touch; None where it takes nothing."""

    def take(self, requests: int, tokens: int, input_tokens: int, output_tokens: int, now: float) -> bool:
        """Take the units of its kind from each meter and open one of each gauge, if all have them; else nothing."""

    def force(self, requests: int, tokens: int, input_tokens: int, output_tokens: int) -> None:
        """As `take`, whatever they have; `used_at` stays."""

    def give_back(self, requests: int, tokens: int, input_tokens: int, output_tokens: int) -> None:
        """Put units back (fewer than none: take more), and close one of each gauge."""

    def stamp(self, headers: list[tuple[str, str]], now: float) -> None:
        """Replace every `x-ratelimit-*` of `headers` (names in lower case) by ours, at the end, as OpenAI names them.

        Of each kind, and of the gauges, the one with the least remaining counts (the first of several): `x-ratelimit-limit-tokens`
        is its amount, `-remaining-` what remains, `-reset-` the time until it is full: `0s`, `250ms`, `17s`, `2m5s`, rounded up.
        Kinds in their order, then `concurrency`, which has no reset.
        """

@final
class Taken:
    """What one exchange has taken of a group (`limits`), until it is settled."""

    def __new__(cls, limits: MeterGroup, needs: tuple[int, int, int, int], now: float) -> Self:
        """Of what was taken at `now` (`perf_counter()` seconds); touches the group."""

    @property
    def limits(self) -> Any: ...
    def settle(self, prompt_tokens: int, output_tokens: int) -> None:
        """Correct the guess by what was counted, learn the output unless 0, close the gauges and touch. Once."""

    def cancel(self, now: float | None = None) -> None:
        """All of it goes back. With `now`, only the gauges of what was held for over a quarter of a second: in the store it has drained, and
        would come on top of a full limit."""

_Tap: TypeAlias = Literal[
    "none", "openai.responses", "openai.chat", "anthropic.messages", "gemini.generate", "bedrock.converse"
]

_FailureCode: TypeAlias = Literal[
    "connect",  # no TCP connection, or the proxy refused
    "dns",  # the name has no address
    "tls",  # handshake failed, or certificate not trusted
    "timeout_connect",  # TCP and TLS together
    "timeout_first_byte",  # start to response head
    "timeout_idle",  # silence of the body while we were reading
    "timeout_total",  # start to end of the body
    "cancelled",  # by `stop`
    "reset",  # cut, before the head or in the body
    "protocol",  # the peer broke HTTP or the framing of its event stream
    "too_large",  # body over max_response_bytes
    "event_too_large",  # one event over max_event_bytes
]

_Captures: TypeAlias = tuple[
    Literal["ok", "incomplete", "failed", "none"],  # status: how the answer ended, as far as its events say
    bytes | None,  # usage: raw JSON object
    bytes | None,  # usage2: anthropic: the last message_delta's usage; chat: the first chunk of an unusual service tier
    bytes | None,  # model: raw JSON string, quotes included
    bytes | None,  # error: raw JSON
    int,  # delta_events: events that carried a piece of the answer
    int,  # delta_bytes: about the answer's JSON bytes in them
    bool,  # finish_seen: a finish reason or the terminal event was there
    int,  # body_bytes: received so far, dropped events and cut tails included
]
"""What a tap has learnt. All `"none"`/None/0 but body_bytes when the tap is `none` or the answer is no event stream."""

_Headers: TypeAlias = list[tuple[str, str]]
"""Names in lower case; values as UTF-8. A header whose value is none is left out: it could not reach a client as it is."""

_Completion: TypeAlias = (
    tuple[int, Literal[0], int, _Headers, int]  # HEAD: id, 0, status, headers, ttfb_us
    | tuple[int, Literal[1], bytes]  # DATA: id, 1, bytes for the client
    | tuple[int, Literal[2], bytes, _Captures]  # TERMINAL: id, 2, the held event, captures
    | tuple[int, Literal[3], _Captures]  # END: id, 3, captures
    | tuple[int, Literal[4], _FailureCode, str, _Captures | None]  # FAILED: id, 4, code, message, captures
    | tuple[int, Literal[5], int, _Headers, int, bytes]  # BODY: id, 5, status, headers, ttfb_us, whole body
)
"""One report of one exchange. In order, an exchange gives one of

- BODY: the answer is no event stream, or an error (status 400 and up), and `collect` was set;
- HEAD, DATA*, [TERMINAL, DATA*,] END: a streamed answer. Framed when it is `text/event-stream` or
  `application/vnd.amazon.eventstream`, and no error: DATA holds whole events (messages; for the tap `gemini.generate` bare
  errors too, see `split_sse`);
- FAILED instead of, or after, any of these: captures are there when HEAD was given.
"""

@final
class Upstream:
    """An HTTP client on a thread of its own (`agentcc-upstream`), with completions in batches.

    HTTP/1.1 for http://, h2 or HTTP/1.1 by ALPN for https://; pooled connections, TCP_NODELAY, rustls. At most 64 exchanges
    share an h2 connection; more get another one. No header is added but `host` and framing. A request is sent a second time only when a pooled connection turned out closed before
    anything was sent. All methods may be called from any thread and none waits for the network. Does not survive a fork:
    make it in the process that uses it.
    """

    def __new__(
        cls,
        *,
        connect_timeout_ms: int = 10_000,
        pool_idle_timeout_ms: int = 90_000,
        pool_max_idle_per_host: int = 1024,
        ca_file: str | None = None,
        proxy_from_env: bool = True,
        max_event_bytes: int = 16_777_216,
        public_only: bool = False,
    ) -> Upstream:
        """Start the thread.

        `connect_timeout_ms` spans name lookup, TCP, proxy tunnel and TLS; 0 means none. `ca_file`: PEM with the only
        certificates to trust; else the machine's (`SSL_CERT_FILE`, `SSL_CERT_DIR` obeyed), else Mozilla's. Proxies:
        HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY in either case, read now; http:// proxies only. `max_event_bytes`:
        longest single event of a stream. `public_only`: connect to addresses on the public internet only, whatever a name
        points to, and without a proxy. Raises OSError (unusable `ca_file`, no thread).
        """

    def fileno(self) -> int:
        """A non-blocking eventfd, readable when completions wait; only `drain` may read it. Valid until `self` is freed."""

    def start(
        self,
        id: int,
        method: str,
        url: str,
        headers: list[tuple[str, str]],
        body: bytes | None,
        tap: _Tap,
        drop_usage_chunk: bool,
        collect: bool,
        first_byte_timeout_ms: int,
        idle_timeout_ms: int,
        total_timeout_ms: int,
        max_response_bytes: int,
        window_bytes: int,
    ) -> None:
        """Send a request. Completions carry `id` (0 <= id < 2**64), which is free again after the last one.

        Positional calls are the fast ones. Every limit of 0 means none.

        - `headers`: order is kept; `content-length` and `transfer-encoding` are left out, the body decides them. Give no
          `accept-encoding` for streams: a compressed event stream is passed on as raw DATA, unframed and untapped.
        - `body`: not copied from 16 KiB on; the object is freed by some later call into this module.
        - `tap`: whose events to look at (event streams only). `drop_usage_chunk`: `openai.chat` only, do not forward a
          chunk with `choices: []` and a usage object.
        - `collect`: give an answer that is no event stream, or an error, as one BODY; else as HEAD, DATA*, END.
        - `first_byte_timeout_ms`, `total_timeout_ms`: from now. `idle_timeout_ms`: silence of the body, not counted while
          paused by the window.
        - `max_response_bytes`: of body. What is complete before the limit is delivered first when streaming.
        - `window_bytes`: reading pauses while this much is forwarded (DATA, TERMINAL) and not acknowledged.

        Raises ValueError, before anything is sent: bad method, url, header or tap; `id` in flight; client closed.
        """

    def cancel(self, id: int) -> bool:
        """Drop an exchange now (HTTP/1.1: its connection is closed; h2: RST_STREAM).

        No completion of it is given any more, undrained ones included. False when there was nothing to drop.
        """

    def stop(self, id: int) -> bool:
        """Ask an exchange to end now, as by `cancel`, but with a last completion: FAILED `cancelled` with its captures.

        What was queued before is still given. False when it has ended already: then its own last completion comes.
        """

    def ack(self, id: int, n: int) -> None:
        """`n` more bytes of DATA or TERMINAL have been passed on. Unknown ids are ignored."""

    def drain(self) -> list[_Completion]:
        """All completions since the last drain, in order; clears the eventfd. Bytes that came meanwhile for one id may be
        joined in one DATA. May be empty."""

    def stats(self) -> dict[str, int]:
        """`in_flight` exchanges, `queued` completions (cancelled ones count until the next drain), `queued_bytes` in them."""

    def close(self) -> None:
        """Cancel everything, forget undrained completions, stop the thread. Again: nothing. Freeing `self` does it too."""
