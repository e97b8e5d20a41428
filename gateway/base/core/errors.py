"""One tree of errors, by fault. Classes hold data, not logic; building one never logs.

    GatewayError
      ClientFault    BadRequest · UnknownRoute · UnknownModel · KeyRejected · ModelForbidden · UnpricedModel
                     BudgetExceeded · RetriesExhausted · RateLimited · BodyTooLarge · BodyTimeout · Unsupported
      UpstreamFault  ConnectFailed · TimedOut · UpstreamProtocolError · ResponseTooLarge · ProviderError
      OurFault       NoDeployment · Overloaded · JournalUnavailable · BudgetUnproven · Bug

Each has a stable `code`, an HTTP `status` and `is_retryable`; docs/reference/errors.md lists them all (a test compares).
"""

from typing import ClassVar


class GatewayError(Exception):
    """Anything the gateway itself answers instead of a provider. `message` is for the developer's terminal."""

    code: ClassVar[str] = "gateway_error"
    status: ClassVar[int] = 500
    is_retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


# === the client's fault ===


class ClientFault(GatewayError):
    """The request cannot be served as it is; the same request again fails again."""

    code = "client_fault"
    status = 400


class BadRequest(ClientFault):
    """The body or a header is not what the dialect asks for."""

    code = "bad_request"
    status = 400


class UnknownRoute(ClientFault):
    """No such path, or a billable path that is not served (it never passes through)."""

    code = "unknown_route"
    status = 404


class UnknownModel(ClientFault):
    """The model's name resolves to no configured provider; `near` holds the closest names."""

    code = "unknown_model"
    status = 404


class KeyRejected(ClientFault):
    """Missing, unknown, revoked or expired virtual key."""

    code = "key_rejected"
    status = 401


class ModelForbidden(ClientFault):
    """The key may not use this model."""

    code = "model_forbidden"
    status = 403


class GuardrailBlocked(ClientFault):
    """A guardrail refused the request or ended the answer; details name its scanner, rule and place, never what it found."""

    code = "guardrail_blocked"
    status = 400


class UnpricedModel(ClientFault):
    """The catalogue has no price and policy does not allow the model by name."""

    code = "unpriced_model"
    status = 403


class BudgetExceeded(ClientFault):
    """A budget cannot pay for the request; details name its level, id, limit, spend and reset."""

    code = "budget_exceeded"
    status = 429


class RetriesExhausted(ClientFault):
    """A session has retried, or its tool has failed, too often running; details name session, limit, and when it may go on."""

    code = "retry_budget_exhausted"
    status = 429


class RateLimited(ClientFault):
    """A rate limit has nothing left; details name its level, id, kind, limit and `retry_after_s`."""

    code = "rate_limited"
    status = 429
    is_retryable = True


class BodyTooLarge(ClientFault):
    """The request body passes `server.limits.body_bytes`."""

    code = "body_too_large"
    status = 413


class BodyTimeout(ClientFault):
    """The request body did not arrive in time."""

    code = "body_timeout"
    status = 408


class Unsupported(ClientFault):
    """A content encoding, protocol upgrade or pair of dialects that is not served."""

    code = "unsupported"
    status = 400


# === the provider's fault ===


class UpstreamFault(GatewayError):
    """The provider could not be reached or broke its own protocol."""

    code = "upstream_fault"
    status = 502
    is_retryable = True


class ConnectFailed(UpstreamFault):
    """No connection to the provider: refused, DNS, TLS."""

    code = "upstream_connect_failed"
    status = 502


class TimedOut(UpstreamFault):
    """The provider was silent for longer than its timeout."""

    code = "upstream_timeout"
    status = 504


class UpstreamProtocolError(UpstreamFault):
    """The answer was cut, malformed, or ended without its terminal event."""

    code = "upstream_protocol_error"
    status = 502


class ResponseTooLarge(UpstreamFault):
    """The answer passed `max_response_bytes`, or all unfinished answers together passed the worker's bound."""

    code = "response_too_large"
    status = 502
    is_retryable = False


class CredentialRejected(UpstreamFault):
    """The provider rejects the gateway's own credential (401, 402): nothing that the client holds can mend it."""

    code = "credential_rejected"
    status = 403
    is_retryable = False


class ProviderError(UpstreamFault):
    """The provider answered an error, told in the client's dialect: its words, and the status and code of the fault table."""

    code = "provider_error"

    def __init__(
        self,
        message: str,
        form: tuple[int, str, str, tuple[tuple[str, str], ...]] = (502, "server_error", "provider_error", ()),
        **details: object,
    ) -> None:
        """`form`: status, OpenAI-style type and code, headers of the answer."""
        super().__init__(message, **details)
        self.form = form


# === our fault ===


class OurFault(GatewayError):
    """The gateway's own state prevents an answer."""

    code = "our_fault"
    status = 500


class NoDeployment(OurFault):
    """No configured provider can serve the resolved model now."""

    code = "no_deployment"
    status = 503
    is_retryable = True


class Overloaded(OurFault):
    """The worker has too much to do (docs/concepts/overload.md), or it is draining."""

    code = "overloaded"
    status = 503
    is_retryable = True


class JournalUnavailable(OurFault):
    """The journal cannot be written (a full disk): nothing is sent that could not be recorded."""

    code = "journal_unavailable"
    status = 503
    is_retryable = True


class BudgetUnproven(OurFault):
    """A hard budget's state cannot be known now (its store is down or just came back), so nothing is spent."""

    code = "budget_unproven"
    status = 503
    is_retryable = True


class Bug(OurFault):
    """An exception that nobody expected; logged with its traceback."""

    code = "internal_error"
    status = 500


def all_errors() -> list[type[GatewayError]]:
    """Every concrete class of the tree, for the reference page and its test."""
    found: list[type[GatewayError]] = []
    stack: list[type[GatewayError]] = [GatewayError]
    while stack:
        cls = stack.pop(0)
        children = cls.__subclasses__()
        stack.extend(children)
        if not children:
            found.append(cls)
    return found
