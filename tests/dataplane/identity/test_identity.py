"""Who is calling: keys of the file and of the store, and every way in which a key is refused."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from gateway.base.config import ConfigError, KeyConfig
from gateway.base.core.errors import KeyRejected
from gateway.base.storage import NewKey, SqliteKeys, StorageError, open_keys
from gateway.dataplane.identity import Identity

NOW = 1_800_000_000_000  # 2027-01-15T08:00:00Z
HOUR = 3_600_000
IP = "192.0.2.7"
ALICE = "sk-agentcc-" + "A" * 43
BOB = "sk-agentcc-" + "B" * 43
ACCOUNT = "7f6c1a2e-0000-4000-8000-00000000000a"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteKeys]:
    keys = open_keys(tmp_path)
    yield keys
    keys.close()


@pytest.fixture
def feed(tmp_path: Path) -> Iterator[SqliteKeys]:
    keys = open_keys(tmp_path)
    yield keys
    keys.close()


def jwt(claims: object) -> str:
    parts = [{"alg": "RS256"}, claims]
    text = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return text + ".c2lnbmF0dXJl"


def login(account: str) -> str:
    """A token as a ChatGPT login has it; the signature is nobody's."""
    return jwt({"exp": 1, "https://api.openai.com/auth": {"chatgpt_account_id": account, "chatgpt_plan_type": "team"}})


def refusal(
    identity: Identity, presented: str | None, account: str | None = None, ip: str = IP, now: int = NOW
) -> KeyRejected:
    with pytest.raises(KeyRejected) as caught:
        identity.identify(presented, account, ip, now)
    return caught.value


def test_a_key_of_the_file_gives_its_principal(feed: SqliteKeys) -> None:
    """All that the file says about a key is in the grant, the principal also as JSON for the journal."""
    key = KeyConfig(
        key=ALICE, org="acme", team="platform", user="alice@acme.dev", cost_center="cc-42", idp_claim="sub|1",
        tags={"repo": "payments"}, models=["openai/*"], route="ci", expires="2027-01-15T09:00:00Z",
    )  # fmt: skip
    grant = Identity(feed, {"alice": key}).identify(ALICE, None, IP, NOW)
    assert msgspec.to_builtins(grant.principal) == {
        "key": "alice", "org": "acme", "team": "platform", "user": "alice@acme.dev", "tags": {"repo": "payments"},
        "cost_center": "cc-42", "idp_claim": "sub|1",
    }  # fmt: skip
    assert json.loads(bytes(grant.principal_json)) == msgspec.to_builtins(grant.principal)
    assert (grant.models, grant.route, grant.expires_at_ms, grant.passes_bearer) == (
        ("openai/*",),
        "ci",
        NOW + HOUR,
        False,
    )


def test_a_stored_key_gives_its_principal(store: SqliteKeys, feed: SqliteKeys) -> None:
    _, secret = store.create(
        NewKey("ci", team="platform", tags={"a": "b"}, models=("gpt-5.5",), expires_at_ms=NOW + 1), NOW
    )
    grant = Identity(feed, {}).identify(secret, None, IP, NOW)
    assert (grant.principal.key, grant.principal.team, grant.principal.tags) == ("ci", "platform", {"a": "b"})
    assert (grant.models, grant.expires_at_ms) == (("gpt-5.5",), NOW + 1)


def test_keys_made_and_revoked_elsewhere_count_with_the_next_request(store: SqliteKeys, feed: SqliteKeys) -> None:
    """At the very same millisecond: nothing waits for a poll."""
    identity = Identity(feed, {"alice": KeyConfig(key=ALICE)})
    _, secret = store.create(NewKey("ci"), NOW)
    assert identity.identify(secret, None, IP, NOW).principal.key == "ci"
    store.revoke("ci", NOW)
    assert refusal(identity, secret).details["reason"] == "revoked"
    assert identity.identify(ALICE, None, IP, NOW).principal.key == "alice"


def test_both_secrets_work_while_a_rotation_overlaps(store: SqliteKeys, feed: SqliteKeys) -> None:
    _, old = store.create(NewKey("ci"), NOW)
    identity = Identity(feed, {})
    _, new, _ = store.rotate("ci", NOW, HOUR)
    assert identity.identify(old, None, IP, NOW + HOUR - 1).expires_at_ms == NOW + HOUR
    assert identity.identify(new, None, IP, NOW + HOUR).principal.key == "ci"
    error = refusal(identity, old, now=NOW + HOUR)
    assert error.details == {"reason": "revoked", "key": "ci"}
    assert "was replaced" in error.message
    assert "2027-01-15 09:00 UTC" in error.message


