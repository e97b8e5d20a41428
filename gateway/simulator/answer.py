"""From a request to an `Answer`: dialect by path, checks, scenario, usage, encoding. No I/O; `State` is its memory."""

from __future__ import annotations

import difflib
import gzip
import re
import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import orjson
from msgspec import structs

from gateway._native import decompress

from . import catalog, chat, converse, gemini, messages, responses
from .bill import Charge
from .context import Context, Ids, dumps
from .deliver import Delivery, of_json, of_stream
from .knobs import Knobs, Rule, resolve
from .script import SCENARIOS, reply
from .steps import Failure, Fault, Record
from .usage import PrefixMemory, Usage, count, limited
from .view import READERS, View

_ENCODERS = {"responses": responses, "chat": chat, "messages": messages, "gemini": gemini, "converse": converse}
_IN_PATH = ("gemini", "converse")
"""Dialects that name model and stream in the path."""
_GEMINI = re.compile(r"/models/(?P<model>.+):(?P<verb>\w+)$")
_CONVERSE = re.compile(r"/model/(?P<model>[^/]+)/(?P<verb>converse|converse-stream)$")
_MODEL = re.compile(r"/models/(?P<model>[^:]+)$")
_ENDINGS = (("/chat/completions", "chat"), ("/responses", "responses"), ("/messages", "messages"))
_IDS = {"responses": ("resp_", 50), "chat": ("chatcmpl-", 28), "messages": ("msg_01", 22), "gemini": ("", 22)}
"""Prefix and digits of an answer's id; Converse names none."""
_MOST_COUNTERS = 10_000
_MOST_BODY = 64 * 1024 * 1024  # after decompression
_EVENT_STREAM = "application/vnd.amazon.eventstream"
_JSON, _SSE = "application/json", "text/event-stream; charset=utf-8"


class Request(Record, frozen=True):
    """What arrived. `header` takes a lower-case name."""

    method: str
    path: str
    query: str
    header: Callable[[str], str | None]
    body: bytes


