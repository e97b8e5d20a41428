"""Requests and streams that nobody recorded: recorded ones, broken at random places. What a client sends wrong is refused with the
place where it is wrong; what a provider sends wrong never raises, and the client's stream stays a stream with one end.

The same examples each time (`derandomize`); bases are `own`, and where they are there every fortieth recorded request and stream.
"""

import copy
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.base.core.errors import BadRequest, ClientFault, Unsupported, UpstreamProtocolError
from gateway.dataplane.wire import (
    CODECS,
    DIALECTS,
    Fault,
    Report,
    Target,
    details_of,
    estimated_tokens,
    form_of,
    provider_error,
)
from tests.dataplane.wire.cross.asking import asked
from tests.dataplane.wire.cross.corpus import SHORT, Answering, Asking, Events, answers, apis, requests
from tests.dataplane.wire.cross.full import IS_FULL
from tests.dataplane.wire.cross.heard import ends, frames, violations
from tests.dataplane.wire.cross.road import read, translation
from tests.dataplane.wire.cross.targets import TARGETS, target

_BOUNDED = settings(
    max_examples=5000 if IS_FULL else 200,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_LARGEST_BASE = 20_000
_OLD = target("gemini.generate", "gemini", "gemini-1.5-pro")
"""Takes the older form of schemas, which is the most that a schema goes through."""


def _nested(depth: int) -> Any:
    made: Any = "deep"
    for at in range(depth):
        made = [made] if at % 2 else {"properties": made}
    return made


_DEEP = "@deep@"
"""Stands for what json.dumps cannot write."""


def _text(body: Any) -> bytes:
    deep = "[" * 5000 + "]" * 5000
    return json.dumps(body).replace(f'"{_DEEP}"', deep).encode()


_WRONG: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, -(10**400), 10**4200, 1e308, float("nan"), float("-inf"), "", " ", "x", "null", "{}", "[", "\0",
    "9" * 5000, "try again in " + "9" * 5000 + "s", [], {}, [None], [[]], [{}], {"": None}, {"type": "x"}, {"type": None},
    {"type": ["object"]}, {"type": {"a": []}}, {"name": {"a": 1}}, "\ud800", "x" * 100_000, ["x"] * 1000, _nested(400), {"$ref": "#"},
    _DEEP, {"a": _DEEP}, "[" * 5000, '{"a":' * 3000 + "1" + "}" * 3000, '{"input":' * 600 + "1" + "}" * 600, '{"a":1e999}', "NaN",
]  # fmt: skip


