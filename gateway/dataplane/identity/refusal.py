"""Why a key is refused, in words for the developer's terminal: what is wrong, and the way out. Never the key itself."""

from datetime import UTC, datetime

from gateway.base.core.errors import KeyRejected
from gateway.base.storage import PREFIX
from gateway.dataplane.identity.entry import Entry

_SHOWN_OF_OURS = 14
_SHOWN_OF_OTHERS = 4
_SHORTEST_SHOWN = 12  # of a shorter text even four characters would be too large a part


def missing() -> KeyRejected:
    """No key at all."""
    return KeyRejected(
        "agentcc needs an API key and this request brings none. Put your agentcc key (sk-agentcc-…) where your client "
        "keeps its API key, or let `agentcc setup` do it; your platform team hands out keys.",
        reason="missing",
    )


def unknown(presented: str) -> KeyRejected:
    """A key that nobody made here."""
    return KeyRejected(
        f"agentcc does not know this API key{shown(presented)}. Ask your platform team for one, or create it with "
        "`agentcc keys create`.",
        reason="unknown",
    )


def unknown_account(account: str) -> KeyRejected:
    """A ChatGPT login that is mapped to nobody."""
    return KeyRejected(
        f"agentcc knows nobody by the ChatGPT account `{_printable(account)[:64]}`. Ask your platform team to add it to "
        "your key (`agentcc keys create NAME --chatgpt-account ID`), or use an agentcc key.",
        reason="unknown",
    )


def forged_account() -> KeyRejected:
    """A ChatGPT login whose token is not of the account that the header names."""
    return KeyRejected(
        "agentcc refuses this ChatGPT login: its token is not for the account named in `chatgpt-account-id`. Run "
        "`codex login` again.",
        reason="unknown",
    )


def ended(entry: Entry, now_ms: int) -> KeyRejected:
    """A key that was good once: revoked, expired, or replaced and past its overlap."""
    who = f"the agentcc key `{entry.name}` ({entry.hint})"
    if entry.revoked_at_ms:
        text = f"{who} was revoked on {_date(entry.revoked_at_ms)}. Ask your platform team for a new one."
        return KeyRejected(text, reason="revoked", key=entry.name)
    if entry.expires_at_ms and entry.expires_at_ms <= now_ms:
        text = (
            f"{who} expired on {_date(entry.expires_at_ms)}. Ask your platform team to renew it "
            f"(`agentcc keys rotate {entry.name} --expires 30d`)."
        )
        return KeyRejected(text, reason="expired", key=entry.name)
    text = f"{who} was replaced on rotation and its overlap ended on {_date(entry.until_ms)}. Use the new one."
    return KeyRejected(text, reason="revoked", key=entry.name)


def elsewhere(entry: Entry, client_ip: str) -> KeyRejected:
    """A good key from an address where it may not be used. The networks stay unsaid: the sender may be a thief."""
    return KeyRejected(
        f"the agentcc key `{entry.name}` may not be used from the address {_printable(client_ip)[:45] or 'unknown'}. Use "
        "the network it was issued for, or ask your platform team.",
        reason="ip",
        key=entry.name,
    )


def clashing(entry: Entry) -> KeyRejected:
    """A stored key whose name gateway.yaml also uses."""
    return KeyRejected(
        f"the agentcc key `{entry.name}` ({entry.hint}) is not in force: gateway.yaml has a key of the same name. Ask your "
        "platform team to rename one of them.",
        reason="unknown",
        key=entry.name,
    )


def shown(presented: str) -> str:
    """` (sk-agentcc-ab…)`: at most 14 characters of a key of ours, 4 of anything else, nothing of a short one."""
    if len(presented) < _SHORTEST_SHOWN:
        return ""
    is_ours = presented.startswith(PREFIX) and len(presented) >= len(PREFIX) + _SHORTEST_SHOWN
    start = presented[: _SHOWN_OF_OURS if is_ours else _SHOWN_OF_OTHERS]
    return f" ({_printable(start)}…)"


def _printable(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def _date(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
