"""Canonical parts → parts of a request's content."""

import base64
from typing import Any, Final

import msgspec

from gateway.dataplane.wire.canon import Media, Text, ToolCall, ToolResult
from gateway.dataplane.wire.depth import is_too_deep
from gateway.dataplane.wire.generate.names import is_from_3
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import GOOGLES, left_out
from gateway.dataplane.wire.translate.unwrap import arguments_object

Json = dict[str, Any]

_MIMES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp4": "video/mp4",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
}
"""Vertex wants a type with every gs:// object; this is for those whose client gave none."""
_RESULT_MIMES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
"""What may stand inside a functionResponse (ai.google.dev "Function calling", multimodal function responses)."""


def arguments_json(call: ToolCall) -> msgspec.Raw:
    """A call's `args`: an object on one line, its numbers as they were written."""
    text = call.arguments.strip()
    if call.kind != "custom" and text[:1] == "{" and not is_too_deep(text):
        try:
            return msgspec.Raw(msgspec.json.format(text, indent=-1).encode())
        except msgspec.DecodeError:
            pass
    return msgspec.Raw(msgspec.json.encode(arguments_object(call)))


def media_part(media: Media, what: str, report: Report) -> Json:
    """`inlineData` or `fileData`; for what Google can neither take nor fetch a word, and a report, where `what` names it."""
    if media.detail in ("low", "high", "original"):
        report.drop(f"{what}.detail")
    if media.data:
        return {"inlineData": {"mimeType": media.mime or "application/octet-stream", "data": media.data}}
    if media.text:
        data = base64.b64encode(media.text.encode("utf-8", "replace")).decode()
        return {"inlineData": {"mimeType": media.mime or "text/plain", "data": data}}
    if not media.url.startswith(GOOGLES):
        report.drop(f"{what}.{media.kind}", "not_inlined" if media.url else "file_of_another_vendor")
        return {"text": left_out(media)}
    mime = media.mime or _MIMES.get(media.url.rpartition(".")[2].lower(), "")
    return {"fileData": {"mimeType": mime, "fileUri": media.url} if mime else {"fileUri": media.url}}


def response_part(result: ToolResult, name: str, model: str, what: str, report: Report) -> tuple[Json, list[Json]]:
    """A result for Google, and the media of it that must follow in a content of its own, with words that say whose they are."""
    texts: list[str] = []
    inside: list[Json] = []
    after: list[Json] = []
    for part in result.parts:
        if isinstance(part, Text):
            texts.append(part.text)
        elif isinstance(part, Media):
            piece = media_part(part, what, report)
            if "text" in piece:
                texts.append(piece["text"])
            elif is_from_3(model) and "inlineData" in piece and piece["inlineData"]["mimeType"] in _RESULT_MIMES:
                inside.append(piece)
            else:
                after += ({"text": f"[{part.kind} returned by the tool {name}]"}, piece)
        else:
            report.drop(f"{what}.{part.kind}")
    value = result.value
    if value is None:
        words = "\n".join(texts) if texts or not (inside or after) else "(see the attached media)"
        value = {"error" if result.is_error else "output": words}
    elif result.is_error and "error" not in value:
        value = {"error": value}
    response: Json = {"name": name, "response": value}
    if inside:
        response["parts"] = inside
    return {"functionResponse": response}, after
