"""AWS's own SDK as client: it parses what we write, and we read (and sign) what it sends. Runs where boto3 is installed."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway import _native
from gateway.dataplane.providers.auth import AwsKeys, sign
from gateway.dataplane.wire.canon import Answer, Event, Fault, Open, Text
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.converse import CODEC
from gateway.dataplane.wire.translate.collect import answer_of, events_of
from tests.dataplane.providers.shared import shared
from tests.dataplane.wire.converse.cases import asked

boto3 = pytest.importorskip("boto3", reason="NOT RUN: boto3 is not installed here")


class _Server(ThreadingHTTPServer):
    answer: tuple[int, str, bytes]
    seen: list[tuple[str, dict[str, str], bytes]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        status, kind, data = self.server.answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        """Quiet."""


@contextmanager
def _client() -> Iterator[tuple[Any, _Server]]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    config = boto3.session.Config(retries={"max_attempts": 0}, signature_version="v4")
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=f"http://127.0.0.1:{server.server_address[1]}",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=config,
    )
    try:
        yield client, server
    finally:
        server.shutdown()
        server.server_close()


HELLO: dict[str, Any] = {"modelId": "a.b-v1:0", "messages": [{"role": "user", "content": [{"text": "hi"}]}]}


def _records() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(shared("wire/dev/bedrock.converse").iterdir()):
        yield path.stem, json.loads(path.read_bytes())


def _answers() -> Iterator[tuple[str, Answer]]:
    for name, record in _records():
        said = record["response"]
        if said["status"] != 200:
            continue
        if "events" not in said:
            yield name, CODEC.read_answer(json.dumps(said["body"]).encode())
            continue
        reader = CODEC.reader()
        events: list[Event] = []
        for _, kind, payload in _native.split_eventstream(base64.b64decode(said["body_base64"])):
            events += reader.feed(kind, payload)
        answer = answer_of(events + reader.end())
        assert isinstance(answer, Answer)
        yield name, answer


def _plain(value: Any) -> Any:
    """boto3 gives blobs as bytes."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value


def test_boto3_parses_every_whole_answer() -> None:
    count = 0
    with _client() as (client, server):
        for name, answer in _answers():
            wire = CODEC.write_answer(answer, asked())
            server.answer = (200, "application/json", wire)
            got = client.converse(**HELLO)
            wanted = json.loads(wire)
            for member in ("output", "stopReason"):
                assert _plain(got[member]) == wanted[member], name
            known = {key: value for key, value in wanted["usage"].items() if key != "serverToolUsage"}
            assert got["usage"] == known, name
            count += 1
    print(f"boto3 parses {count} whole answers")
    assert count > 100


def test_boto3_parses_every_stream() -> None:
    count = 0
    with _client() as (client, server):
        for name, answer in _answers():
            wire = CODEC.writer(asked()).write(events_of(answer))
            server.answer = (200, "application/vnd.amazon.eventstream", wire)
            got = [_plain(event) for event in client.converse_stream(**HELLO)["stream"]]
            assert got == [{kind: json.loads(payload)} for _, kind, payload in _native.split_eventstream(wire)], name
            count += 1
    print(f"boto3 parses {count} streams")
    assert count > 100


def test_boto3_raises_what_a_fault_says() -> None:
    with _client() as (client, server):
        wire = CODEC.writer(asked()).write([Open(0, Text(text="a")), Fault("rate_limit", "slow down")])
        server.answer = (200, "application/vnd.amazon.eventstream", wire)
        with pytest.raises(client.exceptions.ClientError, match=r"throttlingException.*slow down"):
            list(client.converse_stream(**HELLO)["stream"])


def _arguments(body: Any) -> Any:
    """A recorded body as boto3 wants it: blobs as bytes."""
    if isinstance(body, dict):
        return {
            name: base64.b64decode(value)
            if name in ("bytes", "redactedContent") and isinstance(value, str)
            else _arguments(value)
            for name, value in body.items()
        }
    return [_arguments(one) for one in body] if isinstance(body, list) else body


def test_we_read_and_sign_what_boto3_sends() -> None:
    """Every recorded request, sent by boto3: read without loss, and its signature made anew."""
    count = 0
    with _client() as (client, server):
        server.answer = (200, "application/json", CODEC.write_answer(next(_answers())[1], asked()))
        for name, record in _records():
            arguments = _arguments(record["request"]["body"])
            server.seen.clear()
            try:
                client.converse(modelId="us.anthropic.claude-sonnet-4-5-20250929-v1:0", **arguments)
            except Exception as problem:  # noqa: BLE001 - newer than this boto3
                assert "Parameter validation failed" in str(problem) or "Unknown" in str(problem), name  # noqa: PT017
                continue
            [(path, headers, body)] = server.seen
            turn = CODEC.read_turn(body, PathSays("m"))
            assert turn.messages, name
            signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
            sent = [(header, headers[header]) for header in signed]
            url = f"http://{headers['host']}{path}"
            keys = AwsKeys("AKIDEXAMPLE", "secret")
            found = dict(sign("POST", url, sent, body, keys, "us-east-1", headers["x-amz-date"]))
            assert found["authorization"] == headers["authorization"], name
            count += 1
    print(f"{count} requests of boto3 are read and signed alike")
    assert count > 80
