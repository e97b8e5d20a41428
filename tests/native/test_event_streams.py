"""AWS event streams: cut, read, written, and through the upstream client."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from gateway import _native
from tests.native.peers import Client, Connection, head, peer

HEAD, DATA, TERMINAL, END, FAILED = range(5)
SHARED = Path(__file__).parents[3] / "shared" / "fixtures"
EMPTY = bytes.fromhex("00000010 00000000 05c248eb 7d98c8ff")
TYPE = "application/vnd.amazon.eventstream"


def _needs(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"NOT RUN: the shared fixtures are absent, no {path}")
    return path


def _event(kind: str, payload: str) -> bytes:
    headers = ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event"))
    return _native.eventstream_message(headers, payload.encode())


STREAM = [
    _event("messageStart", '{"role":"assistant","p":"ab"}'),
    _event("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"hello"},"p":"abcdef"}'),
    _event("contentBlockStop", '{"contentBlockIndex":0}'),
    _event("messageStop", '{"stopReason":"end_turn"}'),
    _event("metadata", '{"usage":{"inputTokens":3},"metrics":{"latencyMs":1}}'),
]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", []),
        (b"data: a\n\n", [("", b"a")]),
        (b"event: x\r\ndata: a\r\n\r\n: ping\n\ndata: 1\ndata:2\n\n", [("x", b"a"), ("", b"1\n2")]),
        (b"event: x\n\ndata: a\r\rdata: cut\n", [("", b"a")]),
        (b"event: \xff\ndata: \xfe\n\n", [("\ufffd", b"\xfe")]),
        (b"data: a\r\r", [("", b"a")]),
    ],
)
def test_server_sent_events_are_split(data: bytes, wanted: list[tuple[str, bytes]]) -> None:
    assert _native.split_sse(data) == wanted


def test_a_message_is_written_as_botocore_reads_it() -> None:
    assert _native.eventstream_message([], b"") == EMPTY
    assert _native.eventstream_message([("content-type", "application/json")], b"{'foo':'bar'}") == base64.b64decode(
        "AAAAPQAAACAH/YOWDGNvbnRlbnQtdHlwZQcAEGFwcGxpY2F0aW9uL2pzb257J2Zvbyc6J2Jhcid9jZwIsQ=="
    )


def test_messages_are_split_into_type_name_and_payload() -> None:
    exception = ((":exception-type", "throttlingException"), (":message-type", "exception"))
    error = ((":error-code", "Internal"), (":error-message", 'a "b"'), (":message-type", "error"))
    data = EMPTY + _native.eventstream_message(exception, b"{}") + _native.eventstream_message(error, b"") + STREAM[2]
    assert _native.split_eventstream(data) == [
        ("", "", b""),
        ("exception", "throttlingException", b"{}"),
        ("error", "Internal", b'{"message":"a \\"b\\""}'),
        ("event", "contentBlockStop", b'{"contentBlockIndex":0}'),
    ]


@pytest.mark.parametrize("data", [b"data: a\n\n", EMPTY[:-1], EMPTY[:-1] + b"\0", EMPTY + b"\0"])
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="message"):
        _native.split_eventstream(data)


@pytest.mark.parametrize("headers", [[("", "v")], [("n" * 256, "v")], [("n", "v" * 65_536)], [("n", "v"), ("n", "w")]])
def test_headers_that_cannot_be_written_are_refused(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(ValueError, match="header"):
        _native.eventstream_message(headers, b"")


def test_the_vectors_of_the_sdks_pass() -> None:
    """All 31: payloads and names of the good ones, an error for the others. Their headers are proven in Rust."""
    vectors = json.loads(_needs(SHARED / "bedrock" / "eventstream.json").read_bytes())["vectors"]
    for vector in vectors:
        name, decoded = vector["name"], vector.get("decoded")
        if not vector["valid"]:
            with pytest.raises(ValueError, match="message"):
                _native.split_eventstream(_bytes(vector))
            continue
        [(message_type, kind, payload)] = _native.split_eventstream(_bytes(vector))
        headers = decoded["headers"] if isinstance(decoded["headers"], dict) else {}
        assert message_type == headers.get(":message-type", ""), name
        assert kind == headers.get(":exception-type", headers.get(":error-code", "")), name
        if message_type != "error":
            assert payload == base64.b64decode(decoded.get("payload_base64", decoded.get("payload"))), name
    print(f"{len(vectors)} vectors pass")


def _bytes(vector: dict[str, Any]) -> bytes:
    if "encoded_base64" in vector:
        return base64.b64decode(vector["encoded_base64"])
    start, last = base64.b64decode(vector["encoded_head_base64"]), vector["construction"]["last4_base64"]
    return start.ljust(vector["encoded_length"] - 4, b"0") + base64.b64decode(last)


def _recorded() -> dict[str, tuple[bytes, list[Any]]]:
    folder = _needs(SHARED / "wire" / "dev" / "bedrock.converse")
    answers = [(path.stem, json.loads(path.read_bytes())["response"]) for path in sorted(folder.iterdir())]
    return {
        name: (base64.b64decode(answer["body_base64"]), answer["events"])
        for name, answer in answers
        if "body_base64" in answer
    }


def test_recorded_streams_are_split_as_botocore_splits_them() -> None:
    recorded = _recorded()
    for name, (wire, events) in recorded.items():
        split = _native.split_eventstream(wire)
        assert [(m, k) for m, k, _ in split] == [
            (e["headers"][":message-type"], e["headers"][":event-type"]) for e in events
        ], name
        again = [
            _native.eventstream_message(list(e["headers"].items()), p)
            for e, (_, _, p) in zip(events, split, strict=True)
        ]
        assert b"".join(again) == wire, name
    print(f"{len(recorded)} streams split")


def _script(wire: bytes, size: int) -> Any:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(head("200 OK", f"content-type: {TYPE}", "connection: close"))
        for at in range(0, len(wire), size):
            connection.send(wire[at : at + size])

    return script


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_messages_are_framed_and_tapped_however_they_are_cut(client: Client, size: int) -> None:
    wire = b"".join(STREAM)
    with peer(_script(wire, size)) as server:
        got = client.run(server.url, tap="bedrock.converse")
    assert [c[0] for c in got if c[0] != DATA] == [HEAD, TERMINAL, END]
    data = [c[1] for c in got if c[0] == DATA]
    assert b"".join(data) == b"".join(STREAM[:-1])
    for piece in data:
        assert _native.split_eventstream(piece)
    assert got[-2][1] == STREAM[-1]
    assert got[-1][1] == ("ok", b'{"inputTokens":3}', None, None, None, 1, 5, True, len(wire))


def test_an_exception_ends_the_answer(client: Client) -> None:
    headers = ((":exception-type", "throttlingException"), (":message-type", "exception"))
    exception = _native.eventstream_message(headers, b'{"message":"slow"}')
    with peer(_script(STREAM[0] + exception, 50)) as server:
        got = client.run(server.url, tap="bedrock.converse")
    assert got[-2][:2] == (TERMINAL, exception)
    captures = got[-1][1]
    assert (captures[0], captures[4]) == ("failed", b'{"__type":"throttlingException","message":"slow"}')


@pytest.mark.parametrize("bad", [EMPTY[:-1] + b"\0", b"event: x\ndata: 1\n\n"])
def test_a_broken_stream_fails_after_what_was_whole(client: Client, bad: bytes) -> None:
    with peer(_script(STREAM[0] + bad, 1000)) as server:
        got = client.run(server.url, tap="bedrock.converse")
    assert got[1] == (DATA, STREAM[0])
    assert got[-1][:2] == (FAILED, "protocol")
    assert "checksum" in got[-1][2]


def test_a_cut_message_is_left_out(client: Client) -> None:
    with peer(_script(STREAM[0] + STREAM[1][:-1], 1000)) as server:
        got = client.run(server.url, tap="bedrock.converse")
    assert got[1:-1] == [(DATA, STREAM[0])]
    assert got[-1][0] == END
    assert got[-1][1][-2:] == (False, len(STREAM[0] + STREAM[1]) - 1)


@pytest.mark.parametrize("size", [997, 1_000_000])
def test_a_tap_learns_what_its_twin_learns(client: Client, size: int) -> None:
    """Every recorded stream; the bytes go through unchanged."""
    recorded = _recorded()
    assert len(recorded) > 10
    for name, (wire, events) in recorded.items():
        with peer(_script(wire, size)) as server:
            got = client.run(server.url, tap="bedrock.converse")
        status, usage, usage2, model, error, deltas, _, finish_seen, body_bytes = got[-1][1]
        assert (status, usage2, model, error, finish_seen, body_bytes) == ("ok", None, None, None, True, len(wire)), (
            name
        )
        [metadata] = [e["payload"] for e in events if e["headers"][":event-type"] == "metadata"]
        assert json.loads(usage) == metadata["usage"], name
        assert deltas == sum(e["headers"][":event-type"] == "contentBlockDelta" for e in events), name
        assert b"".join(c[1] for c in got if c[0] in {DATA, TERMINAL}) == wire, name
    print(f"{len(recorded)} streams tapped")
