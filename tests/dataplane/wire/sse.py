"""Server-sent events, read by the book and by no code of ours."""


def events(stream: bytes) -> list[tuple[str, bytes]]:
    """(event, data) of every event; comments are skipped. Raises ValueError for a stream that ends inside an event."""
    found: list[tuple[str, bytes]] = []
    name, data = "", list[str]()
    *lines, last = stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if last:
        raise ValueError(f"the stream ends inside a line: {last[-80:]!r}")
    for line in lines:
        if not line:
            if data:
                found.append((name, "\n".join(data).encode()))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
    if data:
        raise ValueError(f"the stream ends inside an event: {data}")
    return found
