"""AWS Signature Version 4 over a request's headers and body. Pure: the time is an argument.

Sources: docs.aws.amazon.com, "Create a signed AWS API request" and "Elements of an AWS API request signature"; AWS's own test suite
and requests signed by botocore (tests). Why this is our own code: docs/decisions/0008.

- The path is normalised (dots, double slashes) and percent-encoded once more than it is sent: `%3A` in the URL is signed as `%253A`,
  a bare `:` as `%3A`. All services but S3 want it so.
- All headers that are given are signed but those that somebody on the way may change. `host` is taken from the URL.
- An API key of Bedrock is no signature but a bearer token.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from posixpath import normpath
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from gateway.base.core.struct import Record

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNSIGNED: Final = frozenset(
    {
        "accept-encoding", "authorization", "connection", "content-length", "expect", "host", "te", "transfer-encoding",
        "user-agent", "x-amz-date", "x-amz-security-token", "x-amzn-trace-id",
    }
)  # fmt: skip
"""Headers that are set here, by the HTTP client, or by proxies."""
_PORTS: Final = {"https": 443, "http": 80}


class AwsKeys(Record, frozen=True):
    """A key pair; `session_token` belongs to temporary ones."""

    access_key: str
    secret_key: str
    session_token: str = ""

    def __repr__(self) -> str:
        return f"AwsKeys({self.access_key!r})"


class AwsApiKey(Record, frozen=True):
    """An API key of Bedrock, short- or long-lived."""

    api_key: str

    def __repr__(self) -> str:
        return "AwsApiKey()"


AwsCredentials = AwsKeys | AwsApiKey


def amz_date(now_s: float) -> str:
    """Seconds since 1970 in the form that signatures want: `20260115T102030Z`."""
    return datetime.fromtimestamp(int(now_s), UTC).strftime("%Y%m%dT%H%M%SZ")


def sign(
    method: str,
    url: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    credentials: AwsCredentials,
    region: str,
    date: str,
    service: str = "bedrock",
) -> list[tuple[str, str]]:
    """The headers to add to the request, names in lower case.

    `url` is the one that is sent, byte by byte; `headers` those that are sent beside, of any case; `date` as `amz_date` gives it.
    What `headers` hold of the names that are given back must be left out of the request.
    """
    if isinstance(credentials, AwsApiKey):
        return [("authorization", f"Bearer {credentials.api_key}")]
    added = [("x-amz-date", date)]
    if credentials.session_token:
        added.append(("x-amz-security-token", credentials.session_token))
    request, names = canonical_request(method, url, headers, added, hashlib.sha256(body).hexdigest())
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    to_sign = string_to_sign(request, date, scope)
    key = _signing_key(credentials.secret_key, date[:8], region, service)
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    said = f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return [*added, ("authorization", said)]


def canonical_request(
    method: str, url: str, headers: Iterable[tuple[str, str]], added: Iterable[tuple[str, str]], body_hash: str
) -> tuple[str, str]:
    """The text that stands for the request, and the names of its signed headers."""
    parts = urlsplit(url)
    values: dict[str, list[str]] = {"host": [_host(parts.scheme, parts.netloc)]}
    for name, value in headers:
        name = name.lower()
        if name not in _UNSIGNED:
            values.setdefault(name, []).append(" ".join(value.split()))
    for name, value in added:
        values[name] = [value]
    ordered = sorted(values)
    names = ";".join(ordered)
    lines = "".join(f"{name}:{','.join(values[name])}\n" for name in ordered)
    return f"{method}\n{_path(parts.path)}\n{_query(parts.query)}\n{lines}\n{names}\n{body_hash}", names


def string_to_sign(request: str, date: str, scope: str) -> str:
    """What is signed in the end."""
    digest = hashlib.sha256(request.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{_ALGORITHM}\n{date}\n{scope}\n{digest}"


@lru_cache(64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """Good for a day."""
    key = ("AWS4" + secret).encode()
    for piece in (day, region, service, "aws4_request"):
        key = hmac.digest(key, piece.encode(), "sha256")
    return key


def _host(scheme: str, authority: str) -> str:
    """As the HTTP client sends it: without the port that the scheme has anyway."""
    host = authority.rpartition("@")[2].lower()
    default = f":{_PORTS.get(scheme, 0)}"
    return host.removesuffix(default)


def _path(path: str) -> str:
    if "//" in path or "/." in path:
        is_folder = path.endswith(("/", "/.", "/.."))
        path = normpath("/" + path.lstrip("/"))
        if is_folder and path != "/":
            path += "/"
    return quote(path or "/", safe="/~")


def _query(query: str) -> str:
    if not query:
        return ""
    pairs = []
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        pairs.append((quote(unquote(name), safe="~"), quote(unquote(value), safe="~")))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
