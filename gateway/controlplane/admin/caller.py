"""Who asks the admin API, and from where. Pure.

Workers pass requests for `/-/*` of the public port on to here, over loopback. They strip every `x-agentcc-forwarded-*`
header that a client sent and set their own: `-for`, the client's address, and `-secret`, which the supervisor made at its
start and gave to its children only. So a caller counts as local when it is a loopback peer without any such header, or
when a worker vouches for a loopback client. A request with such a header but not the secret is from nowhere.
"""

import hmac
from collections.abc import Iterable
from ipaddress import ip_address

from gateway.base.core.struct import Record

FORWARDED_PREFIX = b"x-agentcc-forwarded-"
FORWARDED_FOR = FORWARDED_PREFIX + b"for"
FORWARDED_SECRET = FORWARDED_PREFIX + b"secret"
_BEARER = b"bearer "
_NAME_CHARS = 200


class Caller(Record, frozen=True):
    """`address` is empty when it is not known; `is_admin` says that the admin token was shown."""

    address: str
    is_admin: bool

    def is_local(self) -> bool:
        """Whether the request comes from this machine."""
        try:
            address = ip_address(self.address.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def known(self) -> str:
        """Who asks, for the audit, as far as we know: the token is one for all admins."""
        return f"admin API, {self.address or 'unknown address'}"


def who_of(given: str, known: str) -> str:
    """Who asks, for the audit: a name is what somebody says, the address or account is what we know."""
    name = given.strip()[:_NAME_CHARS]
    return f"{name} ({known})" if name else known


def identify(headers: Iterable[tuple[bytes, bytes]], peer: str, token: str, forward_secret: str) -> Caller:
    """The caller of a request from the TCP peer `peer`. An empty `token` or `forward_secret` matches nothing."""
    forwarded: dict[bytes, list[bytes]] = {}
    shown: list[bytes] = []
    for name, value in headers:
        lower = name.lower()
        if lower.startswith(FORWARDED_PREFIX):
            forwarded.setdefault(lower, []).append(value)
        elif lower == b"authorization":
            shown.append(value)
    is_admin = len(shown) == 1 and shown[0][:7].lower() == _BEARER and _same(shown[0][7:].strip(), token)
    if not forwarded:
        return Caller(peer, is_admin)
    vouched, address = forwarded.get(FORWARDED_SECRET, []), forwarded.get(FORWARDED_FOR, [])
    if len(vouched) == 1 and len(address) == 1 and _same(vouched[0], forward_secret):
        return Caller(address[0].decode("latin-1"), is_admin)
    return Caller("", is_admin)


def _same(shown: bytes, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(shown, expected.encode())
