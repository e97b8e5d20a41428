"""How a refusal looks to each client: one table drives them all (DESIGN, "Denials speak to the developer").

The dialect gives the shape of the body, the client family picks status, code and headers: the form that makes that
very client show our words once and stop. Measured on the real CLIs; the wire notes are the source of each row.
"""

import re
from functools import lru_cache
from typing import Literal

import msgspec

from gateway.base.core.errors import (
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    BudgetExceeded,
    BudgetUnproven,
    CredentialRejected,
    GatewayError,
    GuardrailBlocked,
    KeyRejected,
    ModelForbidden,
    Overloaded,
    ProviderError,
    RateLimited,
    RetriesExhausted,
    UnknownModel,
    UnknownRoute,
    UnpricedModel,
    Unsupported,
)
from gateway.base.core.struct import Record

Family = Literal["codex", "claude_code", "gemini_cli", "sdk"]


class Form(Record, frozen=True):
    """Status, OpenAI-style `type` and `code`, and extra headers. Other dialects derive their names from the status.

    `event_code` is the code in a stream's last event, where that is another.
    """

    status: int
    type: str
    code: str
    headers: tuple[tuple[str, str], ...] = ()
    event_code: str = ""


_STOP = (("x-should-retry", "false"),)  # the OpenAI and Anthropic SDKs obey it
_HOOK = "inference_hook_denied"  # Codex: shown verbatim, one request
_NOT_FOUND = "model_not_found"  # Codex: any other 404 is asked six times
_USAGE_LIMIT = (
    "usage_limit_reached"  # Codex: one request, and it shows the header of `_with_promo` instead of the message
)

FORMS: dict[tuple[Family, type[GatewayError]], Form] = {
    ("codex", KeyRejected): Form(403, "invalid_request_error", _HOOK),
    ("codex", ModelForbidden): Form(403, "invalid_request_error", _HOOK),
    ("codex", UnpricedModel): Form(403, "invalid_request_error", _HOOK),
    ("codex", GuardrailBlocked): Form(403, "invalid_request_error", _HOOK),
    ("codex", UnknownModel): Form(404, "invalid_request_error", _NOT_FOUND),
    ("codex", BadRequest): Form(400, "invalid_request_error", "invalid_prompt"),
    ("codex", Unsupported): Form(400, "invalid_request_error", "invalid_prompt"),
    ("codex", BodyTooLarge): Form(400, "invalid_request_error", "invalid_prompt"),
    ("codex", BodyTimeout): Form(408, "invalid_request_error", "body_timeout"),
    ("codex", UnknownRoute): Form(404, "invalid_request_error", _NOT_FOUND),
    ("codex", BudgetExceeded): Form(429, _USAGE_LIMIT, "budget_exceeded", event_code=_HOOK),
    ("claude_code", BudgetExceeded): Form(429, "rate_limit_error", "budget_exceeded", _STOP),
    # 429 is asked again for over a minute
    ("gemini_cli", BudgetExceeded): Form(403, "permission_error", "budget_exceeded"),
    ("sdk", BudgetExceeded): Form(429, "rate_limit_error", "budget_exceeded", _STOP),
    ("codex", RetriesExhausted): Form(429, _USAGE_LIMIT, "retry_budget_exhausted", event_code=_HOOK),
    ("claude_code", RetriesExhausted): Form(429, "rate_limit_error", "retry_budget_exhausted", _STOP),
    ("gemini_cli", RetriesExhausted): Form(403, "permission_error", "retry_budget_exhausted"),
    ("sdk", RetriesExhausted): Form(429, "rate_limit_error", "retry_budget_exhausted", _STOP),
    # not as a 401: every client would take it for its own key, and ask its user to log in again
    ("codex", CredentialRejected): Form(403, "invalid_request_error", _HOOK),
    ("claude_code", CredentialRejected): Form(403, "permission_error", "credential_rejected"),
    ("gemini_cli", CredentialRejected): Form(403, "permission_error", "credential_rejected"),
    ("sdk", CredentialRejected): Form(403, "permission_error", "credential_rejected", _STOP),
    ("claude_code", KeyRejected): Form(403, "authentication_error", "key_rejected"),
    ("claude_code", ModelForbidden): Form(403, "permission_error", "model_forbidden"),
    ("claude_code", UnpricedModel): Form(403, "permission_error", "unpriced_model"),
    # 404 makes Claude Code show its own text and ask twice, so an unknown model is a 400 there
    ("claude_code", UnknownModel): Form(400, "invalid_request_error", "unknown_model"),
    # 413 makes it show its own text
    ("claude_code", BodyTooLarge): Form(400, "invalid_request_error", "body_too_large"),
    ("gemini_cli", GuardrailBlocked): Form(403, "permission_error", "guardrail_blocked"),
    ("gemini_cli", KeyRejected): Form(403, "authentication_error", "key_rejected"),
    # 404 makes it ask which other model to go on with
    ("gemini_cli", UnknownModel): Form(400, "invalid_request_error", "unknown_model"),
    ("sdk", KeyRejected): Form(401, "authentication_error", "invalid_api_key", _STOP),
    ("sdk", ModelForbidden): Form(403, "permission_error", "model_forbidden", _STOP),
    ("sdk", UnpricedModel): Form(403, "permission_error", "unpriced_model", _STOP),
    ("sdk", GuardrailBlocked): Form(400, "invalid_request_error", "guardrail_blocked", _STOP),
    ("sdk", UnknownModel): Form(404, "invalid_request_error", "model_not_found", _STOP),
    ("sdk", BodyTimeout): Form(408, "invalid_request_error", "body_timeout", _STOP),
}
"""Rows where a family needs its own form; every other error keeps its class's status and code."""

