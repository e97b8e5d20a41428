"""What a look-up finds: a key's Grant and the conditions under which it may be used. Built at load, checked per request."""

import ipaddress

import msgspec
from msgspec import Raw

from gateway.base.config import KeyConfig
from gateway.base.core.period import moment_ms
from gateway.base.core.principal import Grant, Principal, Priority
from gateway.base.core.struct import Record
from gateway.base.storage import StoredKey

NEVER_MS = 1 << 62
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_encode = msgspec.json.Encoder().encode


class BadFieldError(ValueError):
    """A field of a key that cannot be used."""

    def __init__(self, field: str, problem: str, hint: str) -> None:
        super().__init__(problem)
        self.field, self.problem, self.hint = field, problem, hint


class Entry(Record, frozen=True):
    """One key. It is good before `until_ms`; `hint` is all of its secret that may be shown.

    `by_login` is the Grant of a ChatGPT login that maps to this key.
    """

    grant: Grant
    by_login: Grant
    hint: str
    until_ms: int
    expires_at_ms: int
    revoked_at_ms: int
    networks: tuple[Network, ...]

    @property
    def name(self) -> str:
        """The key's name."""
        return self.grant.principal.key


def from_config(name: str, key: KeyConfig, hint: str) -> Entry:
    """The entry of a key in gateway.yaml. Raises BadFieldError."""
    principal = Principal(name, key.org, key.team, key.user, key.tags, key.cost_center, key.idp_claim)
    expires = time_ms(key.expires) if key.expires else 0
    return _entry(
        principal,
        tuple(key.models),
        tuple(key.allowed_ips),
        key.route,
        key.priority,
        hint,
        expires,
        expires or NEVER_MS,
        0,
        tuple(key.tools),
    )


def from_stored(stored: StoredKey) -> Entry:
    """The entry of a stored key. Raises BadFieldError."""
    key = stored.key
    principal = Principal(key.name, key.org, key.team, key.user, key.tags, key.cost_center, key.idp_claim)
    until = key.expires_at_ms or NEVER_MS
    if stored.replaced_by:
        until = min(until, stored.overlap_until_ms)
    if stored.revoked_at_ms:
        until = 0
    return _entry(
        principal, key.models, key.allowed_ips, key.route, key.priority, stored.hint, key.expires_at_ms, until,
        stored.revoked_at_ms,
    )  # fmt: skip


def is_inside(networks: tuple[Network, ...], client_ip: str) -> bool:
    """Whether the address lies in one of the networks; what is no address lies in none."""
    try:
        address = ipaddress.ip_address(client_ip.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _entry(
    principal: Principal,
    models: tuple[str, ...],
    allowed_ips: tuple[str, ...],
    route: str,
    priority: Priority,
    hint: str,
    expires_at_ms: int,
    until_ms: int,
    revoked_at_ms: int,
    tools: tuple[str, ...] = (),
) -> Entry:
    networks = tuple(map(network_of, allowed_ips))
    ends = until_ms if 0 < until_ms < NEVER_MS else 0
    grant = Grant(principal, Raw(_encode(principal)), models, ends, allowed_ips, route, priority=priority, tools=tools)
    login = msgspec.structs.replace(grant, passes_bearer=True)
    return Entry(grant, login, hint, until_ms, expires_at_ms, revoked_at_ms, networks)


def network_of(text: str) -> Network:
    """An address or a network in CIDR form. Raises BadFieldError."""
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadFieldError(
            "allowed_ips", f"is {text!r}, which is no address or network", "write such as 10.0.0.0/8"
        ) from None


def time_ms(text: str) -> int:
    """RFC 3339 → milliseconds since 1970. Raises BadFieldError."""
    try:
        return moment_ms(text.strip())
    except ValueError:
        raise BadFieldError(
            "expires", f"is {text!r}, which is no time with a zone", "write RFC 3339, such as 2027-01-01T00:00:00Z"
        ) from None
