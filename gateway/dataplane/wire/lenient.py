"""Reading what providers send, whatever it is: what is not there, or of another type, is '' or nothing."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import DecodeError
from msgspec.json import Decoder

from gateway.base.core.errors import UpstreamProtocolError
from gateway.dataplane.wire.canon import ErrorKind
from gateway.dataplane.wire.depth import LEVELS, is_too_deep

_decode = Decoder().decode
_MOST_COUNT = 1 << 53
_MOST_WAIT_S = 1e9
_KIND_OF_STATUS: Final[dict[int, ErrorKind]] = {
    401: "authentication",
    402: "permission",  # Anthropic, DeepSeek, OpenRouter: no balance
    403: "permission",
    404: "not_found",
    408: "timeout",
    413: "too_large",
    424: "server",  # AWS: the model failed
    429: "rate_limit",
    498: "overloaded",  # Groq: flex capacity exceeded
    503: "overloaded",
    504: "timeout",
    524: "timeout",  # Cloudflare
    529: "overloaded",  # Anthropic
}


def decoded(data: bytes | str) -> Any:
    """JSON; None for what is none, or nests too deep."""
    if is_too_deep(data):
        return None
    try:
        return _decode(data)
    except (DecodeError, UnicodeError, RecursionError):
        return None


def answer_object(body: bytes) -> dict[str, Any]:
    """A whole answer. Raises UpstreamProtocolError when it is no JSON object, or nests too deep."""
    refuse_too_deep(body)
    try:
        answer = _decode(body)
    except (DecodeError, UnicodeError, RecursionError) as exc:
        raise UpstreamProtocolError(f"the provider's answer is not JSON: {exc}") from exc
    if not isinstance(answer, dict):
        raise UpstreamProtocolError("the provider's answer is not a JSON object")
    return answer


def refuse_too_deep(body: bytes) -> None:
    """Raises UpstreamProtocolError for a whole answer that nests too deep."""
    if is_too_deep(body):
        raise UpstreamProtocolError(f"the provider's answer nests deeper than {LEVELS} levels")


def text_of(value: Any) -> str:
    """A string; '' for anything else."""
    return value if isinstance(value, str) else ""


def string(holder: Mapping[str, Any], name: str) -> str:
    """A string member."""
    return text_of(holder.get(name))


def count(holder: Mapping[str, Any], name: str) -> int:
    """A number member that is a count or a place; -1 when there is none."""
    return count_of(holder.get(name))


def count_of(value: Any) -> int:
    """A count, a place or a time in seconds; -1 for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_COUNT else -1


def child(holder: Any, name: str) -> dict[str, Any]:
    """An object member; {} when there is none, or `holder` is no object."""
    found = holder.get(name) if isinstance(holder, dict) else None
    return found if isinstance(found, dict) else {}


def rows(holder: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of an array member."""
    value = holder.get(name)
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def kind_of_status(status: int) -> ErrorKind:
    """What an HTTP status says of a failure, where nothing says more."""
    return _KIND_OF_STATUS.get(status) or ("bad_request" if 400 <= status < 500 else "server")


def retry_after_s(headers: Mapping[str, str]) -> float:
    """How long the provider asks to wait; -1 when it does not. A date says nothing, for there is no clock here."""
    for name, per_second in (("retry-after-ms", 1000.0), ("x-ms-retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            asked = float(headers[name]) / per_second
        except (KeyError, ValueError):
            continue
        if seconds(asked) >= 0:
            return asked
    return -1.0


def seconds(asked: float) -> float:
    """A wait that a provider asks for; -1 for one that is none (`9999…s` is infinite)."""
    return asked if 0 <= asked < _MOST_WAIT_S else -1.0
