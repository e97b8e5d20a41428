"""Known providers: where they listen, what they speak, how they want their key. Data: catalog/providers.yaml."""

from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import yaml
from msgspec import Struct

from gateway.base.core.plan import canonical
from gateway.base.core.struct import Record

PROVIDERS_PATH = Path(__file__).parent / "catalog" / "providers.yaml"

AuthScheme = Literal["bearer", "header", "none", "sigv4"]

VERSIONS = {
    "openai.responses": "/v1",
    "openai.chat": "/v1",
    "openai.completions": "/v1",
    "openai.embeddings": "/v1",
    "openai.images": "/v1",
    "anthropic.messages": "/v1",
    "gemini.generate": "/v1beta",
    "bedrock.converse": "",
    "bedrock.invoke": "",
    "cohere.chat.v1": "/v1",
    "cohere.chat.v2": "/v2",
}
"""What a bare origin gets, by dialect."""

_USUAL_VERSION = "/v1"
_ROOT = "/."


class ProviderSpec(Record, frozen=True):
    """One provider of the catalogue.

    `dialects` are spoken at `base_url`, the main one first; `bases` holds those that live at another URL of the same
    provider. `base_url` is empty where it depends on the account; `base_url_form` then shows its shape. With the scheme
    `none` a key is optional and goes into `auth_header`.
    """

    name: str
    display_name: str
    base_url: str
    dialects: tuple[str, ...]
    auth_scheme: AuthScheme = "bearer"
    auth_header: str = "authorization"
    api_key_env: tuple[str, ...] = ()
    base_url_form: str = ""
    bases: dict[str, str] = {}

    def all_dialects(self) -> tuple[str, ...]:
        """Those at `base_url`, then those elsewhere."""
        return self.dialects + tuple(self.bases)

    def base(self, dialect: str, base_url: str = "") -> str:
        """The URL before the resource for `dialect`; an operator's own `base_url` stands in for all of ours."""
        return resource_base(base_url or self.bases.get(dialect, self.base_url), dialect)


class _Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    display_name: str
    dialects: tuple[str, ...]
    base_url: str = ""
    base_url_form: str = ""
    bases: dict[str, str] = {}
    auth: AuthScheme = "bearer"
    auth_header: str = "authorization"
    api_key_env: tuple[str, ...] = ()


@cache
def known_providers() -> dict[str, ProviderSpec]:
    """Name → spec, in the catalogue's order. `google` is not in it: it is an alias (`provider_named`)."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is about ten times faster
    data = yaml.load(PROVIDERS_PATH.read_bytes(), Loader=loader)  # noqa: S506 - both are safe loaders
    rows = msgspec.convert(data, dict[str, _Row])
    return {
        name: ProviderSpec(
            name,
            row.display_name,
            row.base_url,
            row.dialects,
            row.auth,
            row.auth_header,
            row.api_key_env,
            row.base_url_form,
            row.bases,
        )
        for name, row in rows.items()
    }


def provider_named(name: str) -> ProviderSpec | None:
    """The spec of `name`, which may be an alias."""
    return known_providers().get(canonical(name))


def resource_base(base_url: str, dialect: str) -> str:
    """Everything before the resource (`/responses`, `/messages`, `/models/…`), without a slash at the end.

    A bare origin gets the dialect's usual version; a path is taken as it is; the path `/.` means the root, without a
    version: `https://h` → `https://h/v1`, `https://h/api/` → `https://h/api`, `https://h/.` → `https://h`.
    """
    trimmed = base_url.strip().rstrip("/")
    path = urlsplit(trimmed).path
    if path == _ROOT:
        return trimmed[: -len(_ROOT)]
    return trimmed if path else trimmed + VERSIONS.get(dialect, _USUAL_VERSION)
