"""Web pages that grounded an answer ⇄ citations. Which words each proves stands in byte offsets of the whole answer: not carried."""

from collections.abc import Iterable
from typing import Any

from gateway.dataplane.wire.canon import Citation
from gateway.dataplane.wire.lenient import child, rows, string


def pages_of(grounding: Any) -> list[Citation]:
    """The pages of a `groundingMetadata`, each once."""
    webs = [child(chunk, "web") for chunk in rows(grounding, "groundingChunks")] if isinstance(grounding, dict) else []
    found = {string(web, "uri"): string(web, "title") for web in webs}
    return [Citation(url=url, title=title) for url, title in found.items() if url]


def grounding_of(citations: Iterable[Citation]) -> dict[str, Any] | None:
    """The `groundingMetadata` that names the pages; None when there is none."""
    found = {one.url: one.title for one in citations if one.url}
    return (
        {"groundingChunks": [{"web": {"uri": url, "title": title}} for url, title in found.items()]} if found else None
    )
