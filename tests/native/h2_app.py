"""A small RSGI app that granian serves over TLS, so that the upstream client has an h2 peer."""

from typing import Any


async def app(scope: Any, protocol: Any) -> None:
    """`/echo` gives version and body back; `/events` streams five events; `/hang` streams one and waits; `/left` says
    how many clients have left a `/hang`."""
    global _left
    headers = [("content-type", "text/event-stream")]
    if scope.path == "/echo":
        body = await protocol()
        protocol.response_bytes(200, [], f"{scope.http_version}|".encode() + body)
    elif scope.path == "/left":
        protocol.response_str(200, [], str(_left))
    elif scope.path == "/events":
        transport = protocol.response_stream(200, headers)
        for i in range(5):
            await transport.send_str(f"data: {i}\n\n")
    else:
        transport = protocol.response_stream(200, headers)
        await transport.send_str("data: 0\n\n")
        await protocol.client_disconnect()
        _left += 1


_left = 0
