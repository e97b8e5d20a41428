"""What the name of a value says about it: a credential, perhaps one, whose, or something else altogether."""

import re
from itertools import pairwise
from typing import Final, NamedTuple

_STRONG: Final = frozenset(
    """
    token secret password passwd passphrase passcode credential credentials creds apikey secretkey authkey accesskey privatekey
    accesstoken authtoken refreshtoken bearer
    """.split()  # noqa: SIM905 (reads better as words)
)
_KINDS_OF_KEYS: Final = frozenset(
    """
    api auth access private encryption signing master account license service storage integration insert write admin app
    application client shared subscription webhook
    """.split()  # noqa: SIM905 (reads better as words)
)
_WEAK: Final = frozenset(
    """
    key auth access pass pwd pw cred api session cookie signature salt login secret password
    """.split()  # noqa: SIM905 (reads better as words)
)
_ENDINGS: Final = ("token", "secret", "password", "passwd", "apikey", "secretkey", "accesskey")
_OTHER_KINDS: Final = frozenset(
    """
    public pub primary foreign csrf xsrf cache sort partition schema event bucket next prev page pagination continuation sync
    cursor idempotency request trace span accessor accessibility author keyword issuer rev revision srcrev kms contract mint
    symbol lock dedup group row map object hot purchase
    """.split()  # noqa: SIM905 (reads better as words)
)
"""Keys and tokens of another kind: wherever they stand in a name, it guards nothing."""
_ABOUT: Final = frozenset(
    """
    hash sha sha1 sha256 sha512 md5 digest checksum fingerprint thumbprint integrity etag version build name names file
    filename path dir url uri endpoint host type kind length len size field column index idx count limit max min expires
    expiry ttl label title description example format pattern regex algorithm alg curve color prefix suffix oid guid
    selector ref vault tag address addr policy location region zone time date timestamp level status usage alias
    """.split()  # noqa: SIM905 (reads better as words)
)
"""Behind the first word, they say that the value tells about the credential."""
_IDENTIFIERS: Final = frozenset(("id", "ids", "identifier", "uid", "kid", "sid"))
_CASE: Final = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ESCAPES: Final = (b"\\n", b"\\r", b"\\t")


class Said(NamedTuple):
    """What a name says of its value."""

    is_credential: bool
    may_be: bool
    """It has a word that names and credentials share: `key`, `auth`."""
    is_identifier: bool


def words_of(name: bytes) -> list[str]:
    """A name in its words: `myAPIKey_2` is my, api, key, 2."""
    return [word.decode().lower() for word in _CASE.findall(name)]


def said(words: list[str]) -> Said | None:
    """None where the name is that of something else."""
    if not _OTHER_KINDS.isdisjoint(words) or not _ABOUT.isdisjoint(words[1:]):
        return None
    is_credential = any(word in _STRONG or word.endswith(_ENDINGS) for word in words) or any(
        second == "key" and first in _KINDS_OF_KEYS for first, second in pairwise(words)
    )
    return Said(is_credential, not _WEAK.isdisjoint(words), not _IDENTIFIERS.isdisjoint(words))


def begins_word(before: bytes, word: bytes) -> bool:
    """`lob` in `LOB_KEY` and `myLobKey`, not in `global`."""
    if not before or not before[-1:].isalpha() or before[-2:] in _ESCAPES:
        return True
    return word[:1].isupper() and word[1:2].islower() and before[-1:].islower()
