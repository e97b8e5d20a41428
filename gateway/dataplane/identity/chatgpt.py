"""A ChatGPT login of Codex: its bearer is OpenAI's own JWT, its account stands in the header `chatgpt-account-id`.

SECURITY. The account id is no secret, and without OpenAI's keys the JWT cannot be verified here: anybody can write one. What
proves the sender is the provider, when it accepts the very same bearer. Hence two rules. The account claimed inside the JWT
must equal the header (a mismatch is refused, unverified as both are), and the Grant says `passes_bearer`: the exchange may be
dispatched only with the client's own bearer and account header, never with a provider key of ours. A forged JWT then buys
nothing but the provider's 401.
"""

import base64
import binascii
from typing import Any

import msgspec

from gateway.base.core.struct import Wire

_MAX_CHARS = 16_384  # a real token is about 2,000


class _Auth(Wire):
    chatgpt_account_id: str = ""


class _Claims(Wire):
    auth: _Auth = msgspec.field(name="https://api.openai.com/auth", default_factory=_Auth)


_CLAIMS = msgspec.json.Decoder(_Claims)


def claimed_account(bearer: str) -> str:
    """The account id inside an unverified JWT, empty when there is none or it is no JWT."""
    parts = bearer.split(".", 3) if len(bearer) <= _MAX_CHARS else []
    if len(parts) != 3:
        return ""
    payload: Any = parts[1]
    try:
        raw = base64.b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_", validate=True)
        return _CLAIMS.decode(raw).auth.chatgpt_account_id
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
        return ""
