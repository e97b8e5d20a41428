"""Which path is which wire API. Data and one look-up; unknown and not yet served paths never reach a provider."""

from typing import Literal
from urllib.parse import unquote

from gateway.base.core.errors import UnknownRoute
from gateway.base.core.struct import Record
from gateway.dataplane.wire import DIALECTS, Dialect

Kind = Literal["exchange", "models", "model"]


class Route(Record, frozen=True):
    """One served path. `resource` is what follows the provider's base URL; `model` and `is_stream` are set where the
    path says them (Gemini). Routes that cost nothing (`count_tokens`) are not billable."""

    kind: Kind
    dialect: Dialect
    resource: str = ""
    is_billable: bool = True
    model: str = ""
    is_stream: bool = False

    @property
    def is_turn(self) -> bool:
        """Whether it is a turn of a conversation; what else a dialect has is not translated, and belongs to no session."""
        return self.resource in TURN_RESOURCES.get(self.dialect.name, ())


_PREFIXES = ("/v1", "", "/openai/v1", "/openai")
_OPENAI = {
    "/responses": ("openai.responses", True),
    "/responses/compact": ("openai.responses", True),
    "/responses/input_tokens": ("openai.responses", False),
    "/chat/completions": ("openai.chat", True),
    "/embeddings": ("openai.embeddings", True),
}
_ANTHROPIC = {"/messages": True, "/messages/count_tokens": False}
_GEMINI_ACTIONS = {
    "generateContent": (True, False),
    "streamGenerateContent": (True, True),
    "countTokens": (False, False),
    "embedContent": (True, False),
    "batchEmbedContents": (True, False),
}
_GEMINI_PREFIXES = ("/v1beta/models/", "/v1/models/", "/gemini/v1beta/models/")
_CONVERSE_PREFIXES = ("/model/", "/bedrock/model/")
_CONVERSE_ACTIONS = {"converse": False, "converse-stream": True}
_CONVERSE = DIALECTS["bedrock.converse"]
_RESPONSES = DIALECTS["openai.responses"]
_GEMINI = DIALECTS["gemini.generate"]
_MESSAGES = DIALECTS["anthropic.messages"]

TURN_RESOURCES = {
    "openai.responses": ("/responses", "/responses"),
    "openai.chat": ("/chat/completions", "/chat/completions"),
    "anthropic.messages": ("/messages", "/messages"),
    "gemini.generate": ("generateContent", "streamGenerateContent"),
    "bedrock.converse": ("converse", "converse-stream"),
}
"""The turns of a conversation: of each dialect what answers whole, and what streams."""


def _table() -> dict[str, dict[str, Route]]:
    table: dict[str, dict[str, Route]] = {"POST": {}, "GET": {}}
    for prefix in _PREFIXES:
        for resource, (dialect, is_billable) in _OPENAI.items():
            table["POST"][prefix + resource] = Route("exchange", DIALECTS[dialect], resource, is_billable)
        table["GET"][prefix + "/models"] = Route("models", _RESPONSES)
    for prefix in ("/v1", "", "/anthropic/v1"):
        for resource, is_billable in _ANTHROPIC.items():
            table["POST"][prefix + resource] = Route("exchange", _MESSAGES, resource, is_billable)
    table["GET"]["/v1beta/models"] = Route("models", _GEMINI)
    return table


_TABLE = _table()


def find_route(method: str, path: str) -> Route:
    """The route of a request. Raises UnknownRoute, whose `dialect_hint` detail names the dialect of the path."""
    route = _TABLE.get(method, {}).get(path)
    if route is not None:
        return route
    if method == "POST":
        found = _converse(path) if path.startswith(_CONVERSE_PREFIXES) else _gemini(path) if ":" in path else None
        if found is not None:
            return found
    if method == "GET":
        for prefix in ("/v1/models/", "/models/", "/openai/v1/models/", "/v1beta/models/"):
            if path.startswith(prefix) and len(path) > len(prefix):
                dialect = _GEMINI if prefix.startswith("/v1beta") else _RESPONSES
                return Route("model", dialect, model=unquote(path[len(prefix) :]))
    others = [m for m, paths in _TABLE.items() if m != method and path in paths]
    hint = f"; it takes {', '.join(others)}" if others else "; docs/reference/routes.md lists the served paths"
    raise UnknownRoute(f"{method} {path[:200]} is not served by this gateway{hint}")


def _gemini(path: str) -> Route | None:
    for prefix in _GEMINI_PREFIXES:
        if path.startswith(prefix):
            model, _, action = path[len(prefix) :].rpartition(":")
            if model and action in _GEMINI_ACTIONS:
                is_billable, is_stream = _GEMINI_ACTIONS[action]
                return Route("exchange", _GEMINI, action, is_billable, unquote(model), is_stream)
    return None


def _converse(path: str) -> Route | None:
    model, _, action = path[path.index("/model/") + 7 :].rpartition("/")
    if not model or action not in _CONVERSE_ACTIONS:
        return None
    return Route("exchange", _CONVERSE, action, True, unquote(model), _CONVERSE_ACTIONS[action])


def dialect_of_path(path: str) -> Dialect:
    """The dialect in which a refusal about `path` is written."""
    if "/messages" in path or path.startswith("/anthropic"):
        return _MESSAGES
    if path.startswith(("/v1beta", "/gemini")):
        return _GEMINI
    if path.startswith(_CONVERSE_PREFIXES):
        return _CONVERSE
    return _RESPONSES


def served_routes() -> list[tuple[str, str, str]]:
    """(method, path, dialect) of every served path, for docs/reference/routes.md."""
    rows = [
        (m, p, r.dialect.name if r.kind == "exchange" else "catalogue") for m, t in _TABLE.items() for p, r in t.items()
    ]
    rows += [("POST", f"{p}{{model}}:{a}", "gemini.generate") for p in _GEMINI_PREFIXES for a in _GEMINI_ACTIONS]
    rows += [("POST", f"{p}{{model}}/{a}", "bedrock.converse") for p in _CONVERSE_PREFIXES for a in _CONVERSE_ACTIONS]
    return sorted(rows, key=lambda row: (row[1], row[0]))
