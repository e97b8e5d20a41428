"""Turns events, a fault and the knobs into timed writes and a way to end. Pure: the clock is `at_ms`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .context import UNTIMED, Event
from .knobs import Knobs
from .steps import Fault, Record

Write = tuple[float, bytes, int]
"""Not before this many ms after the headers; bytes; the tokens that were generated for it."""


class Delivery(Record, frozen=True):
    """What to send when, and what then: `end`, `cut` or `reset` the socket, or `stall` for `secs` and cut."""

    writes: tuple[Write, ...]
    ending: str = "end"
    secs: float = 0.0


def of_stream(
    events: Sequence[Event], fault: Fault, knobs: Knobs, tokens: int, failure: Callable[[int], bytes]
) -> Delivery:
    """Deliver a stream of `tokens`: the opening at once, the first delta after `first_token_ms`, then one per `token_ms`."""
    kept, ending = list(events), "end"
    cut = fault.kind == "cut"
    if fault.kind in ("in_stream_error", "stall") or (cut and fault.at is None):
        kept = kept[: fault.after]
    if fault.kind == "in_stream_error":
        kept.append((failure(len(kept)), UNTIMED))
    elif fault.kind == "stall":
        ending = "stall"
    elif cut:
        ending = "reset" if fault.reset else "cut"
    if cut and fault.at is not None:
        kept = _first_bytes(kept, fault.at)
    writes = _timed(kept, knobs)
    if fault.kind == "none" and writes:  # what was generated without a delta after it
        due, data, last = writes[-1]
        writes[-1] = (due, data, last + tokens - sum(t for _, _, t in writes))
    return Delivery(tuple(_sized(writes, knobs.chunk_bytes)), ending, fault.secs)


def of_json(body: bytes, fault: Fault, knobs: Knobs, tokens: int) -> Delivery:
    """Deliver one JSON body: it comes when its last token would have come. A cut without `at` is in the middle."""
    due = knobs.first_token_ms + knobs.token_ms * max(tokens - 1, 0)
    if fault.kind in ("cut", "stall"):
        body = body[: len(body) // 2 if fault.at is None else fault.at]
        ending = "stall" if fault.kind == "stall" else "reset" if fault.reset else "cut"
        return Delivery(((due, body, tokens),), ending, fault.secs)
    return Delivery(((due, body, tokens),))


def _timed(events: Sequence[Event], knobs: Knobs) -> list[Write]:
    """Events that leave together become one write."""
    if not knobs.first_token_ms and not knobs.token_ms:
        return [_together(0.0, events)] if events else []
    writes: list[Write] = []
    held: list[Event] = []
    due = number = 0.0
    for event in events:
        if event[1] != UNTIMED:
            if held:
                writes.append(_together(due, held))
            held, due = [], knobs.first_token_ms + number * knobs.token_ms
            number += 1
        held.append(event)
    if held:
        writes.append(_together(due, held))
    return writes


def _together(due: float, events: Sequence[Event]) -> Write:
    return due, b"".join(data for data, _ in events), sum(tokens for _, tokens in events if tokens != UNTIMED)


def _first_bytes(events: list[Event], size: int) -> list[Event]:
    kept: list[Event] = []
    for data, tokens in events:
        kept.append((data[:size], tokens))
        size -= len(data)
        if size <= 0:
            break
    return kept


def _sized(writes: list[Write], size: int) -> list[Write]:
    """Each write in pieces of `size` bytes, across event borders as a network would cut them."""
    if size < 1:
        return writes
    return [
        (due, data[i : i + size], 0 if i else tokens) for due, data, tokens in writes for i in range(0, len(data), size)
    ]