_QUOTA = "ServiceQuotaExceededException"  # AWS SDKs ask again for any 429, and know no `x-should-retry`
OF_DIALECT: dict[tuple[str, type[GatewayError]], Form] = {
    ("bedrock.converse", BudgetExceeded): Form(400, _QUOTA, "budget_exceeded"),
    ("bedrock.converse", RetriesExhausted): Form(400, _QUOTA, "retry_budget_exhausted"),
}
"""Rows where a dialect's clients need their own form, whoever they are."""

_RETRIED = frozenset({413, 422})
"""What Codex asks for six times, though the answer will be the same."""
_LONGEST_WAIT_S = 300
"""The longest wait that a client is told to keep; a developer who would wait longer reads our words instead. Gemini CLI obeys no longer one."""
_PROMO_CHARS = 600
_UNPRINTABLE = re.compile(r"[^ -~]+")


def form_of(family: Family, error: GatewayError, dialect: str = "") -> Form:
    """The form of `error` for a client family that speaks `dialect`."""
    if isinstance(error, ProviderError):
        form = Form(*error.form)
        return msgspec.structs.replace(form, status=400) if family == "codex" and form.status in _RETRIED else form
    found = OF_DIALECT.get((dialect, type(error))) or FORMS.get((family, type(error)))
    if found is not None:
        return _with_promo(found, error) if found.type == _USAGE_LIMIT else found
    if isinstance(error, RateLimited):
        return _rate_limited(family, error, dialect)
    kind = "invalid_request_error" if error.status < 500 else "server_error"
    after_s = error.details.get("retry_after_s", 1 if isinstance(error, Overloaded | BudgetUnproven) else 0)
    return Form(error.status, kind, error.code, (("retry-after", str(after_s)),) if after_s else ())


def _rate_limited(family: Family, error: RateLimited, dialect: str) -> Form:
    """When to ask again; where that is too far off, the form of a budget that is used up."""
    after_s = error.details.get("retry_after_s", 1)
    if isinstance(after_s, int) and after_s > _LONGEST_WAIT_S:
        used_up = form_of(family, BudgetExceeded(error.message), dialect)
        return msgspec.structs.replace(used_up, code="rate_limit_exceeded")
    return Form(error.status, "rate_limit_error", "rate_limit_exceeded", (("retry-after", str(after_s)),))


def _with_promo(form: Form, error: GatewayError) -> Form:
    """Codex writes "You’ve hit your usage limit. TEXT, or try again …": the header brings the text.

    It may hold names from outside: one line of ASCII, so that nothing in them begins a header of its own.
    """
    line = " ".join(error.message.split()).encode("ascii", "replace").decode()
    text = _UNPRINTABLE.sub(" ", line)[:_PROMO_CHARS].rstrip(". ")
    return msgspec.structs.replace(form, headers=(("x-codex-promo-message", text),))


_CODEX = ("codex", "Codex ")
"""The desktop's is `Codex Desktop`; codex-rs counts whatever begins so as its own."""


@lru_cache(512)
def family_of(user_agent: str, originator: str) -> Family:
    """Which client is calling, by the headers that the wire notes saw."""
    if originator.startswith(_CODEX) or user_agent.startswith(_CODEX):
        return "codex"
    if user_agent.startswith("claude-cli"):
        return "claude_code"
    if user_agent.startswith("GeminiCLI"):
        return "gemini_cli"
    return "sdk"
