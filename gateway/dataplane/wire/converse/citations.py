"""Where an answer's words come from, as Citation objects: those of this dialect as they are, of others what can be told."""

from typing import Any

from gateway.dataplane.wire.canon import Citation
from gateway.dataplane.wire.lenient import child, rows, string

_MEMBERS = frozenset({"title", "source", "sourceContent", "location"})


def citation_of(raw: Any) -> Citation:
    """Of a document there are its title and words, but no address."""
    if not isinstance(raw, dict):
        return Citation(raw=raw)
    return Citation(
        raw=raw,
        url=string(child(child(raw, "location"), "web"), "url"),
        title=string(raw, "title"),
        quote="".join(string(row, "text") for row in rows(raw, "sourceContent")),
    )


def written_citations(citations: list[Citation] | None) -> list[dict[str, Any]]:
    """The citations that can be told here."""
    found = (_written(one) for one in citations or ())
    return [one for one in found if one is not None]


def _written(citation: Citation) -> dict[str, Any] | None:
    raw = citation.raw
    if isinstance(raw, dict) and raw and raw.keys() <= _MEMBERS:
        return raw
    if not citation.url and not citation.quote:
        return None
    told: dict[str, Any] = {"title": citation.title} if citation.title else {}
    if citation.url:
        return {**told, "location": {"web": {"url": citation.url}}}
    return {**told, "sourceContent": [{"text": citation.quote}]}