class Answer(Record, frozen=True):
    """What to send: `delivery` after `delay_ms`; `close` drops the connection instead. `charge`: what was generated for it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    delivery: Delivery
    streamed: bool = False
    delay_ms: int = 0
    close: bool = False
    scenario: str = ""
    charge: Charge | None = None


class State:
    """What the simulator remembers between requests: seen prefixes and how often a fault struck. Bounded."""

    def __init__(self, default: Knobs | None = None, rules: tuple[Rule, ...] = ()) -> None:
        self.default, self.rules = default or Knobs(), rules
        self.prefixes = PrefixMemory()
        self._counts: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def reset(self) -> None:
        """Forget everything but the configuration."""
        self.prefixes.clear()
        self._counts.clear()

    def struck(self, knobs: Knobs, view: View) -> int:
        """How often this scenario was asked for with the same arguments and prompt before; counts this time too."""
        if "times" not in knobs.args:
            return 0
        key = (view.dialect, view.model, hash(view.prompt), knobs.scenario, *sorted(knobs.args.items()))
        seen = self._counts.pop(key, 0)
        self._counts[key] = seen + 1
        if len(self._counts) > _MOST_COUNTERS:
            self._counts.popitem(last=False)
        return seen


def answer(request: Request, state: State) -> Answer:
    """The answer to any request of a provider API. Never raises for what a client sent."""
    path = request.path.rstrip("/") or "/"
    if request.method == "HEAD":
        return _plain(b"")
    if request.method == "GET":
        return _get(request, path)
    return _post(request, path, state)


def _get(request: Request, path: str) -> Answer:
    dialect = _guess(request, path)
    if path.endswith("/responses") or "websocket" in (request.header("upgrade") or "").lower():
        # 426 is the one answer that sends Codex straight to HTTP (see the wire notes on WebSocket).
        return _failed(dialect, Failure(426, "The simulator speaks HTTP only; use POST.", code="upgrade_required"))
    if path.endswith("/models"):
        return _plain(catalog.models(dialect, "client_version=" in request.query))
    named = _MODEL.search(path)
    if named:
        return _plain(catalog.model(dialect, named["model"]))
    if path == "/":
        return _plain(dumps({"simulator": "agentcc", "scenarios": list(SCENARIOS)}))
    return _failed(
        dialect,
        Failure(404, f"Unknown request URL: GET {path}. The simulator does not serve this path.", code="unknown_url"),
    )


def _guess(request: Request, path: str) -> str:
    if "/v1beta" in path or "/publishers/" in path or request.header("x-goog-api-key"):
        return "gemini"
    if request.header("anthropic-version") or path.endswith("/messages"):
        return "messages"
    return "responses" if path.endswith("/responses") else "chat"


def _post(request: Request, path: str, state: State) -> Answer:
    dialect, verb, model = _route(path)
    if not dialect:
        guess = _guess(request, path)
        return _failed(
            guess,
            Failure(
                404, f"Unknown request URL: POST {path}. The simulator does not serve this path.", code="unknown_url"
            ),
        )
    try:
        raw = decompressed(request.body, request.header("content-encoding"))
        body = orjson.loads(raw)
    except ValueError as exc:
        return _failed(dialect, Failure(400, _BAD_JSON[dialect].format(reason=exc)))
    if not isinstance(body, dict):
        return _failed(dialect, Failure(400, _BAD_JSON[dialect].format(reason="the body is not an object")))
    named = model or body.get("model")
    missing = _missing(dialect, verb, body, named, request)
    if missing is not None:
        return _failed(dialect, missing)
    if verb == "embeddings":
        return _embedded(request, body, raw)
    if verb == "count":
        return _counted(dialect, raw)
    return _play(request, dialect, verb, body, raw, str(named), state)


def _route(path: str) -> tuple[str, str, str]:
    """(dialect, verb, model in the path); verb is `make`, `stream`, `count`, `compact` or `embeddings`."""
    for ending, dialect in _ENDINGS:
        if path.endswith(ending):
            return dialect, "make", ""
    if path.endswith("/embeddings"):
        return "chat", "embeddings", ""
    if path.endswith("/messages/count_tokens"):
        return "messages", "count", ""
    if path.endswith("/responses/input_tokens"):
        return "responses", "count", ""
    if path.endswith("/responses/compact"):
        return "responses", "compact", ""
    if asked := _CONVERSE.search(path):
        return "converse", "stream" if asked["verb"] == "converse-stream" else "make", unquote(asked["model"])
    found = _GEMINI.search(path)
    verb = (
        {"generateContent": "make", "streamGenerateContent": "stream", "countTokens": "count"}.get(found["verb"])
        if found
        else None
    )
    return ("gemini", verb, found["model"]) if found and verb else ("", "", "")


def decompressed(body: bytes, encoding: str | None) -> bytes:
    """The body without its content-encoding (gzip, deflate, zstd). Raises ValueError if it is broken or too big."""
    kinds = [k.strip().lower() for k in (encoding or "").split(",") if k.strip() not in ("", "identity")]
    for kind in reversed(kinds):
        try:
            if kind == "gzip":
                body = gzip.decompress(body)
            elif kind == "deflate":
                body = zlib.decompress(body)
            elif kind == "zstd":
                body = decompress(body, "zstd", _MOST_BODY)
            else:
                raise ValueError(f"content-encoding `{kind}` is not supported")
        except Exception as exc:  # each codec has its own errors
            raise ValueError(f"the body is not {kind}: {exc}") from exc
        if len(body) > _MOST_BODY:
            raise ValueError("the body is too big")
    return body


_BAD_JSON = {
    "responses": "We could not parse the JSON body of your request. ({reason})",
    "chat": "We could not parse the JSON body of your request. ({reason})",
    "messages": "The request body is not valid JSON: {reason}",
    "gemini": "Invalid JSON payload received. {reason}",
    "converse": "The request body is not valid JSON: {reason}",
}


def _missing(dialect: str, verb: str, body: dict[str, Any], model: Any, request: Request) -> Failure | None:
    """The provider's refusal when a required part is absent, or None."""
    if dialect == "gemini":
        if verb != "count" and not body.get("contents"):
            return Failure(400, "* GenerateContentRequest.contents: contents is not specified\n")
        return None
    if dialect == "converse":
        return None if body.get("messages") else Failure(400, "messages: Member must not be null")
    if dialect == "messages":
        if not request.header("anthropic-version"):
            return Failure(400, "anthropic-version: header is required")
        needed = ("model", "messages") if verb == "count" else ("model", "max_tokens", "messages")
        absent = next((key for key in needed if not body.get(key)), None)
        return Failure(400, f"{absent}: Field required") if absent else None
    if not model or not isinstance(model, str):
        if dialect == "chat":
            return Failure(400, "you must provide a model parameter")
        return Failure(400, "Missing required parameter: 'model'.", code="missing_required_parameter", param="model")
    key = {"responses": "input", "chat": "messages"}[dialect]
    if verb != "embeddings" and not body.get(key) and not (dialect == "responses" and body.get("prompt")):
        return Failure(400, f"Missing required parameter: '{key}'.", code="missing_required_parameter", param=key)
    return None


