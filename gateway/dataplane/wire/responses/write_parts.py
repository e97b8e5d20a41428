"""Content parts, from the canon to Responses. Traps 22, 34, 35, 36.

`own` says that the turn came from Responses: then `extra` goes back, and nothing is changed. From other dialects, what OpenAI's
API has no part for is reported.
"""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from gateway.dataplane.wire.canon import Media, Opaque, Part, Refusal, Text
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.responses.names import put
from gateway.dataplane.wire.translate.media import data_url, is_web, left_out, words_of

_AUDIO_FORMATS = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
}
_EXTENSIONS = {"application/pdf": "pdf", "application/json": "json", "text/csv": "csv", "text/html": "html"}


def write_parts(parts: Iterable[Part], usual: str, own: bool, report: Report, path: str) -> list[dict[str, Any]]:
    """The content of a message or an output. `usual`: the type of text there."""
    out: list[dict[str, Any]] = []
    for part in parts:
        if isinstance(part, Text):
            if own:
                out.append(_own_text(part, usual))
            elif part.text:  # empty text is refused by some providers and says nothing
                out.append({"type": usual, "text": part.text})
        elif isinstance(part, Media):
            found = _own_media(part) if own else _foreign_media(part, usual, report, path)
            out.append(found or {"type": usual, "text": left_out(part)})
        elif isinstance(part, Refusal):
            out.append(put({"type": "refusal", "refusal": part.text}, part.extra if own else None))
        elif isinstance(part, Opaque) and own:  # of others `translate` reports them
            out.append(part.value)
    return out


def _own_text(part: Text, usual: str) -> dict[str, Any]:
    """A text as Responses wrote it."""
    obj: dict[str, Any] = {"type": usual, "text": part.text}
    if part.citations is not None:
        obj["annotations"] = [one.raw for one in part.citations]
    return put(obj, part.extra)


def _own_media(part: Media) -> dict[str, Any]:
    obj: dict[str, Any]
    if part.kind == "image":
        obj = {"type": "input_image"}
        if part.data or part.url:
            obj["image_url"] = data_url(part)
    elif part.kind == "audio":
        obj = {"type": "input_audio", "input_audio": {"data": part.data, "format": part.mime.partition("/")[2]}}
    else:
        obj = {"type": "input_file"}
        if part.data:
            obj["file_data"] = data_url(part)
        elif part.url:
            obj["file_url"] = part.url
        if part.name:
            obj["filename"] = part.name
    if part.file_id:
        obj["file_id"] = part.file_id
    if part.detail:
        obj["detail"] = part.detail
    return put(obj, part.extra)


# === from other dialects ===


def _foreign_media(part: Media, usual: str, report: Report, path: str) -> dict[str, Any] | None:
    if usual == "output_text":  # what a model drew or said before: no item of an assistant takes media
        report.drop(f"{path}.{part.kind}", "from_assistant")
        return None
    if part.file_id:
        report.drop(f"{path}.{part.kind}.file_id", "other_vendor")  # a file that only another provider has
        return None
    if part.url and not is_web(part.url):
        report.drop(f"{path}.{part.kind}.url", "unsupported_scheme")
        return None
    match part.kind:
        case "image":
            return _image(part)
        case "document":
            return _document(part)
        case "audio":
            form = _AUDIO_FORMATS.get(part.mime)
            if form and part.data:
                return {"type": "input_audio", "input_audio": {"data": part.data, "format": form}}
    report.drop(f"{path}.{part.kind}")
    return None


def _image(part: Media) -> dict[str, Any]:
    url = data_url(part if part.mime else replace(part, mime="image/png"))
    obj: dict[str, Any] = {"type": "input_image", "image_url": url}
    if part.detail:
        obj["detail"] = part.detail
    return obj


def _document(part: Media) -> dict[str, Any]:
    """Plain text becomes text, which every model reads; `input_file` wants a name beside its data."""
    if part.url:
        return {"type": "input_file", "file_url": part.url}
    words = words_of(part)
    if words:
        title = f' title="{part.name}"' if part.name else ""
        return {"type": "input_text", "text": f"<document{title}>\n{words}\n</document>"}
    mime = part.mime or "application/pdf"
    extension = _EXTENSIONS.get(mime) or mime.rpartition("/")[2]
    name = part.name or "document"
    if "." not in name:
        name = f"{name}.{extension}"
    return {"type": "input_file", "filename": name, "file_data": data_url(replace(part, mime=mime))}
