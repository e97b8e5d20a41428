"""OpenAI's annotations as citations, and citations as annotations. Trap 37."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Citation
from gateway.dataplane.wire.lenient import count, string

_OURS: Final = frozenset({"file_citation", "container_file_citation", "file_path"})


def citation_of(raw: Any) -> Citation:
    """An annotation; of those of files only `raw` is there."""
    if not isinstance(raw, dict) or raw.get("type") != "url_citation":
        return Citation(raw=raw)
    return Citation(
        raw=raw,
        url=string(raw, "url"),
        title=string(raw, "title"),
        start=count(raw, "start_index"),
        end=count(raw, "end_index"),
    )


def annotation_of(citation: Citation, chars: int) -> dict[str, Any] | None:
    """An annotation of the text so far (`chars` of it); None when the citation names neither a page nor is OpenAI's own.

    Those that do not say where in the answer they belong stand after what they prove.
    """
    raw = citation.raw if isinstance(citation.raw, dict) else {}
    if str(raw.get("type")) in _OURS:
        return raw
    if not citation.url:
        return None
    own = raw if raw.get("type") == "url_citation" and "url" in raw else {}
    return {
        **own,
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title,
        "start_index": max(citation.start, 0),
        "end_index": citation.end if citation.end >= 0 else chars,
    }
