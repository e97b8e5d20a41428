"""Links in an answer that could carry data away: what is fetched as soon as it is shown, what has much to tell in its query."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

_URL: Final = rb"(?:https?:)?//[^\s<>\"'`)\]\\]{3,4096}"
_LINK: Final = re.compile(
    rb"!\[[^\]\n]{0,300}\]\(\s{0,3}<?(?P<image>" + _URL + rb")"
    rb"|<img\b[^<>]{0,300}?\bsrc\s{0,3}=\s{0,3}\\?[\"']?(?P<tag>" + _URL + rb")"
    rb"|(?P<link>https?://[^\s<>\"'`)\]\\]{3,4096})",
    re.IGNORECASE,
)
_LONG_QUERY: Final = 100
_CODED: Final = re.compile(rb"[A-Za-z0-9+/_=%-]{40,}")
"""A part of a path that is no word: what somebody has encoded."""


def find_links(text: bytes, hosts: Sequence[str]) -> list[tuple[str, int, int]]:
    """(rule, start, end) of each; where `hosts` are named, each link to another one."""
    if b"//" not in text:
        return []
    found = []
    for link in _LINK.finditer(text):
        group = link.lastgroup or "link"
        rule = _rule(link.group(group), hosts, is_shown=group != "link")
        if rule:
            found.append((rule, *link.span(group)))
    return found


def _rule(url: bytes, hosts: Sequence[str], *, is_shown: bool) -> str:
    rest = url.partition(b"//")[2]
    authority = re.split(rb"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition(b"@")[2].partition(b":")[0].decode("ascii", "replace").lower().rstrip(".")
    if hosts:
        return (
            "" if any(fnmatchcase(host, one.lower()) for one in hosts) else "image-host" if is_shown else "foreign-host"
        )
    tail = rest[len(authority) :]
    query = tail.partition(b"?")[2]
    if is_shown:
        return "image-with-data" if query or _CODED.search(tail) else ""
    return "long-query" if len(query) >= _LONG_QUERY else ""
