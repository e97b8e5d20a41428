"""Citations of other dialects as OpenAI's annotations. Trap 37."""

from typing import Any, Final

_OURS: Final = frozenset({"file_citation", "container_file_citation", "file_path"})


def annotation_of(citation: Any, chars: int) -> dict[str, Any] | None:
    """An annotation of the text so far (`chars` of it); None when the citation names neither a page nor is OpenAI's own.

    Anthropic's citations of web pages have `url`, `title` and the cited words, but not where in the answer they belong: they stand
    after what they prove. Chat has the members of `url_citation` in an object of that name.
    """
    if not isinstance(citation, dict):
        return None
    if citation.get("type") in _OURS:
        return citation
    inner = citation.get("url_citation")
    page = inner if isinstance(inner, dict) else citation
    url = page.get("url")
    if not isinstance(url, str) or not url:
        return None
    title, start, end = page.get("title"), page.get("start_index"), page.get("end_index")
    own = citation if page is citation and citation.get("type") == "url_citation" else {}
    return {
        **own,
        "type": "url_citation",
        "url": url,
        "title": title if isinstance(title, str) else "",
        "start_index": start if isinstance(start, int) else 0,
        "end_index": end if isinstance(end, int) else chars,
    }
