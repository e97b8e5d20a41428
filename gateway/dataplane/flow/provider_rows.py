"""From a row of `providers` to a Provider that can be called: its URLs, and the headers or the signature that are its credential."""

import difflib
import os
import re
from pathlib import Path

from gateway.base.config import ConfigError, Place, ProviderConfig
from gateway.base.core.plan import Provider, Signer
from gateway.dataplane.providers import (
    ProviderSpec,
    amz_date,
    aws_credentials,
    aws_region,
    known_providers,
    provider_named,
    resource_base,
    sign,
)
from gateway.dataplane.wire import DIALECTS

NO_KEY = "none"
CLIENT_KEY = "client"
"""`api_key: client` lets a ChatGPT-login Codex's own bearer pass to this provider, and nothing of ours."""
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_USUAL_HEADER = {"anthropic.messages": "x-api-key", "gemini.generate": "x-goog-api-key"}


def provider_of(name: str, row: ProviderConfig, place: Place) -> Provider:
    """The provider with the one credential of `row`, which stands at `place`. Raises ConfigError."""
    spec = provider_named(name)
    if spec is None and (row.dialect is None or row.base_url is None):
        near = difflib.get_close_matches(name, known_providers(), n=1)
        hint = f"did you mean `{near[0]}`? " if near else ""
        raise place.error("is not in the catalogue", f"{hint}A provider of your own needs `dialect` and `base_url`")
    written = [row.dialect] if isinstance(row.dialect, str) else row.dialect
    dialects = tuple(d for d in written or (spec.all_dialects() if spec else ()) if d in DIALECTS)
    if not dialects:
        raise place.error("speaks no dialect that this version serves", f"served: {', '.join(DIALECTS)}")
    signer = _signer(row, place) if spec is not None and spec.auth_scheme == "sigv4" else None
    base_url = row.base_url
    if signer is not None and base_url is None and spec is not None:
        base_url = spec.base_url_form.replace("{region}", aws_region(row.region or "", os.environ))
    if base_url is None and spec is not None and not spec.base_url:
        raise place.at("base_url").error("is missing", f"it depends on your account: {spec.base_url_form}")
    if row.base_url is not None and not row.base_url.startswith(("http://", "https://")):
        raise place.at("base_url").error(f"is {row.base_url!r}", "begin it with http:// or https://")
    if row.ca_file and not os.access(row.ca_file, os.R_OK):
        raise place.at("ca_file").error(f"is {row.ca_file!r}, which cannot be read")
    for header, value in row.headers.items():
        if not _HEADER_NAME.fullmatch(header) or not _HEADER_VALUE.fullmatch(value):
            raise place.at("headers").at(header).error("is not a header that HTTP allows")
    bases = {d: spec.base(d, base_url or "") if spec else resource_base(base_url or "", d) for d in dialects}
    credential = () if signer is not None else _credential(row, spec, dialects, place)
    headers = credential + tuple((n.lower(), v) for n, v in row.headers.items())
    return Provider(name, bases, headers, tuple(row.models or ()), row.ca_file or "", row.api_key == CLIENT_KEY, signer)


def _signer(row: ProviderConfig, place: Place) -> Signer | None:
    """How requests to AWS are signed; None where none is wanted (`api_key: none`)."""
    if row.api_key == NO_KEY:
        return None
    region = aws_region(row.region or "", os.environ)
    if not region:
        raise place.at("region").error("is missing", "write `region: us-east-1`, or set AWS_REGION")
    found = aws_credentials(
        api_key=row.api_key or "",
        access_key=row.aws_access_key_id or "",
        secret_key=row.aws_secret_access_key or "",
        session_token=row.aws_session_token or "",
        env=os.environ,
        home=Path.home(),
    )
    if found is None:
        hint = (
            "write `aws_access_key_id` and `aws_secret_access_key`, or an `api_key` of Bedrock, or set AWS's variables"
        )
        raise place.error("has no AWS credentials", hint)
    return lambda method, url, headers, body, now_s: sign(method, url, headers, body, found, region, amz_date(now_s))


def _credential(
    row: ProviderConfig, spec: ProviderSpec | None, dialects: tuple[str, ...], place: Place
) -> tuple[tuple[str, str], ...]:
    key = row.api_key
    if key in (NO_KEY, CLIENT_KEY):
        return ()
    scheme = spec.auth_scheme if spec else _usual_scheme(dialects[0])
    if scheme == "none" and key is None:
        return ()
    if not key:
        raise _missing(place)
    if any(c in key for c in "\r\n\0"):
        raise place.at("api_key").error("holds a line break", "check the variable it comes from")
    header = spec.auth_header.lower() if spec and spec.auth_header else _USUAL_HEADER.get(dialects[0], "authorization")
    if header == "authorization":
        return (("authorization", f"Bearer {key}"),)
    return ((header, key),)


def _missing(place: Place) -> ConfigError:
    hint = "set `api_key`, or `api_key: none` when the provider wants none"
    return place.at("api_key").error("is missing", hint)


def _usual_scheme(dialect: str) -> str:
    return "header" if dialect in _USUAL_HEADER else "bearer"
