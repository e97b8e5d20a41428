"""Gemini's errors that stand bare among the events of a stream: framed, tapped and split however the bytes come."""

import pytest

from gateway import _native
from tests.native.peers import Client, Connection, peer

DATA, END = 1, 3
CHUNK = b'data: {"candidates":[{"content":{"parts":[{"text":"Hel"}]}}]}\r\n\r\n'
ERROR = b'{"error":{"code":503,"message":"over}\\"{loaded","status":"UNAVAILABLE"}}'
RAW = ERROR[len(b'{"error":') : -1]


@pytest.mark.parametrize("after", [b"", b"\n", b"\r\n\r\n", CHUNK], ids=repr)
@pytest.mark.parametrize("tap", ["gemini.generate", "openai.chat"])
def test_an_error_goes_on_and_is_learnt_by_geminis_tap_alone(client: Client, tap: str, after: bytes) -> None:
    """Byte by byte as it came, also when the body ends right after it; no other dialect knows such a thing."""

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.start_events()
        wire = CHUNK + ERROR + after
        for at in range(len(wire)):
            connection.send(wire[at : at + 1])

    with peer(script) as server:
        got = client.run(server.url, tap=tap)
    assert got[-1][0] == END
    status, *_, error, _, _, _, body_bytes = got[-1][1]
    passed = b"".join(c[1] for c in got if c[0] == DATA)
    assert body_bytes == len(CHUNK + ERROR + after)
    if tap == "gemini.generate":
        assert (status, error, passed) == ("failed", RAW, CHUNK + ERROR + after)
    else:
        ends_in_blank_line = after.endswith(b"\r\n\r\n")
        assert (status, error, passed) == ("none", None, CHUNK + (ERROR + after if ends_in_blank_line else b""))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (ERROR, [ERROR]),
        (CHUNK + ERROR + CHUNK, [CHUNK[6:-4], ERROR, CHUNK[6:-4]]),
        (b'{\n  "error": {\n    "code": 429\n  }\n}\n\n', [b'{\n  "error": {\n    "code": 429\n  }\n}']),
        (b'{"candidates":[]}\n\n' + CHUNK, [CHUNK[6:-4]]),  # no error: lines that say nothing
        (b'{"error":{}\n\n}' + CHUNK, []),  # a blank line ends it, as it ends every event
        (b'{"error":tru}\n\n', []),
        (b' {"error":1}\n\n', []),
        (ERROR[:-1], []),
    ],
)
def test_bare_errors_are_split_where_they_are_asked_for(data: bytes, wanted: list[bytes]) -> None:
    assert _native.split_sse(data, takes_bare_errors=True) == [("", payload) for payload in wanted]
    assert ERROR not in [payload for _, payload in _native.split_sse(data)]
