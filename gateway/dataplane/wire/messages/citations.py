"""Citations of Anthropic's: of web pages, search results and documents (the API reference, `TextCitation`)."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Citation
from gateway.dataplane.wire.lenient import string

_OURS: Final = frozenset(
    {
        "char_location",
        "page_location",
        "content_block_location",
        "web_search_result_location",
        "search_result_location",
    }
)


def citation_of(raw: Any) -> Citation:
    """Of a document there are its title and words, but no address."""
    if not isinstance(raw, dict):
        return Citation(raw=raw)
    url = string(raw, "url") or string(raw, "source")
    return Citation(
        raw=raw,
        url=url if url.startswith(("https://", "http://")) else "",
        title=string(raw, "title") or string(raw, "document_title"),
        quote=string(raw, "cited_text"),
    )


def citations_of(citations: list[Citation] | None) -> list[dict[str, Any]]:
    """Those of this dialect: a page that another one names has none of the proofs that Anthropic wants to see again when the
    conversation goes on there."""
    return [one.raw for one in citations or () if isinstance(one.raw, dict) and str(one.raw.get("type")) in _OURS]