REFUSED = [
    (None, "missing", ["agentcc setup"]),
    ("", "missing", ["agentcc setup"]),
    ("sk-agentcc-" + "C" * 43, "unknown", ["(sk-agentcc-CCC…)", "`agentcc keys create`"]),
    ("sk-proj-0123456789abcdef", "unknown", ["(sk-p…)"]),
    ("eyJhbGciOiJSUzI1NiJ9.e30.x", "unknown", ["(eyJh…)"]),
    ("short", "unknown", ["API key. Ask"]),
    ("sk-agentcc-short", "unknown", ["(sk-a…)"]),
    ("\x1b[31mred\udc80 key", "unknown", ["(?[31…)"]),
    ("k" * 60_000, "unknown", ["(kkkk…)"]),
    (ALICE[:-1], "unknown", ["(sk-agentcc-AAA…)"]),
    (ALICE + "A", "unknown", []),
    (ALICE.lower(), "unknown", []),
]


@pytest.mark.parametrize(("presented", "reason", "words"), REFUSED)
def test_a_refusal_says_what_is_wrong_and_the_way_out(
    feed: SqliteKeys, presented: str | None, reason: str, words: list[str]
) -> None:
    """At most 14 characters of a key of ours and 4 of another's are echoed."""
    error = refusal(Identity(feed, {"alice": KeyConfig(key=ALICE)}), presented)
    assert error.details["reason"] == reason
    assert all(word in error.message for word in words), error.message
    assert not presented or presented[:15] not in error.message
    assert error.message.isprintable()
    assert "ask your platform team" in error.message.lower() or "hands out keys" in error.message


def test_an_expired_key_says_so_from_the_very_millisecond(feed: SqliteKeys) -> None:
    identity = Identity(feed, {"alice": KeyConfig(key=ALICE, expires="2027-01-15T10:00:00+02:00")})
    assert identity.identify(ALICE, None, IP, NOW - 1).principal.key == "alice"
    error = refusal(identity, ALICE)
    assert error.details == {"reason": "expired", "key": "alice"}
    assert "`alice` (sk-agentcc-AAAA…) expired on 2027-01-15 08:00 UTC" in error.message


