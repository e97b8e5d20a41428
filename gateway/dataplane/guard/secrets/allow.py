"""What looks like a secret and is none: placeholders, published examples, what the organisation said to let pass."""

import re
from hashlib import blake2b

_PLACEHOLDER = re.compile(
    rb"example|placeholder|change_?-?me|replace_?-?(?:me|with|this)|yourtoken|redacted|not[_-]?a?[_-]?real|0123456789|1234567890"
    rb"|abcdefgh|(?:token|key|secret|value|goes)[_-]?here",
    re.IGNORECASE,
)
_SHORT_PLACEHOLDER = re.compile(
    rb"sample|your[_-]|yourkey|dummy|fake|xxxx|deadbeef|lorem|\.\.\.|<[a-z]|\$\{|\{\{|%s", re.IGNORECASE
)
"""Words that stand in a private key of 12 KB by chance, in 1 of 25: they count in what is short."""
_SHORT = 200
_PUBLIC = re.compile(
    rb"MFkwEwYHKoZIzj0C|MHYwEAYHKoZIzj0C|MII[BC][IjCg]jANBgkqhkiG9w0B|MCowBQYDK2V|AAAA(?:B3NzaC1|C3NzaC1|E2VjZHNh)"
)
"""How public keys begin in base64: SubjectPublicKeyInfo of P-256, P-384, RSA, Ed25519; what OpenSSH writes."""
_PUBLISHED = frozenset(
    b"""
    2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA czZCaGRSa3F0MzpnWDFmQmF0M2JW SplxlOBeZQQYbYS6WxSbIA mF_9.B5f-4.1JqM
    SlAV32hkKG h480djs93hd8 7Fjfp0ZBr1KtDRbnfVdmIw dGhlIHNhbXBsZSBub25jZQ==
    """.split()
)
"""Examples of RFC 6455, 6749, 6750 and OpenID Connect, which half of all documentation quotes."""
_PRAGMA = b"agentcc:allow"
_LINE_REACH = 2048


def is_placeholder(secret: bytes) -> bool:
    """Somebody wrote it for others to replace: AWS's `…EXAMPLE`, `your-key`, `xxxx`, `${KEY}`, the alphabet.

    So are the examples of standards, and public keys, which are no secrets.
    """
    return (
        secret in _PUBLISHED
        or _PUBLIC.match(secret) is not None
        or _PLACEHOLDER.search(secret) is not None
        or (len(secret) <= _SHORT and _SHORT_PLACEHOLDER.search(secret) is not None)
    )


def has_pragma(text: bytes, start: int, end: int) -> bool:
    """The line of the secret says `agentcc:allow`, in whatever that line takes for a comment."""
    first = text.rfind(b"\n", max(0, start - _LINE_REACH), start) + 1 or max(0, start - _LINE_REACH)
    last = text.find(b"\n", end, end + _LINE_REACH)
    return _PRAGMA in text[first : last if last >= 0 else end + _LINE_REACH]


def fingerprint(rule: str, secret: bytes) -> str:
    """How a baseline file names a finding that was judged harmless: 128 bits, which do not tell the secret."""
    return blake2b(secret, digest_size=16, key=rule.encode()[:64], person=b"agentcc-baseline").hexdigest()
