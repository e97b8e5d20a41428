"""Where clients put their key: three headers and one query parameter. Pure."""

from collections.abc import Callable
from urllib.parse import unquote_plus

from gateway.base.storage import PREFIX


def credential(header: Callable[[str], str | None], query: str = "") -> str | None:
    """The key that a request presents, None when it presents none.

    `header` looks up by lower-case name; `query` is the raw query string. Order: `authorization: Bearer`, `x-api-key`
    (Anthropic), `x-goog-api-key`, `?key=` (Gemini). The first that is not empty wins, except that one of ours
    (`sk-agentcc-…`) wins over one that cannot be: SDKs also send a provider key that they find in the environment.
    Choosing by prefix gives no timing hint: the prefix is public, the 256 bits behind it are compared by hash only.
    """
    bearer = _bearer(header("authorization"))
    if bearer and bearer.startswith(PREFIX):
        return bearer
    first = bearer
    for name in ("x-api-key", "x-goog-api-key"):
        value = (header(name) or "").strip()
        if value.startswith(PREFIX):
            return value
        first = first or value
    if query:
        value = _parameter(query)
        if value.startswith(PREFIX):
            return value
        first = first or value
    return first or None


def _bearer(value: str | None) -> str:
    if value is None:
        return ""
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _parameter(query: str) -> str:
    for part in query.split("&"):
        if part.startswith("key="):
            return unquote_plus(part[4:]).strip()
    return ""