_MEMBERS = [
    "reasoning_effort",
    "reasoning",
    "thinking",
    "budget_tokens",
    "display",
    "output_config",
    "effort",
    "reasoningConfig",
    "maxReasoningEffort",
    "thinkingConfig",
    "top_k",
    "stop",
    "stop_sequences",
    "stopSequences",
    "maxOutputTokens",
    "service_tier",
    "serviceTier",
    "user",
    "metadata",
    "seed",
    "n",
    "cache_control",
    "ttl",
    "cachePoint",
    "citations",
    "annotations",
    "caller",
    "is_error",
    "type",
    "name",
    "title",
    "source",
    "strict",
    "description",
    "defer_loading",
    "allowed_callers",
    "tool_choice",
    "allowed_tools",
    "mode",
    "tools",
    "functions",
    "response_format",
    "json_schema",
    "schema",
    "format",
    "text",
    "include",
    "summary",
    "encrypted_content",
    "refusal",
    "reasoning_content",
    "reasoning_details",
    "extra_content",
    "google",
    "thought_signature",
    "thoughtSignature",
    "thought",
    "partMetadata",
    "videoMetadata",
    "functionCall",
    "functionResponse",
    "inlineData",
    "executableCode",
    "parts",
    "id",
    "args",
    "input",
    "arguments",
    "response",
    "toolConfig",
    "functionCallingConfig",
    "allowedFunctionNames",
    "generationConfig",
    "responseSchema",
    "additionalModelRequestFields",
    "inferenceConfig",
    "outputConfig",
    "textFormat",
    "structure",
    "jsonSchema",
    "guardContent",
    "searchResult",
    "reasoningContent",
    "reasoningText",
    "redactedContent",
    "signature",
    "citationsContent",
    "s3Location",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "properties",
    "required",
    "items",
    "prefixItems",
    "enum",
    "const",
    "nullable",
    "exclusiveMinimum",
    "minItems",
    "namespace",
    "execution",
    "action",
    "phase",
    "status",
    "finish_reason",
    "stop_reason",
    "stop_details",
    "usage",
    "output",
    "incomplete_details",
    "error",
    "created",
    "groundingMetadata",
    "groundingChunks",
    "web",
    "detail",
    "loc",
    "code",
    "retryDelay",
    "details",
]
"""Members that some dialect knows, somewhere."""


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each member and element, as its holder and its name there; not each of a long list."""
    if isinstance(value, dict):
        for name in value:
            yield value, name
            yield from _places(value[name])
    elif isinstance(value, list):
        for at in range(min(len(value), 6)):
            yield value, at
            yield from _places(value[at])


Cut = tuple[float, int, str | None]


def _broken(body: dict[str, Any], cuts: list[Cut]) -> dict[str, Any]:
    """`body` with some places dropped (-1) or replaced by something wrong; or something wrong set beside them, as a member."""
    made = copy.deepcopy(body)
    for where, what, beside in cuts:
        places = list(_places(made))
        if not places:
            break
        holder, name = places[int(where * len(places))]
        if beside is not None and isinstance(holder, dict):
            holder[beside] = copy.deepcopy(_WRONG[what])
        elif what < 0:
            del holder[name]
        else:
            holder[name] = copy.deepcopy(_WRONG[what])
    return made


@cache
def _asking(dialect: str) -> tuple[Asking, ...]:
    found = list(requests("own", dialect))
    for api in apis(dialect)[1:]:
        found += [one for one in requests(api, dialect) if len(one.raw) < _LARGEST_BASE][::40]
    return tuple(found)


_CUTS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(-1, len(_WRONG) - 1),
        st.one_of(st.none(), st.sampled_from(_MEMBERS)),
    ),
    min_size=1,
    max_size=3,
)


@pytest.mark.parametrize("dialect", CODECS, ids=SHORT.get)
@_BOUNDED
@given(base=st.integers(0, 1000), cuts=_CUTS)
def test_a_broken_request_is_refused_with_its_place(dialect: str, base: int, cuts: list[Cut]) -> None:
    """For every dialect: BadRequest or Unsupported with a path, or a body; never another exception."""
    asking = _asking(dialect)[base % len(_asking(dialect))]
    body = _broken(asking.body, cuts)
    raw = _text(body)
    refused = _refusal(asking, raw, None)
    if refused is not None:
        path = refused.details["param"]
        assert isinstance(path, str)
        assert _leads_into(path, body), f"{path!r} is no place in the request: {refused.message}"
        assert path in refused.message
        return
    for other in CODECS:
        targets = (*TARGETS[other], _OLD) if other == _OLD.dialect else TARGETS[other]
        refused = _refusal(asking, raw, targets[base % len(targets)])
        assert refused is None or _leads_into(str(refused.details["param"]), body), refused.message


def _refusal(asking: Asking, raw: bytes, one: Target | None) -> ClientFault | None:
    """Why a request is refused, already when it is read, or when it is written for a target; None when it is not."""
    try:
        turn = read(asking.dialect, raw, asking.path)
        assert estimated_tokens(turn) > 0
        if one is not None and one.dialect == asking.dialect:  # a session that moved (`translate.reopen`)
            assert isinstance(json.loads(CODECS[one.dialect].write_turn(turn, one, Report())), dict)
        elif one is not None:
            assert isinstance(json.loads(translation(turn, one).body), dict)
    except (BadRequest, Unsupported) as exc:
        return exc
    return None


def _leads_into(path: str, body: Any) -> bool:
    """Whether a JSON path leads to a place of the body, or to one that is missing there."""
    steps = re.findall(r"[^.\[\]]+|\[\d+\]", path)
    if "".join(step if step[0] == "[" else f".{step}" for step in steps).removeprefix(".") != path:
        return False
    for step in steps:
        if isinstance(body, dict | str) and step == "[0]":
            continue  # Google's JSON takes one for a list of one, and `input` may be a bare string
        if isinstance(body, list) and step[0] == "[":
            if int(step[1:-1]) >= len(body):
                return True
            body = body[int(step[1:-1])]
        elif isinstance(body, dict) and step[0] != "[":
            if step not in body:
                return True
            body = body[step]
        else:
            return body is None or isinstance(body, str)
    return True


# === streams ===


@cache
def _streams(dialect: str) -> tuple[Answering, ...]:
    found = [one for one in answers("own", dialect) if one.events is not None]
    for api in apis(dialect)[1:]:
        found += [one for one in answers(api, dialect) if one.events is not None and len(one.events) < 200][::12]
    return tuple(found)


_GARBAGE = [
    b"", b"{", b"null", b"[]", b"{}", b'"x"', b"\xff\xfe", b'{"type":"something.new"}', b'{"type":null}', b"[DONE]", b'{"choices":null}',
    b'{"choices":[{}]}', b'{"candidates":[{}]}', b'{"error":{}}', b'{"error":"x"}', b'{"type":"error"}', b'{"contentBlockIndex":7}',
]  # fmt: skip
_OPERATIONS = ("drop", "double", "swap", "garbage", "break", "unknown", "elsewhere")
_DISORDER = st.lists(
    st.tuples(st.sampled_from(_OPERATIONS), st.floats(0, 1, exclude_max=True), st.integers(0, 1000)),
    min_size=1,
    max_size=5,
)


def _disordered(events: Events, disorder: list[tuple[str, float, int]]) -> Events:
    made = list(events)
    for operation, where, number in disorder:
        at = int(where * len(made))
        if not made:
            break
        if operation == "drop":
            del made[at]
        elif operation == "double":
            made.insert(at, made[at])
        elif operation == "swap":
            other = number % len(made)
            made[at], made[other] = made[other], made[at]
        elif operation == "garbage":
            made.insert(at, (made[at][0], _GARBAGE[number % len(_GARBAGE)]))
        elif operation == "unknown":
            made.insert(at, ("something.new", b'{"type":"something.new","index":0}'))
        else:
            made[at] = _damaged(made[at], operation, number)
    return made


def _damaged(event: tuple[str, bytes], operation: str, number: int) -> tuple[str, bytes]:
    """An event with one member wrong, or one index elsewhere."""
    name, data = event
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):  # it is broken already
        return event
    places = [(h, n) for h, n in _places(body) if operation == "break" or isinstance(h[n], int)]
    if places:
        holder, member = places[number % len(places)]
        holder[member] = _WRONG[number % len(_WRONG)] if operation == "break" else number % 5
    return name, _text(body)


@pytest.mark.parametrize("dialect", CODECS, ids=SHORT.get)
@_BOUNDED
@given(base=st.integers(0, 1000), disorder=_DISORDER)
def test_a_disordered_stream_stays_a_stream(dialect: str, base: int, disorder: list[tuple[str, float, int]]) -> None:
    """For each client: no exception, the grammar holds, and there is one terminal event."""
    answer = _streams(dialect)[base % len(_streams(dialect))]
    events = _disordered(answer.events or [], disorder)
    for client in CODECS:
        if client == dialect:
            continue
        made = translation(asked(client, [], is_stream=True), target(dialect, "lab", answer.model))
        made._split = lambda _: events  # framing is done elsewhere: here also what no provider could frame
        wire = made.stream(b"all") + made.end()
        found = frames(client, wire)
        assert ends(client, found) == 1, client
        assert _ungrammatical(client, wire, found) == [], client


_ALLOWED = (
    # what a provider did not tell, or a model wrote, no grammar can ask for: usage, whole calls, an object as arguments
    "the input of a call is no JSON",
    "a tool's input is no JSON",
    "the input is no object",
    "a tool's input is no object",
    "no usage, though it was asked for",
)


def _ungrammatical(client: str, wire: bytes, found: Any) -> list[str]:
    words = violations(client, wire, found, has_shapes=False)
    return [one for one in words if not one.endswith(_ALLOWED)]


@cache
def _whole(dialect: str) -> tuple[Answering, ...]:
    found = [one for one in answers("own", dialect) if one.events is None]
    for api in apis(dialect)[1:]:
        found += [one for one in answers(api, dialect) if one.events is None][::15]
    return tuple(found)


@pytest.mark.parametrize("dialect", CODECS, ids=SHORT.get)
@_BOUNDED
@given(base=st.integers(0, 1000), cuts=_CUTS)
def test_a_broken_answer_is_an_answer_or_a_fault(dialect: str, base: int, cuts: list[Cut]) -> None:
    """UpstreamProtocolError, or a body (as a stream: by the grammar)."""
    answer = _whole(dialect)[base % len(_whole(dialect))]
    raw = _text(_broken(answer.body, cuts))
    for client in CODECS:
        if client == dialect:
            continue
        for is_stream in (False, True):
            made = translation(asked(client, [], is_stream=is_stream), target(dialect, "lab", answer.model))
            try:
                wire = made.whole(raw)
            except UpstreamProtocolError:
                continue
            if isinstance(made.ended, Fault):
                assert wire == b""  # who calls tells it
            elif is_stream:
                found = frames(client, wire)
                assert ends(client, found) == 1, client
                assert _ungrammatical(client, wire, found) == [], client
            else:
                assert isinstance(json.loads(wire), dict)


# === errors ===

_ERRORS: dict[str, list[Any]] = {
    "openai.responses": [
        {"error": {"message": "Please try again in 1m2.5s", "type": "tokens", "code": "rate_limit_exceeded", "param": None}},
        {"error": "words"},
    ],
    "openai.chat": [
        {"error": {"message": "Please try again in 1m2.5s", "code": 429, "type": "t", "metadata": {"raw": "w", "provider_name": "p"}}},
        {"detail": [{"loc": ["body", 1], "msg": "words"}]},
        [{"error": {"message": "words", "status": 400}}],
    ],
    "anthropic.messages": [{"error": {"type": "overloaded_error", "message": "a.b: words", "details": {"error_code": "y"}}}],
    "gemini.generate": [
        {
            "error": {
                "code": 429,
                "message": "Please retry in 3.5s.",
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "google.rpc.RetryInfo", "retryDelay": "3s"},
                    {"@type": "google.rpc.BadRequest", "fieldViolations": [{"field": "a"}]},
                    {"@type": "google.rpc.ErrorInfo", "reason": "r"},
                ],
            }
        }
    ],
    "bedrock.converse": [{"message": "words", "__type": "a#ThrottlingException:http"}],
}  # fmt: skip
_WAITS = ["1", "nan", "inf", "-5", "9" * 400, "9" * 5000, "1e400", "", "x", "1_000"]
_HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "x-ms-retry-after-ms", "x-amzn-errortype"]),
    st.sampled_from(_WAITS),
)


@pytest.mark.parametrize("dialect", CODECS, ids=SHORT.get)
@_BOUNDED
@given(
    base=st.integers(0, 2), cuts=_CUTS, headers=_HEADERS, status=st.sampled_from([0, 400, 401, 413, 429, 500, 529, 999])
)
def test_a_broken_error_is_told(dialect: str, base: int, cuts: list[Cut], headers: dict[str, str], status: int) -> None:
    """As an error before anything was sent, and as the end of a stream."""
    bases = _ERRORS[dialect]
    raw = _text(_broken({"": bases[base % len(bases)]}, cuts).get("", {}))
    fault = CODECS[dialect].read_error(status, headers, raw)
    for client in CODECS:
        error = provider_error(fault, client, "lab")
        assert error.message
        assert DIALECTS[client].error_event(form_of("codex", error, client), error.message, details_of(error, "v", "r"))
        other = dialect if dialect != client else next(one for one in CODECS if one != client)
        wire = translation(asked(client, [], is_stream=True), target(other, "lab", "m")).fail(fault)
        assert ends(client, frames(client, wire)) == 1, client
