"""Parts of a message's content: read with errors by JSON path; written in OpenAI's words.

Sources: OpenAI's API reference (text, refusal, image_url, input_audio, file); OpenRouter, Moonshot and Z.AI (`video_url`); Mistral
(`document_url`, `thinking`).
"""

from collections.abc import Callable
from typing import Any, NoReturn

from gateway.dataplane.wire.canon import Media, Opaque, Part, Reasoning, Refusal, Text
from gateway.dataplane.wire.fields import (
    as_array,
    as_object,
    as_text,
    child,
    fail,
    join,
    needed_text,
    rest,
    shown,
    text,
)
from gateway.dataplane.wire.translate.media import data_url, is_web, split_data_url

_OF_FORMAT = {"mp3": "audio/mpeg"}
_FORMAT = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mp4": "m4a"}
_TYPED = frozenset({"type", "cache_control"})
_OTHERS = frozenset({"file_url", "reference", "input_file", "image_file"})
"""Parts of single vendors that are carried as they are."""


# === reading ===


def read_content(value: Any, path: str) -> tuple[list[Part], bool]:
    """`content` as parts, and whether it was a bare string. Raises BadRequest."""
    if isinstance(value, str):
        return ([Text(text=value)] if value else []), True
    if value is None:
        return [], False
    return [read_part(one, join(path, at)) for at, one in enumerate(as_array(value, path))], False


def read_part(value: Any, path: str) -> Part:
    """One part of a content array. Raises BadRequest."""
    if isinstance(value, str):  # some SDKs send bare strings inside the array
        return Text(text=value)
    part = as_object(value, path)
    kind = needed_text(part, "type", path)
    read = _READ.get(kind)
    if read is None:
        if kind in _OTHERS:
            return Opaque(kind=kind, value=part)
        _unknown(kind, path)
    found = read(part, path)
    if found.cache == "":
        found.cache = read_cache(part, path)
    if found.extra is None:
        found.extra = rest(part, _TYPED | {kind})
    return found


def read_cache(node: dict[str, Any], path: str) -> Any:
    """`cache_control` (OpenRouter, LiteLLM: Anthropic's form): its time to live. Raises BadRequest."""
    control = child(node, "cache_control", path)
    if not control:
        return ""
    return "1h" if text(control, "ttl", join(path, "cache_control")) == "1h" else "5m"


def _unknown(kind: str, path: str) -> NoReturn:
    known = ", ".join(f"`{one}`" for one in sorted(_READ))
    fail(join(path, "type"), f"is {shown(kind)}; one of {known} is served")


def _text(part: dict[str, Any], path: str) -> Part:
    return Text(text=needed_text(part, "text", path))


def _refusal(part: dict[str, Any], path: str) -> Part:
    return Refusal(text=needed_text(part, "refusal", path))


def _image(part: dict[str, Any], path: str) -> Part:
    value = part.get("image_url")
    if isinstance(value, str):  # the form of 2023, still taken by OpenAI
        return _by_url("image", value)
    path = join(path, "image_url")
    image = as_object(value, path)
    found = _by_url("image", needed_text(image, "url", path))
    found.detail = text(image, "detail", path)
    more = rest(image, frozenset({"url", "detail"}))
    found.extra = {"image_url": more} if more else None
    return found


def _audio(part: dict[str, Any], path: str) -> Part:
    audio = child(part, "input_audio", path)
    path = join(path, "input_audio")
    form = text(audio, "format", path)
    return Media(
        kind="audio", data=needed_text(audio, "data", path), mime=_OF_FORMAT.get(form, f"audio/{form}" if form else "")
    )


def _file(part: dict[str, Any], path: str) -> Part:
    file = child(part, "file", path)
    path = join(path, "file")
    data = text(file, "file_data", path)
    found = _by_url("document", data) if data.startswith("data:") or is_web(data) else Media(kind="document", data=data)
    found.file_id, found.name = text(file, "file_id", path), text(file, "filename", path)
    if not data and not found.file_id:
        fail(path, "needs `file_data` or `file_id`")
    return found


def _video(part: dict[str, Any], path: str) -> Part:
    video = child(part, "video_url", path)
    return _by_url("video", needed_text(video, "url", join(path, "video_url")))


def _document(part: dict[str, Any], path: str) -> Part:
    value = part.get("document_url")
    url = value.get("url") if isinstance(value, dict) else value
    return _by_url("document", as_text(url, join(path, "document_url")))


def _thinking(part: dict[str, Any], path: str) -> Part:
    thought = part.get("thinking")
    if isinstance(thought, str):
        return Reasoning(text=thought)
    path = join(path, "thinking")
    pieces = [text(as_object(one, path), "text", path) for one in as_array(thought, path)]
    return Reasoning(text="".join(pieces))


def _by_url(kind: Any, url: str) -> Media:
    mime, data = split_data_url(url)
    return Media(kind=kind, data=data, mime=mime) if data else Media(kind=kind, url=url)


_READ: dict[str, Callable[[dict[str, Any], str], Part]] = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "video_url": _video,
    "document_url": _document,
    "thinking": _thinking,
}


# === writing ===


def written_image(image: Media, extra: dict[str, Any]) -> dict[str, Any]:
    """An `image_url` part."""
    inner: dict[str, Any] = {"url": data_url(image)}
    if image.detail:
        inner["detail"] = image.detail
    inner.update(extra.get("image_url", {}))
    return {"type": "image_url", "image_url": inner}


def written_audio(audio: Media) -> dict[str, Any]:
    """An `input_audio` part."""
    form = _FORMAT.get(audio.mime) or audio.mime.rpartition("/")[2]
    return {"type": "input_audio", "input_audio": {"data": audio.data, "format": form}}


def written_file(document: Media) -> dict[str, Any]:
    """A `file` part, by its bytes or its id."""
    inner: dict[str, Any] = {}
    if document.name or document.data:
        inner["filename"] = document.name or f"document.{document.mime.rpartition('/')[2] or 'pdf'}"
    if document.file_id:
        inner = {"file_id": document.file_id, **({"filename": document.name} if document.name else {})}
    elif document.mime or document.url:
        inner["file_data"] = data_url(document)
    else:
        inner["file_data"] = document.data
    return {"type": "file", "file": inner}