@pytest.mark.parametrize(
    ("allowed", "ip", "is_in"),
    [
        (["10.0.0.0/8"], "10.1.2.3", True),
        (["10.0.0.0/8"], "11.1.2.3", False),
        (["10.1.2.3"], "10.1.2.3", True),
        (["10.1.2.3/8"], "10.9.9.9", True),
        (["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", True),
        (["10.0.0.0/8"], "::ffff:10.1.2.3", True),
        (["10.0.0.0/8"], "::1", False),
        (["fe80::/10"], "fe80::1%eth0", True),
        (["0.0.0.0/0"], "", False),
        (["0.0.0.0/0"], "unix:", False),
        ([], "", True),
    ],
)
def test_a_key_may_be_bound_to_networks(
    store: SqliteKeys, feed: SqliteKeys, allowed: list[str], ip: str, is_in: bool
) -> None:
    """The same for a key of the file and a stored one; an address that cannot be read is outside."""
    _, secret = store.create(NewKey("ci", allowed_ips=tuple(allowed)), NOW)
    identity = Identity(feed, {"alice": KeyConfig(key=ALICE, allowed_ips=allowed)})
    for presented, name in ((ALICE, "alice"), (secret, "ci")):
        if is_in:
            assert identity.identify(presented, None, ip, NOW).principal.key == name
        else:
            error = refusal(identity, presented, ip=ip)
            assert error.details == {"reason": "ip", "key": name}
            assert not any(network in error.message for network in allowed)


# === ChatGPT logins ===


@pytest.mark.parametrize("where", ["config", "store"])
def test_a_chatgpt_login_is_its_accounts_key_and_passes_its_own_bearer(
    store: SqliteKeys, feed: SqliteKeys, where: str
) -> None:
    """`passes_bearer` tells the road to dispatch with the client's bearer only; the key itself does not have it."""
    keys = {}
    if where == "config":
        keys = {"alice": KeyConfig(key=ALICE, chatgpt_account=ACCOUNT)}
        secret = ALICE
    else:
        _, secret = store.create(NewKey("alice", chatgpt_account=ACCOUNT), NOW)
    identity = Identity(feed, keys)
    by_login = identity.identify(login(ACCOUNT), ACCOUNT, IP, NOW)
    by_key = identity.identify(secret, ACCOUNT, IP, NOW)
    assert (by_login.principal.key, by_login.passes_bearer) == ("alice", True)
    assert (by_key.principal.key, by_key.passes_bearer) == ("alice", False)
    assert by_login.principal_json == by_key.principal_json


@pytest.mark.parametrize(
    ("presented", "account", "words"),
    [
        (login("another"), ACCOUNT, "its token is not for the account"),
        (login(ACCOUNT), "another", "its token is not for the account"),
        (login(ACCOUNT), None, "does not know this API key"),
        (jwt({"https://api.openai.com/auth": {}}), ACCOUNT, "does not know this API key"),
        (jwt({}), ACCOUNT, "does not know this API key"),
        (jwt([]), ACCOUNT, "does not know this API key"),
        (jwt({"https://api.openai.com/auth": {"chatgpt_account_id": 7}}), ACCOUNT, "does not know this API key"),
        ("a.b.c", ACCOUNT, "does not know this API key"),
        ("a.ü.c", ACCOUNT, "does not know this API key"),
        (login(ACCOUNT) + ".x", ACCOUNT, "does not know this API key"),
        ("x." + "A" * 100_000 + ".y", ACCOUNT, "does not know this API key"),
        ("x." + base64.urlsafe_b64encode(b"[" * 9000).decode() + ".y", ACCOUNT, "does not know this API key"),
        ("", ACCOUNT, "this request brings none"),
        (BOB, ACCOUNT, "does not know this API key"),
        (login("nobody"), "nobody", "knows nobody by the ChatGPT account `nobody`"),
    ],
)
def test_an_account_id_alone_opens_nothing(feed: SqliteKeys, presented: str, account: str | None, words: str) -> None:
    """It is no secret: only a token that claims the same account gets on, and then only to the provider that checks it."""
    error = refusal(Identity(feed, {"alice": KeyConfig(key=ALICE, chatgpt_account=ACCOUNT)}), presented, account)
    assert words in error.message


def test_a_login_is_refused_like_its_key(store: SqliteKeys, feed: SqliteKeys) -> None:
    """Expiry, networks and revocation hold for the login too; after a rotation it is the new key."""
    bound = KeyConfig(key=ALICE, chatgpt_account="a", expires="2027-01-15T09:00:00Z", allowed_ips=["10.0.0.0/8"])
    identity = Identity(feed, {"alice": bound})
    assert identity.identify(login("a"), "a", "10.0.0.1", NOW).passes_bearer
    assert refusal(identity, login("a"), "a").details["reason"] == "ip"
    assert refusal(identity, login("a"), "a", "10.0.0.1", NOW + HOUR).details["reason"] == "expired"
    store.create(NewKey("ci", chatgpt_account="b", team="old"), NOW)
    store.rotate("ci", NOW, 0)
    assert identity.identify(login("b"), "b", IP, NOW).principal.key == "ci"
    store.revoke("ci", NOW)
    assert "knows nobody" in refusal(identity, login("b"), "b").message


# === loading ===

WRONG: list[tuple[Mapping[str, KeyConfig], str, str]] = [
    ({"a": KeyConfig(key=ALICE, expires="tomorrow")}, "$.keys.a.expires", "RFC 3339"),
    ({"a": KeyConfig(key=ALICE, expires="2027-01-01T00:00:00")}, "$.keys.a.expires", "no time with a zone"),
    ({"a": KeyConfig(key=ALICE, allowed_ips=["10.0.0.0/40"])}, "$.keys.a.allowed_ips", "10.0.0.0/40"),
    ({"a": KeyConfig(key=ALICE), "b": KeyConfig(key=ALICE)}, "$.keys.b.key", "also the secret of key `a`"),
    (
        {"a": KeyConfig(key=ALICE, chatgpt_account="x"), "b": KeyConfig(key=BOB, chatgpt_account="x")},
        "$.keys.b.chatgpt_account",
        "`$.keys.a`",
    ),
    ({"ci": KeyConfig(key=ALICE)}, "$.keys.ci", "has the name of stored key `ci` (sk-agentcc-"),
    ({"a": KeyConfig(key=ALICE, chatgpt_account="ci-account")}, "$.keys.a.chatgpt_account", "stored key `ci`"),
]


@pytest.mark.parametrize(("keys", "path", "words"), WRONG)
def test_a_wrong_or_clashing_key_is_an_error_that_names_its_place(
    store: SqliteKeys, feed: SqliteKeys, keys: Mapping[str, KeyConfig], path: str, words: str
) -> None:
    """At the start and at a reload alike, and no secret is in the words."""
    store.create(NewKey("ci", chatgpt_account="ci-account"), NOW)
    good = Identity(feed, {"fine": KeyConfig(key=BOB)})
    with closing(open_keys(store._path.parent)) as other:
        for with_keys in (good.with_config, partial(Identity, other)):
            with pytest.raises(ConfigError) as caught:
                with_keys(keys, "gw.yaml")
            assert caught.value.path == path
            assert words in str(caught.value)
            assert "gw.yaml" in str(caught.value)
            assert ALICE not in str(caught.value)
    assert good.identify(BOB, None, IP, NOW).principal.key == "fine", "a failed build changes nothing"


def test_a_stored_secret_cannot_be_written_into_the_file(store: SqliteKeys, feed: SqliteKeys) -> None:
    """Not even a revoked one: the file would bring it back to life."""
    _, secret = store.create(NewKey("ci"), NOW)
    store.revoke("ci", NOW)
    with pytest.raises(ConfigError, match="is also the secret of key `ci`"):
        Identity(feed, {"other": KeyConfig(key=secret)})


def test_a_reload_replaces_the_keys_of_the_file_only(store: SqliteKeys, feed: SqliteKeys) -> None:
    """An exchange that pinned the old version keeps it; both versions follow the store."""
    old = Identity(feed, {"alice": KeyConfig(key=ALICE)})
    new = old.with_config({"bob": KeyConfig(key=BOB)})
    _, secret = store.create(NewKey("ci"), NOW)
    assert old.identify(ALICE, None, IP, NOW).principal.key == "alice"
    assert refusal(old, BOB).details["reason"] == "unknown"
    assert new.identify(BOB, None, IP, NOW).principal.key == "bob"
    assert refusal(new, ALICE).details["reason"] == "unknown"
    assert [i.identify(secret, None, IP, NOW).principal.key for i in (old, new)] == ["ci", "ci"]


def test_a_stored_key_made_later_with_the_name_of_one_in_the_file_is_not_in_force(
    store: SqliteKeys, feed: SqliteKeys
) -> None:
    """Two secrets may not share a name, and with it a budget; a restart would refuse it too."""
    identity = Identity(feed, {"alice": KeyConfig(key=ALICE)})
    _, secret = store.create(NewKey("alice", chatgpt_account=ACCOUNT), NOW)
    assert "gateway.yaml has a key of the same name" in refusal(identity, secret).message
    assert "gateway.yaml has a key of the same name" in refusal(identity, login(ACCOUNT), ACCOUNT).message
    assert identity.identify(ALICE, None, IP, NOW).principal.key == "alice"


def test_an_unreadable_store_leaves_the_last_keys_in_force(store: SqliteKeys, feed: SqliteKeys, tmp_path: Path) -> None:
    """The data plane goes on from what it knows, and looks again each second."""
    _, secret = store.create(NewKey("ci"), NOW)
    identity = Identity(feed, {})
    for name in ("keys.sqlite3", "keys.generation"):
        (tmp_path / name).rename(tmp_path / f"{name}.away")
    assert identity.identify(secret, None, IP, NOW + 5000).principal.key == "ci"
    for name in ("keys.sqlite3", "keys.generation"):
        (tmp_path / f"{name}.away").rename(tmp_path / name)
    store.revoke("ci", NOW)
    assert refusal(identity, secret, now=NOW + 6000).details["reason"] == "revoked"


def test_a_row_that_a_hand_has_damaged_is_an_unknown_key(store: SqliteKeys, feed: SqliteKeys) -> None:
    """A network that cannot be read must not become `any network`."""
    _, secret = store.create(NewKey("ci", allowed_ips=("nonsense",)), NOW)
    assert refusal(Identity(feed, {}), secret).details["reason"] == "unknown"


def test_a_store_that_cannot_be_read_stops_the_start(store: SqliteKeys, feed: SqliteKeys, tmp_path: Path) -> None:
    (tmp_path / "keys.sqlite3").unlink()
    with pytest.raises(StorageError):
        Identity(feed, {})
