"""The recorded Gemini exchanges of the shared fixtures, which live beside the repository; tests skip loudly without them."""

import json
import re
from functools import cache
from typing import Any

import pytest

from gateway.dataplane.wire.codec import PathSays
from tests.dataplane.wire import sse
from tests.harness import SHARED

Record = dict[str, Any]
_PATH = re.compile(r"/models/([^:]+):(generateContent|streamGenerateContent)")


@cache
def records() -> tuple[Record, ...]:
    """All of them."""
    folder = SHARED / "fixtures" / "wire" / "dev" / "gemini.generate"
    if not folder.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {folder}")
    return tuple(json.loads(path.read_text()) for path in sorted(folder.iterdir()))


@cache
def cli_requests() -> tuple[Record, ...]:
    """What Gemini CLI sent."""
    folder = SHARED / "fixtures" / "clients" / "gemini-cli"
    if not folder.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {folder}")
    return tuple(json.loads(path.read_text()) for path in sorted(folder.iterdir()))


def path_says(path: str) -> PathSays:
    """What a request's path says of model and stream."""
    found = _PATH.search(path)
    assert found, path
    return PathSays(found[1], found[2] == "streamGenerateContent")


def chunks(record: Record) -> list[bytes]:
    """The chunks of a recorded stream; a whole answer is one."""
    response = record["response"]
    if "sse" in response:
        return [data for _, data in sse.events(response["sse"].encode())]
    body = response["body"]
    return [json.dumps(chunk).encode() for chunk in (body if isinstance(body, list) else [body])]


def answered() -> list[Record]:
    """Those with an answer."""
    return [record for record in records() if record["response"]["status"] == 200]


def failed() -> list[Record]:
    """Those with an error."""
    return [record for record in records() if record["response"]["status"] != 200]
