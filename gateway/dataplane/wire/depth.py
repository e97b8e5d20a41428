"""How deep the JSON may nest that is translated. Deeper texts are refused, or not read: decoding and encoding them would end in
Python's own limit (1000 calls), wherever that happens to be met.

Bodies are bounded by `server.limits.json_depth` too; this bounds what stands in strings (arguments, schemas), what providers send, and
bodies where that limit was raised for those that only pass through.
"""

from typing import Final

from gateway import _native

LEVELS: Final = 512


def is_too_deep(text: bytes | str) -> bool:
    """Whether JSON nests deeper than LEVELS. What is no JSON is not too deep, unless it is so before it breaks."""
    if len(text) <= LEVELS:  # as most events and arguments are
        return False
    try:
        _native.scan_object(text.encode("utf-8", "replace") if isinstance(text, str) else text, (), LEVELS)
    except _native.JsonError as exc:
        return exc.kind == "too_deep"
    return False
