"""A provider that never stops talking: one endless Responses stream per request, as fast as it is read.

The first line on stdout is its port. Run by slow_readers.py.
"""

import asyncio

_EVENT = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,'
    b'"content_index":0,"delta":"' + b"word " * 200 + b'","sequence_number":1}\n\n'
)
_CHUNK = b"".join([b"%x\r\n" % (len(_EVENT) * 16), _EVENT * 16, b"\r\n"])


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(h.split(b":")[1]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0
        )
        await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            writer.write(_CHUNK)
            await writer.drain()
            await asyncio.sleep(0.005)
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
