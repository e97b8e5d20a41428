"""Secrets known by their structure, whoever issued them: our keys, private keys, JSON web tokens, URLs, headers."""

import re

from gateway.dataplane.guard.entropy import entropy
from gateway.dataplane.guard.expression import Expression
from gateway.dataplane.guard.finding import Confidence
from gateway.dataplane.guard.rule import START, URL64, Rule, pattern, token
from gateway.dataplane.guard.secrets.checks import is_header_value, is_password, is_strong_password, jwt_header

_PEM_BODY = re.compile(rb"[A-Za-z0-9+/=]{16,}")
_KEY_NAMES = rb"(?:[A-Z0-9]{1,20}[ _-]){0,4}PRIVATE KEY(?: BLOCK)?"
_MOST_PEM = 20_000


def _has_key_material(block: bytes) -> bool:
    """Between the lines is base64, and not a word that stands for it."""
    lines = _PEM_BODY.findall(block)
    return sum(map(len, lines)) >= 48 and entropy(b"".join(lines)) >= 3.0


def _is_jwt(value: bytes) -> bool:
    header = jwt_header(value)
    return header is None or bool(header)  # what does not decode has at least the form


VIRTUAL_KEY = Rule(
    "agentcc-virtual-key",
    "Virtual key of this gateway",
    (r"sk-agentcc-[A-Za-z0-9_-]{8}",),
    Expression(r"(sk-agentcc-[A-Za-z0-9_-]{8,200})"),
    Confidence.PROVEN,
    is_always=True,
)
"""Placeholder or not: what begins as our keys do is one of ours (identity's prefix; a key has 43 characters behind it)."""

_SCHEMES = (
    "postgres(?:ql)?|mysqlx?|mariadb|mongodb|rediss?|valkeys?|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|couchdb"
    "|couchbases?|neo4j|bolt|cassandra|snowflake|redshift|kafka|nats|mqtts?|ldaps?|smtps?|imaps?|s?ftps?|ssh|https?|wss?"
    "|influxdb|elasticsearch|jdbc:[a-z]{2,12}|git"
)

_HEADERS = r"authorization|x-(?:[a-z]{1,12}-){0,2}(?:key|token|secret)|api-?key|private-token"
_AUTH_SCHEMES = "(?:bearer|basic|token|api-token|apikey|key)"

RULES: tuple[Rule, ...] = (
    VIRTUAL_KEY,
    pattern(
        "private-key",
        "Private key (PEM, OpenSSH, PGP)",
        r"-----BEGIN [A-Z0-9 _-]{0,80}PRIVATE KEY",
        # Ends at its last line; cut short or without one, where the base64 ends.
        rf"(?i)(-----BEGIN {_KEY_NAMES.decode()}-----(?:(?!-----)[\s\S]){{48,{_MOST_PEM}}}(?:-----END [A-Z0-9 _-]{{0,60}}-----)?)",
        check=_has_key_material,
        is_folded=True,
    ),
    pattern(
        "putty-private-key",
        "PuTTY private key",
        r"Private-Lines: \d",
        r"(Private-Lines: \d{1,3}\s+(?:[A-Za-z0-9+/=]{1,64}\s*){1,100})",
    ),
    token("age-secret-key", "age secret key", ("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"), "A-Z0-9", 58),
    token("minisign-secret-key", "Minisign secret key", "RWRTY0Iy", "A-Za-z0-9+/=", 60),
    pattern(
        "jwt",
        "JSON web token",
        r"eyJ[A-Za-z0-9_-]{12}",
        rf"{START}(eyJ[{URL64}]{{10,4000}}\.eyJ[A-Za-z0-9/\\_-]{{6,12000}}\.?(?:[A-Za-z0-9/\\_-]{{10,2000}}={{0,2}})?)",
        check=_is_jwt,
    ),
    pattern(
        "encrypted-jwt",
        "JSON web token, encrypted",
        r"eyJ[A-Za-z0-9_-]{16}",
        rf"{START}(eyJ[{URL64}]{{16,2000}}\.[{URL64}]{{0,2000}}\.[{URL64}]{{10,200}}\.[{URL64}]{{4,20000}}\.[{URL64}]{{10,200}})",
        check=_is_jwt,
    ),
    pattern(
        "jwt-base64",
        "JSON web token, in base64 once more",
        r"ZXlK[A-Za-z0-9+/]{40}",
        r"(?<![A-Za-z0-9+/_-])(ZXlK[A-Za-z0-9+/_-]{60,20000}={0,2})",
        least_entropy=4.0,
    ),
    pattern(
        "url-password",
        "Password in a URL",
        rf"(?i)(?:{_SCHEMES})(?:\+[a-z0-9]{{2,12}})?://[^\s:/@?#\"'<>]{{0,60}}:[^\s/@?#\"'<>]{{3,60}}@[a-z0-9\[]",
        rf"(?:{_SCHEMES})(?:\+[a-z0-9]{{2,12}})?://[^\s:/@?#\"'<>]{{0,60}}:([^\s/@?#\"'<>]{{3,100}})@[A-Za-z0-9\[]",
        is_folded=True,
        check=is_password,
    ),
    pattern(
        "header-credential",
        "Credential in a header (Authorization, X-API-Key and kin)",
        rf"(?i)(?:{_HEADERS})[\"'`\\]{{0,3}}[:,=][\"'`\\ ]{{0,6}}(?:{_AUTH_SCHEMES}[ :=\"]{{1,3}})?[A-Za-z0-9+/_.~@=-]{{8}}",
        rf"(?:{_HEADERS})[\"'`\\]{{0,3}}[:,=][\"'`\\ ]{{0,6}}(?:{_AUTH_SCHEMES}[ :=\"]{{1,3}})?([A-Za-z0-9+/_.~@=-]{{8,2000}})",
        confidence=Confidence.VENDOR,
        is_folded=True,
        least_entropy=2.75,
        check=is_header_value,
    ),
    pattern(
        "curl-user",
        "User and password of a curl command",
        tuple(
            rf"{space}-(?:u|-user)[ =]{{0,3}}['\"]?[^\s'\"]{{0,60}}:"
            for space in (" ", r"\t", r"\n", r"\r", r"\f", r"\x0b")
        ),
        r"\s(?:-u|--user)[ =]{0,3}(?:\"([^\"$<{}*]{3,100})\"|'([^'$<{}*]{3,100})'|([^\s'\"$<{}*]{3,100}))",
        confidence=Confidence.VENDOR,
        least_entropy=2.0,
        context=b"curl",
    ),
    pattern(
        "nuget-password",
        "Password in a NuGet configuration",
        r"(?i)<add key=\"(?:cleartext)?password\"\s{1,10}value=",
        r"<add key=\"(?:cleartext)?password\"\s{1,10}value=\"([^\"%$]{8,200})\"",
        is_folded=True,
        least_entropy=1.0,
    ),
    pattern(
        "assigned-password",
        "Password with a symbol in it, assigned to a name that says so",
        r"(?i)(?:passw(?:or)?d|passphrase|pwd)[\w-]{0,10}[\"']{0,2}\s{0,3}[=:]{1,2}\s{0,3}[\"']?[^\s\"'`()\[\]{}<>$\\,;]{8}",
        r"(?:passw(?:or)?d|passphrase|pwd)[\w-]{0,10}[\"']{0,2}\s{0,3}[=:]{1,2}\s{0,3}[\"']?([^\s\"'`()\[\]{}<>$\\,;]{8,64})(?=[\"'\s,;]|$)",
        confidence=Confidence.RANDOM,
        is_folded=True,
        least_entropy=2.5,
        check=is_strong_password,
    ),
)
