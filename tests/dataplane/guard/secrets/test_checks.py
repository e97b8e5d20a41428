"""What a value says about itself."""

import pytest

from gateway.dataplane.guard.entropy import entropy
from gateway.dataplane.guard.secrets.checks import (
    github_checksum,
    is_hex,
    is_password,
    is_uuid,
    jwt_header,
    looks_random,
    luhn,
)
from tests.dataplane.guard.secrets.samples import ALNUM, HEX, LOWER, Maker

make = Maker(11)


def test_entropy_is_bits_per_byte() -> None:
    """Nothing for one letter, three bits for eight that differ."""
    assert entropy(b"") == 0
    assert entropy(b"aaaa") == 0
    assert entropy(b"abcdefgh") == 3


def test_random_values_look_random() -> None:
    """Hexadecimal, lower case with digits, both cases with digits: at least 95 of 100 of each length."""
    for alphabet, sizes in ((HEX, (24, 32, 40, 64)), (LOWER, (20, 32, 40)), (ALNUM, (20, 32, 40))):
        for size in sizes:
            values = [make.text(alphabet, size).encode() for _ in range(400)]
            assert sum(map(looks_random, values)) >= 380, (alphabet, size)


@pytest.mark.parametrize(
    "value",
    [
        "get_access_token_2",
        "AccessTokenProvider1",
        "org.slf4j.slf4j-api",
        "v1.2.3-SNAPSHOT",
        "1234567890123456",
        "client-secret-basic",
        "NEXUS-GPT4-API-KEY",
        "utf8_general_ci",
        "X25519PrivateKey",
        "application/vnd.api+json",
        "MyTestDatabaseSecret-a1b2c3",
        "prod-eu-west-1",
        "RS256",
        "x86_64-linux-gnu",
        "python3.11",
        "4096",
        "oauth2_client_credentials",
        "com.example.v2.TokenStore",
        "rc0.13.0-SNAPSHOT",
    ],
)
def test_names_do_not(value: str) -> None:
    """Names, versions, numbers, types."""
    assert not looks_random(value.encode())


def test_github_checksum() -> None:
    """The CRC-32 of what stands between the prefix and the last six characters, in base62."""
    token = make.github().encode()
    assert github_checksum(token)
    assert not github_checksum(token[:10] + (b"A" if token[10:11] != b"A" else b"B") + token[11:])
    assert not github_checksum(b"ghp_abc")


def test_shapes() -> None:
    """UUIDs, hexadecimal of one case, payment cards, headers of tokens."""
    assert is_uuid(make.uuid().encode())
    assert not is_uuid(b"0123")
    assert is_hex(b"0a1b")
    assert not is_hex(b"0a1B")
    assert not is_hex(b"1234")
    assert luhn(b"4111 1111 1111 1111")
    assert not luhn(b"4111 1111 1111 1112")
    assert jwt_header(make.jwt().encode()) == {"alg": "HS256", "typ": "JWT"}
    assert jwt_header(b"eyJhbGci.x.y") is None


@pytest.mark.parametrize(("value", "is_one"), [(b"hunter2", True), (b"correct-horse", True), (b"password1", False), (b"P%40ssw0rd", False), (b"bar", False), (b"${DB_PW}", False)])  # fmt: skip
def test_a_word_for_a_password_is_none(value: bytes, is_one: bool) -> None:
    """Documentation is full of `user:password@host`."""
    assert is_password(value) is is_one
