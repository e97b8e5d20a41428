"""Which headers cross: the client's to the provider, the provider's to the client.

Hop-by-hop headers (RFC 9110 §7.6.1) and the client's credentials never reach a provider; everything a client or a
provider may need and we do not know passes.
"""

from collections.abc import Iterable

HOP_BY_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
CREDENTIALS = frozenset({"authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"})
_REQUEST_DENIED = (
    HOP_BY_HOP
    | CREDENTIALS
    | frozenset(
        {
            # set anew for the body we send and the answer we can read
            "host", "content-length", "content-encoding", "accept-encoding", "expect",
            # where the client sits is the organisation's business
            "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip",
            "via", "chatgpt-account-id", "openai-organization", "openai-project",
        }
    )
)  # fmt: skip
_RESPONSE_DENIED = HOP_BY_HOP | frozenset(
    {"content-length", "date", "server", "set-cookie", "alt-svc", "strict-transport-security", "via"}
)


def for_provider(
    client: Iterable[tuple[str, str]], extra: tuple[tuple[str, str], ...], connection: str
) -> list[tuple[str, str]]:
    """Headers of the upstream request: the client's that may cross, then the provider's own (`extra`).

    `connection` is the client's Connection header: the names it lists are hop-by-hop too.
    """
    denied = _REQUEST_DENIED
    if connection and connection.lower() not in ("keep-alive", "close"):
        denied = denied | {name.strip().lower() for name in connection.split(",")}
    if len(extra) > 1 or (extra and extra[0][0] not in CREDENTIALS):
        # an operator's own headers: a client must not come before them
        denied = denied | {name for name, _ in extra}
    headers = [item for item in client if item[0] not in denied and item[0][:10] != "x-agentcc-"]
    headers.extend(extra)
    return headers


def for_client(provider: list[tuple[str, str]], served_as: str) -> list[tuple[str, str]]:
    """Headers of our answer that come from the provider's.

    `openai-model` differing from the request makes Codex warn of "high-risk cyber activity" (codex-wire §7), so it
    says the name the client asked for (`served_as`).
    """
    return [
        (name, served_as) if name == "openai-model" else (name, value)
        for name, value in provider
        if name not in _RESPONSE_DENIED and name[:10] != "x-agentcc-"
    ]
