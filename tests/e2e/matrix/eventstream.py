"""AWS event streams, read by the book."""

import json
import struct
from binascii import crc32
from typing import Any


def frames(body: bytes) -> list[tuple[dict[str, str], Any]]:
    """(headers, payload) of every message of an AWS event stream; checks lengths and both checksums."""
    found: list[tuple[dict[str, str], Any]] = []
    while body:
        total, head, sum_of_prelude = struct.unpack_from(">III", body)
        if crc32(body[:8]) != sum_of_prelude:
            raise ValueError("the prelude's checksum is wrong")
        message, body = body[:total], body[total:]
        if len(message) != total or crc32(message[:-4]) != struct.unpack(">I", message[-4:])[0]:
            raise ValueError("a message is cut or its checksum is wrong")
        payload = message[12 + head : -4]
        found.append((_headers(message[12 : 12 + head]), json.loads(payload) if payload else None))
    return found


def _headers(data: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    while data:
        size = data[0]
        name = data[1 : 1 + size].decode()
        if data[1 + size] != 7:
            raise ValueError(f"header {name} is no string")
        (length,) = struct.unpack_from(">H", data, 2 + size)
        found[name] = data[4 + size : 4 + size + length].decode()
        data = data[4 + size + length :]
    return found
