"""Answers that come from us: a refusal or a fault, in the client's dialect and in the form that its client obeys."""

from gateway.base.core.errors import GatewayError
from gateway.dataplane.flow.exchange import Exchange
from gateway.dataplane.flow.headers import stamp
from gateway.dataplane.wire import DIALECTS, Dialect, Form, details_of, form_of

_FALLBACK = DIALECTS["openai.responses"]


def dialect_of(ex: Exchange) -> Dialect:
    """The dialect to answer in: the route's, else OpenAI's."""
    return ex.dialect or _FALLBACK


def status_of(ex: Exchange, error: GatewayError) -> int:
    """The status that `answer` sends for `error`."""
    return _form(ex, error).status


def _form(ex: Exchange, error: GatewayError) -> Form:
    return form_of(ex.family, error, dialect_of(ex).name)


def answer(ex: Exchange, error: GatewayError, cost_nusd: int = 0) -> None:
    """Send `error` as the whole answer; `cost_nusd` is what the exchange has cost all the same."""
    form = _form(ex, error)
    body = _body(ex, form, error)
    headers = stamp([("content-type", "application/json"), *form.headers], ex, cost_nusd)
    ex.response_bytes = len(body)
    ex.reply.whole(form.status, headers, body)


def last_of_array(ex: Exchange, error: GatewayError) -> bytes:
    """`error` as the last element of a JSON array that has begun (Gemini streams without `alt=sse`)."""
    return (b"," if ex.response_bytes else b"[") + _body(ex, _form(ex, error), error) + b"]"


def _body(ex: Exchange, form: Form, error: GatewayError) -> bytes:
    return dialect_of(ex).error_body(form, error.message, details_of(error, ex.policy.version, ex.request_id))


def event(ex: Exchange, error: GatewayError, response_id: str = "") -> bytes:
    """`error` as the one terminal event of a stream that has begun, under the id that it began with."""
    form = _form(ex, error)
    details = details_of(error, ex.policy.version, ex.request_id)
    details.setdefault("model", ex.model_requested)
    if response_id:
        details["response_id"] = response_id
    return dialect_of(ex).error_event(form, error.message, details)
