"""One exchange between two dialects, as `flow` runs it, with everything fixed that it takes from the world."""

from gateway import _native
from gateway.dataplane.wire import CODECS, PathSays, Report, Target, Translation, Turn, inlined, wanted
from gateway.dataplane.wire.canon import Media, ToolResult

NOW_S = 1_760_000_000
REQUEST_ID = "req_9f86d081884c0000002a"
_MIMES = {"image": "image/png", "document": "application/pdf", "audio": "audio/mpeg", "video": "video/mp4"}


class Seals:
    """One organisation's key."""

    def __init__(self, org: bytes = b"acme") -> None:
        self._org, self._sealer = org, _native.Sealer(b"k" * 32)

    def seal(self, text: bytes) -> bytes:
        return self._sealer.seal(self._org, text)

    def open(self, sealed: bytes) -> bytes | None:
        return self._sealer.open(self._org, sealed)


SEALS = Seals()


def read(dialect: str, body: bytes, path: PathSays) -> Turn:
    """The client's request; named as `flow` names it. Raises BadRequest."""
    turn = CODECS[dialect].read_turn(body, path)
    turn.model = path.model or turn.model or "lab/mystery-1"
    return turn


def translation(turn: Turn, target: Target, *, is_strict: bool = False, seals: Seals = SEALS) -> Translation:
    """The exchange, its request written. What would be fetched is made up. Raises BadRequest, Unsupported."""
    if wanted(turn, target.dialect):
        turn = inlined(turn, target.dialect, _fetched(turn))
    return Translation(
        CODECS[turn.dialect],
        CODECS[target.dialect],
        turn,
        target,
        seals=seals,
        report=Report(is_strict=is_strict),
        request_id=REQUEST_ID,
        now_s=NOW_S,
        split=split_eventstream if target.dialect == "bedrock.converse" else _native.split_sse,
    )


def _fetched(turn: Turn) -> dict[str, tuple[str, bytes]]:
    """Something for each URL, of a type that its place asks for."""
    found = {}
    for message in turn.messages:
        for part in message.parts:
            for media in (part, *(part.parts if isinstance(part, ToolResult) else ())):
                if isinstance(media, Media):
                    found[media.url] = (media.mime or _MIMES[media.kind], b"fetched")
    return found


def split_eventstream(data: bytes) -> list[tuple[str, bytes]]:
    return [(name, payload) for _, name, payload in _native.split_eventstream(data)]


def joined(dialect: str, events: list[tuple[str, bytes]]) -> bytes:
    """Events as their provider's bytes."""
    if dialect == "bedrock.converse":
        return b"".join(_message(name, data) for name, data in events)
    return b"".join(
        (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + data.replace(b"\n", b"\ndata: ") + b"\n\n"
        for name, data in events
    )


def _message(name: str, data: bytes) -> bytes:
    kind = "exception" if name.endswith("Exception") else "event"
    return _native.eventstream_message([(f":{kind}-type", name), (":message-type", kind)], data)
