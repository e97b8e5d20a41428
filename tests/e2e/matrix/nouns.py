"""What a check asks for, what a client sees of the answer, and what a provider saw of the request: the same in every dialect."""

from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class Tool:
    """A tool that a client offers; a freeform one takes bare text. `namespace` is for clients that group their tools."""

    name: str
    schema: dict[str, Any] = field(default_factory=dict)
    is_freeform: bool = False
    namespace: str = ""


@dataclass(frozen=True)
class Call:
    """A call as the client or the provider has it: `arguments` is JSON text, or bare text of a freeform tool."""

    id: str
    name: str
    arguments: str
    is_freeform: bool = False
    namespace: str = ""


@dataclass(frozen=True)
class Result:
    """What a tool gave for a call: text and, perhaps, an image (base64 of a PNG)."""

    call: Call
    text: str
    image: str = ""
    is_error: bool = False


@dataclass(frozen=True)
class Round:
    """One earlier step: `said` is the answer in the client's own form, then come the results, or new words of the user."""

    said: Any
    results: tuple[Result, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request. `image` is a PNG and `document` a PDF, as base64; `more` are members of the client's own dialect."""

    prompt: str
    system: str = ""
    developer: str = ""
    image: str = ""
    image_url: str = ""
    document: str = ""
    tools: tuple[Tool, ...] = ()
    forced: str = ""
    schema: dict[str, Any] | None = None
    thinks: bool = False
    max_tokens: int = 0
    stop: str = ""
    caches: bool = False
    rounds: tuple[Round, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Numbers:
    """Tokens: `input` holds the cached and written ones, `output` the reasoning. None where the dialect does not say."""

    input: int
    output: int
    cached: int | None = None
    written: int | None = None
    reasoning: int | None = None


@dataclass(frozen=True)
class Trouble:
    """An error in the client's shape, as a status or as an event (`status` 0)."""

    status: int
    kind: str
    message: str
    code: str = ""
    retry_after: str = ""


@dataclass
class Seen:
    """An answer as a client reads it. `stop` is `end`, `length`, `tools` or `stop`; `said` goes into the next request;
    `wrong` is what breaks the dialect's grammar."""

    text: str = ""
    thoughts: str = ""
    calls: list[Call] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    stop: str = ""
    numbers: Numbers | None = None
    said: Any = None
    troubles: list[Trouble] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Sent:
    """A request as a provider reads it; `said` are the words of the model in its history, `failed` says of
    each result whether it is told as an error."""

    system: str = ""
    user: str = ""
    said: str = ""
    images: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    schema: dict[str, Any] | None = None
    max_tokens: int = 0
    stop: list[str] = field(default_factory=list)
    forced: str = ""
    thinks: bool = False


class Wire(Protocol):
    """A dialect, both as a client and as an onlooker at the provider."""

    name: str
    """The dialect's name in the configuration."""
    has: frozenset[str]
    """What its clients can say beside the ordinary: `developer`, `freeform`, `namespace`, `stop`, `image_url`, `tool_error`."""
    only: dict[str, Any]
    """Members of this dialect alone, for requests that cannot be carried whole."""

    def path(self, model: str, *, stream: bool) -> str: ...
    def headers(self, key: str) -> dict[str, str]: ...
    def body(self, ask: Ask, model: str, *, stream: bool) -> dict[str, Any]: ...
    def whole(self, body: bytes) -> Seen: ...
    def stream(self, body: bytes) -> Seen: ...
    def heard(self, events: list[Any]) -> Seen: ...
    def trouble(self, status: int, headers: Any, body: bytes) -> Trouble: ...
    def sent(self, body: dict[str, Any]) -> Sent: ...
