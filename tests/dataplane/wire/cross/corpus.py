"""Exchanges for the tests across dialects: a few of our own, which are always there, and all that was recorded.

Our own (`own/`) are written by hand in the form of the recorded ones, so that these tests do something where the shared fixtures
are absent; there the recorded part is skipped, loudly.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from msgspec import Struct

from gateway.dataplane.wire import CODECS, PathSays
from tests.dataplane.providers.shared import SHARED
from tests.dataplane.wire import sse

OWN = Path(__file__).parent / "own"
RECORDED = SHARED / "fixtures" / "wire" / "dev"
CLIENTS = SHARED / "fixtures" / "clients"
NAMES = {
    "responses": "openai.responses",
    "chat": "openai.chat",
    "messages": "anthropic.messages",
    "generate": "gemini.generate",
    "converse": "bedrock.converse",
}
SHORT = {name: short for short, name in NAMES.items()}
_CLIENTS = {"codex": "openai.responses", "claude-code": "anthropic.messages", "gemini-cli": "gemini.generate"}
_SAME = {"openai.chat~": "openai.chat", "mistral.chat": "openai.chat"}
"""Dialects of the index whose providers are spoken to in Chat."""
_PATHS = {
    "openai.responses": re.compile(r"/responses$"),
    "openai.chat": re.compile(r"/chat(/completions)?$"),
    "anthropic.messages": re.compile(r"/messages$"),
    "gemini.generate": re.compile(r"/models/([^:]+):(generateContent|streamGenerateContent)$"),
    "bedrock.converse": re.compile(r"/model/([^/]+)/(converse|converse-stream)$"),
}
"""The paths that are turns of a conversation; counting and the rest is not translated."""

Events = list[tuple[str, bytes]]


class Asking(Struct, frozen=True):
    """A client's request: `api` is who recorded it, `dialect` what it speaks."""

    name: str
    api: str
    dialect: str
    body: dict[str, Any]
    path: PathSays

    @property
    def raw(self) -> bytes:
        return json.dumps(self.body).encode()


class Answering(Struct, frozen=True):
    """A provider's good answer: `body`, or the `events` of a stream."""

    name: str
    api: str
    dialect: str
    model: str
    body: Any = None
    events: Events | None = None


@cache
def apis(dialect: str) -> tuple[str, ...]:
    """`own`, and each api whose turns were recorded in `dialect`; Codex, Claude Code and Gemini CLI count as apis."""
    return ("own", *(api for api, (_, spoken) in _folders().items() if spoken == dialect))


def by_api(*, has_answers: bool = False) -> list[Any]:
    """(api, its dialect, another dialect), as parameters of a test; without the shared fixtures only our own, and a skip."""
    found = [
        pytest.param(api, a, b, id=f"{api}.{SHORT[a]}-{SHORT[b]}" if api == "own" else f"{api}-{SHORT[b]}")
        for a in CODECS
        for api in apis(a)
        for b in CODECS
        if a != b and not (has_answers and api in _CLIENTS)
    ]
    if not RECORDED.exists():
        words = f"NOT RUN: the shared fixtures are absent, no {RECORDED}"
        found.append(pytest.param("recorded", "", "", marks=pytest.mark.skip(reason=words)))
    return found


@cache
def requests(api: str, dialect: str) -> tuple[Asking, ...]:
    """The requests of an api that are turns."""
    found = [_asking(record) for record in _records(api, dialect)]
    return tuple(one for one in found if one is not None)


@cache
def answers(api: str, dialect: str) -> tuple[Answering, ...]:
    """The good answers of an api, whole and streamed."""
    found = [_answering(record) for record in _records(api, dialect)]
    return tuple(one for one in found if one is not None)


@cache
def _folders() -> dict[str, tuple[Path, str]]:
    """Each api: its folder and what it speaks, if that is a dialect of ours."""
    if not RECORDED.exists():
        return {}
    found = {}
    for folder in sorted(RECORDED.iterdir()):
        first = json.loads(next(iter(sorted(folder.glob("*.json")))).read_bytes())
        dialect = _SAME.get(first["dialect"], first["dialect"])
        if dialect in CODECS and _PATHS[dialect].search(_path(first)):
            found[folder.name] = (folder, dialect)
    return found | {api: (CLIENTS / api, dialect) for api, dialect in _CLIENTS.items()}


@cache
def _records(api: str, dialect: str) -> tuple[dict[str, Any], ...]:
    if api == "own":
        return tuple(one for one in map(_loaded, sorted(OWN.glob("*.json"))) if one["dialect"] == dialect)
    folder, _ = _folders()[api]
    return tuple({**_loaded(path), "api": api, "dialect": dialect} for path in sorted(folder.glob("*.json")))


def _loaded(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_bytes())
    if "request" not in record:  # a captured command line
        record = {"request": record}
    return {"file": path.stem, "response": {}, **record}


def _path(record: dict[str, Any]) -> str:
    return unquote((record["request"].get("path") or "").partition("?")[0].rstrip("/"))


def _says(record: dict[str, Any]) -> PathSays | None:
    """What the path says; None when it is no turn's."""
    dialect = record["dialect"]
    found = _PATHS[dialect].search(_path(record))
    if found is None:
        return None
    if dialect in ("gemini.generate", "bedrock.converse"):
        return PathSays(found[1], "stream" in found[2])
    return PathSays()


def _asking(record: dict[str, Any]) -> Asking | None:
    path, body = _says(record), record["request"].get("body")
    if path is None or not isinstance(body, dict):
        return None
    return Asking(record["file"], record["api"], record["dialect"], body, path)


def _answering(record: dict[str, Any]) -> Answering | None:
    said = record["response"]
    if _says(record) is None or said.get("status") != 200:
        return None
    dialect, body = record["dialect"], said.get("body")
    events = list(_events(said, dialect))
    if not events and not isinstance(body, dict):
        return None
    model = str(record.get("model") or "model")
    return Answering(record["file"], record["api"], dialect, model, None if events else body, events or None)


def _events(said: dict[str, Any], dialect: str) -> Iterator[tuple[str, bytes]]:
    if dialect == "bedrock.converse":
        for event in said.get("events") or ():
            headers = event["headers"]
            name = headers.get(":event-type") or headers.get(":exception-type")
            yield name, json.dumps(event["payload"]).encode()
    elif isinstance(said.get("body"), list):  # Gemini's stream without `alt=sse`
        for chunk in said["body"]:
            yield "", json.dumps(chunk).encode()
    else:
        yield from sse.events((said.get("sse") or "").encode())
