"""Where an answer's words come from, as Citation objects: those of this dialect as they are, web addresses of others by their url."""

from typing import Any

_MEMBERS = frozenset({"title", "source", "sourceContent", "location"})


def written_citations(citations: list[Any] | None) -> list[dict[str, Any]]:
    """The citations that can be told here."""
    found = (_written(one) for one in citations or () if isinstance(one, dict))
    return [one for one in found if one is not None]


def _written(citation: dict[str, Any]) -> dict[str, Any] | None:
    if citation and citation.keys() <= _MEMBERS:
        return citation
    inner = citation.get("url_citation")  # Chat
    told = inner if isinstance(inner, dict) else citation
    url, title = told.get("url") or told.get("uri"), told.get("title") or told.get("document_title")
    if isinstance(url, str):
        location: dict[str, Any] = {"location": {"web": {"url": url}}}
        return {"title": title, **location} if isinstance(title, str) else location
    cited = told.get("cited_text")
    if not isinstance(cited, str):
        return None
    content: dict[str, Any] = {"sourceContent": [{"text": cited}]}
    return {"title": title, **content} if isinstance(title, str) else content
