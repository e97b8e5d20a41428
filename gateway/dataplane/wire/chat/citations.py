"""Annotations of Chat: an object named like its type, `url_citation` (OpenAI; OpenRouter adds the page's words as `content`)."""

from typing import Any

from gateway.dataplane.wire.canon import Citation
from gateway.dataplane.wire.lenient import count, string


def citation_of(raw: Any) -> Citation:
    """An annotation; of what is none of a page only `raw` is there."""
    page = raw.get("url_citation") if isinstance(raw, dict) else None
    if not isinstance(page, dict):
        return Citation(raw=raw)
    return Citation(
        raw=raw,
        url=string(page, "url"),
        title=string(page, "title"),
        quote=string(page, "content"),
        start=count(page, "start_index"),
        end=count(page, "end_index"),
    )


def annotation_of(citation: Citation, begin: int, chars: int) -> dict[str, Any] | None:
    """An annotation for the client; None for what names no page. Its Text is what stands from `begin` to `chars` of the content."""
    if isinstance(citation.raw, dict) and "url_citation" in citation.raw:
        found: dict[str, Any] = citation.raw
        return found
    if not citation.url:
        return None
    page = {
        "url": citation.url,
        "title": citation.title,
        "start_index": begin + max(citation.start, 0),
        "end_index": begin + citation.end if citation.end >= 0 else chars,
    }
    return {"type": "url_citation", "url_citation": page}
