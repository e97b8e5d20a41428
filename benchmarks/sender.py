"""A provider for the question `sse_tap`: sends the same stream as one burst or event by event. The first line is its port."""

import contextlib
import socket
import time

EVENTS = 20_000
_DELTA = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_5f2a","output_index":0,'
    b'"content_index":0,"delta":"some text ","logprobs":[],"obfuscation":"a1B2c3","sequence_number":%d}\n\n'
)


def serve() -> None:
    """Answer GET /plain|sse/burst|each until killed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        events = [_DELTA % n for n in range(EVENTS - 1)]
        events.append(
            b'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":1}}}\n\n'
        )
        whole = b"".join(events)
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                path = client.recv(65_536).split(b" ", 2)[1]
                kind = b"text/event-stream" if b"/sse" in path else b"text/plain"
                client.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n" % (kind, len(whole))
                )
                if path.endswith(b"burst"):
                    client.sendall(whole)
                    continue
                for event in events:
                    client.sendall(event)
                    time.sleep(0)


if __name__ == "__main__":
    serve()
