"""Content parts of messages and tool outputs, from Responses to the canon.

A part whose type is not the usual one of its place keeps it in `extra["type"]`. Parts of unknown types are Opaque.
"""

from collections.abc import Callable
from typing import Any, Literal

from gateway.dataplane.wire.canon import Media, Opaque, Part, Refusal, Text
from gateway.dataplane.wire.fields import array, as_object, child, fail, join, needed_text, text
from gateway.dataplane.wire.responses.citations import citation_of
from gateway.dataplane.wire.responses.names import IN_CONTENT, left
from gateway.dataplane.wire.translate.media import split_data_url

_TEXT = frozenset({"type", "text", "annotations"})
_REFUSAL = frozenset({"type", "refusal"})
_IMAGE = frozenset({"type", "image_url", "file_id", "detail"})
_FILE = frozenset({"type", "file_data", "file_url", "file_id", "filename", "detail"})
_AUDIO = frozenset({"type", "input_audio"})


def read_parts(content: list[Any], path: str, usual: str) -> list[Part]:
    """Parts of a content list. `usual` is the type of text there: `input_text` or `output_text`."""
    parts: list[Part] = []
    for at, raw in enumerate(content):
        if type(raw) is dict and len(raw) == 2 and raw.get("type") == usual and type(raw.get("text")) is str:
            parts.append(Text(text=raw["text"]))
            continue
        where = f"{path}[{at}]"
        obj = as_object(raw, where)
        kind = needed_text(obj, "type", where)
        reader = _READERS.get(kind)
        parts.append(reader(obj, where, usual) if reader else Opaque(kind=kind, value=obj, extra=IN_CONTENT))
    return parts


def _text(obj: dict[str, Any], path: str, usual: str) -> Part:
    words = needed_text(obj, "text", path)
    extra = left(obj, _TEXT)
    if obj["type"] != usual:
        extra = {**(extra or {}), "type": obj["type"]}
    given = array(obj, "annotations", path) if obj.get("annotations") is not None else None
    citations = None if given is None else [citation_of(one) for one in given]
    return Text(text=words, citations=citations, extra=extra, cache=_breakpoint(obj))


def _refusal(obj: dict[str, Any], path: str, _usual: str) -> Part:
    return Refusal(text=needed_text(obj, "refusal", path), extra=left(obj, _REFUSAL))


def _image(obj: dict[str, Any], path: str, _usual: str) -> Part:
    url, file_id = text(obj, "image_url", path), text(obj, "file_id", path)
    if not url and not file_id:
        fail(path, "needs `image_url` (a URL or a data URL) or `file_id`")
    mime, data = split_data_url(url)
    extra = left(obj, _IMAGE)
    if url and file_id:
        extra = {**(extra or {}), "file_id": file_id}
    return Media(
        kind="image",
        data=data,
        mime=mime,
        url="" if data else url,
        file_id="" if url else file_id,
        detail=text(obj, "detail", path),
        extra=extra,
        cache=_breakpoint(obj),
    )


def _file(obj: dict[str, Any], path: str, _usual: str) -> Part:
    raw, url, file_id = text(obj, "file_data", path), text(obj, "file_url", path), text(obj, "file_id", path)
    if not raw and not url and not file_id:
        fail(path, "needs `file_data`, `file_url` or `file_id`")
    name, extra = text(obj, "filename", path), left(obj, _FILE)
    mime, data = split_data_url(raw)
    if raw and not data:  # some clients send bare base64; it is kept, since the canon's form of it is a data URL
        mime, data = _guessed_mime(name, raw), raw
        extra = {**(extra or {}), "file_data": raw}
    if data and (url or file_id):
        extra = {**(extra or {}), **{k: obj[k] for k in ("file_url", "file_id") if obj.get(k)}}
    return Media(
        kind="document",
        data=data,
        mime=mime,
        url="" if data else url,
        file_id="" if data or url else file_id,
        name=name,
        detail=text(obj, "detail", path),
        extra=extra,
        cache=_breakpoint(obj),
    )


def _audio(obj: dict[str, Any], path: str, _usual: str) -> Part:
    audio, where = child(obj, "input_audio", path), join(path, "input_audio")
    data, form = needed_text(audio, "data", where), needed_text(audio, "format", where)
    return Media(kind="audio", data=data, mime=f"audio/{form}", extra=left(obj, _AUDIO))


def _guessed_mime(name: str, data: str) -> str:
    if data.startswith("JVBERi0") or name.lower().endswith(".pdf"):  # "%PDF-" in base64
        return "application/pdf"
    return "text/plain" if name.lower().endswith((".txt", ".md", ".csv")) else "application/octet-stream"


def _breakpoint(obj: dict[str, Any]) -> Literal["", "5m", "1h"]:
    """`prompt_cache_breakpoint` lives at least 30 minutes, or 12 hours: the nearest that others sell by default, or the
    longest. The member itself stays in `extra`."""
    found = obj.get("prompt_cache_breakpoint")
    if found is None:
        return ""
    return "1h" if isinstance(found, dict) and found.get("ttl") == "12h" else "5m"


_READERS: dict[str, Callable[[dict[str, Any], str, str], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}