def _play(
    request: Request, dialect: str, verb: str, body: dict[str, Any], raw: bytes, model: str, state: State
) -> Answer:
    stream = verb == "stream" or (dialect not in _IN_PATH and body.get("stream") is True)
    view = READERS[dialect](body, model, stream)
    knobs = resolve(state.default, state.rules, request.header, view.prompt, model, view.helper)
    known = ("", *SCENARIOS)
    for name in (knobs.scenario, knobs.args.get("base", "")):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"scenarios: {', '.join(SCENARIOS)}"
            return _failed(
                dialect, Failure(400, f"simulator: there is no scenario `{name}`; {hint}", code="unknown_scenario")
            )
    made = reply(view, knobs, state.struck(knobs, view))
    if not knobs.ignore_limit:
        made = limited(made, view.max_tokens)
    ids = Ids(raw, f"{request.path}\0{knobs.seed}")
    usage = count(view, raw, made.steps, state.prefixes.cached_tokens(view, raw), knobs)
    encoder = _ENCODERS[dialect]
    if made.fault.kind == "error":
        failed = _failed(dialect, made.fault.failure, ids)
        return Answer(failed.status, failed.headers, failed.delivery, delay_ms=made.delay_ms, scenario=knobs.scenario)
    sse = dialect != "gemini" or "alt=sse" in request.query
    response_id = ids.make(*_IDS[dialect]) if dialect in _IDS else ""
    ctx = Context(view, made, usage, ids, response_id, body, sse)
    streamed = stream if made.stream is None else made.stream
    head = _headers(dialect, ids)
    is_reported = made.usage and made.fault.kind == "none" and (view.include_usage or not streamed)
    charge = Charge(
        dialect, model, streamed and verb != "compact", usage, is_reported, knobs.label,
        "" if dialect == "gemini" else head[0][1], response_id,
    )  # fmt: skip
    if verb == "compact":
        return _compacted(ctx, head, charge)
    if streamed:
        kind = _EVENT_STREAM if dialect == "converse" else _SSE if sse else "application/json; charset=UTF-8"
        delivery = of_stream(
            encoder.stream(ctx),
            made.fault,
            knobs,
            usage.output,
            lambda n: encoder.failure_event(ctx, made.fault.failure, n),
        )
    else:
        kind = _JSON
        fault = made.fault
        if fault.kind == "in_stream_error":  # there is no stream to fail in
            return _failed(dialect, fault.failure, ids)
        delivery = of_json(encoder.whole(ctx), fault, knobs, usage.output)
    headers = (("content-type", kind), *head, *((("cache-control", "no-cache"),) if streamed else ()))
    closes = made.fault.kind == "close"
    return Answer(200, headers, delivery, streamed, made.delay_ms, closes, knobs.scenario, None if closes else charge)


def _embedded(request: Request, body: dict[str, Any], raw: bytes) -> Answer:
    made = catalog.embeddings(body, len(raw))
    if isinstance(made, Failure):
        return _failed("chat", made)
    usage = Usage(input=catalog.embedding_tokens(len(raw)))
    label = request.header("x-sim-label") or ""
    return structs.replace(_plain(made), charge=Charge("embeddings", str(body["model"]), False, usage, True, label))


def _compacted(ctx: Context, head: tuple[tuple[str, str], ...], charge: Charge) -> Answer:
    item = {
        "id": ctx.ids.make("cmp_", 50),
        "type": "compaction",
        "encrypted_content": ctx.ids.opaque(900, b"\x80\x00\x00\x00"),
    }
    usage = {
        "input_tokens": ctx.usage.input,
        "output_tokens": ctx.usage.output,
        "total_tokens": ctx.usage.input + ctx.usage.output,
    }
    made = {
        "id": ctx.response_id,
        "object": "response.compaction",
        "created_at": ctx.ids.created,
        "output": [item],
        "usage": usage,
    }
    return Answer(200, (("content-type", _JSON), *head), of_json(dumps(made), Fault(), Knobs(), 1), charge=charge)


def _counted(dialect: str, raw: bytes) -> Answer:
    tokens = max(len(raw) // 4, 1)
    bodies = {
        "messages": {"input_tokens": tokens},
        "responses": {"object": "response.input_tokens", "input_tokens": tokens},
        "gemini": {"totalTokens": tokens, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}]},
    }
    return _plain(dumps(bodies[dialect]))


def _headers(dialect: str, ids: Ids) -> tuple[tuple[str, str], ...]:
    if dialect == "messages":
        return (("request-id", ids.make("req_011", 21)),)
    if dialect == "gemini":
        return (("server-timing", "gfet4t7; dur=1"),)
    if dialect == "converse":
        return (("x-amzn-requestid", ids.make("", 36)),)
    return (("x-request-id", ids.make("req_", 32)), ("openai-version", "2020-10-01"), ("openai-processing-ms", "1"))


def _plain(body: bytes) -> Answer:
    return Answer(200, (("content-type", _JSON),), of_json(body, Fault(), Knobs(), 0))


def _failed(dialect: str, failed: Failure, ids: Ids | None = None) -> Answer:
    ids = ids or Ids(failed.message.encode(), dialect)
    head = _headers(dialect, ids)
    body = _ENCODERS[dialect].failure(failed, head[0][1])
    return Answer(failed.status, (("content-type", _JSON), *head, *failed.headers), of_json(body, Fault(), Knobs(), 0))
