"""A `generateContent` request → Turn. Model and stream come from the path.

Calls come without ids as often as with: then the place in the history makes one, so that equal histories give equal ids. A result
means the call of the turn before it with its id, else the first open one with its name, else the first open one (trap 12).
"""

from collections.abc import Iterator
from typing import Any, Final

from gateway.dataplane.wire.canon import Message, Part, Role, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import PathSays
from gateway.dataplane.wire.fields import as_array, as_object, child, fail, join, loads, rest, shown, text
from gateway.dataplane.wire.generate.config import read_config
from gateway.dataplane.wire.generate.names import NAME, camel
from gateway.dataplane.wire.generate.read_part import read_part
from gateway.dataplane.wire.generate.schema import may_be_openapi
from gateway.dataplane.wire.generate.tools import read_choice, read_tools
from gateway.dataplane.wire.translate.names import made_id
from gateway.dataplane.wire.translate.waiting import Waiting

_KNOWN: Final = frozenset(
    {
        "contents",
        "systemInstruction",
        "tools",
        "toolConfig",
        "generationConfig",
    }
)
_ROLES: Final[dict[str, Role]] = {"user": "user", "model": "assistant", "function": "user"}

HARMLESS: Final[dict[str, tuple[Any, ...]]] = {
    **dict.fromkeys(
        (
            "model",  # the path says it
            "labels", "store", "toolConfig.includeServerSideToolInvocations", "tools.parameters", "tools.parametersJsonSchema",
            "messages.role", "parts.functionCall.id", "parts.functionResponse.id", "parts.thoughtSignature",
            "parts.partMetadata",
        ),
        (),
    ),
    "generationConfig.candidateCount": (1,),
    "generationConfig.responseModalities": (["TEXT"],),
    "generationConfig.responseMimeType": ("text/plain",),
}  # fmt: skip
"""See `Codec.harmless`."""
PATHS: Final[dict[str, str]] = {
    "messages": "contents",
    "messages.content": "contents.parts",
    "messages.reasoning": "contents.thought",
    "messages.tool_call": "contents.functionCall",
    "messages.tool_result": "contents.functionResponse",
    "messages.tool_result.is_error": "contents.functionResponse.response.error",
    "system": "systemInstruction",
    "tool_choice": "toolConfig.functionCallingConfig",
    "thinking": "generationConfig.thinkingConfig",
    "format": "generationConfig.responseMimeType",
    "format.schema": "generationConfig.responseSchema",
    "max_output_tokens": "generationConfig.maxOutputTokens",
    "temperature": "generationConfig.temperature",
    "top_p": "generationConfig.topP",
    "top_k": "generationConfig.topK",
    "seed": "generationConfig.seed",
    "presence_penalty": "generationConfig.presencePenalty",
    "frequency_penalty": "generationConfig.frequencyPenalty",
    "stop": "generationConfig.stopSequences",
}
"""See `Codec.paths`."""


def read_turn(body: bytes, path: PathSays) -> Turn:
    """Raises BadRequest."""
    request = camel(as_object(loads(body), ""))
    turn = Turn(dialect=NAME, model=path.model, messages=_read_contents(request), is_stream=path.is_stream)
    turn.instructions = _read_instructions(request)
    turn.tools = read_tools(request, may_be_openapi=may_be_openapi(body))
    extra: dict[str, Any] = rest(request, _KNOWN) or {}
    if request.get("toolConfig") is not None:
        config = camel(child(request, "toolConfig", ""))
        turn.tool_choice = read_choice(config)
        kept = rest(config, frozenset({"functionCallingConfig"}))
        if kept or turn.tool_choice is None:
            extra["toolConfig"] = kept or {}
    unnamed = read_config(request, turn)
    if unnamed or request.get("generationConfig") == {}:
        extra["generationConfig"] = unnamed
    turn.extra = extra or None
    return turn


def _read_instructions(request: dict[str, Any]) -> Message | None:
    """`systemInstruction`; the role that SDKs put there means nothing and stays in `extra`."""
    if request.get("systemInstruction") is None:
        return None
    path = "systemInstruction"
    content = as_object(request["systemInstruction"], path)
    parts = [part for at, value in _parts(content, path) for part in read_part(value, at)]
    return Message(role="system", parts=parts, extra=rest(content, frozenset({"parts"})))


def _read_contents(request: dict[str, Any]) -> list[Message]:
    contents = request.get("contents")
    if isinstance(contents, dict):  # Google takes one object where it wants a list
        contents = [contents]
    if not contents:
        fail("contents", "is missing or empty; give it at least one content with a part")
    calls = _Calls()
    messages: list[Message] = []
    for index, value in enumerate(as_array(contents, "contents")):
        path = join("contents", index)
        content = as_object(value, path)
        written = text(content, "role", path, "user") or "user"
        role = _ROLES.get(written)
        if role is None:
            fail(join(path, "role"), f"must be `user` or `model`, not {shown(written)}")
        calls.begin(role)
        parts: list[Part] = []
        for at, part in _parts(content, path):
            for found in read_part(part, at):
                if isinstance(found, ToolCall):
                    calls.add(found, at)
                elif isinstance(found, ToolResult):
                    calls.match(found, at)
                parts.append(found)
        extra = rest(content, frozenset({"role", "parts"}))
        if written == "function":
            extra = {**(extra or {}), "role": written}
        messages.append(Message(role=role, parts=parts, extra=extra))
    return messages


def _parts(content: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """The parts with their paths. Google takes one object where it wants a list."""
    parts = content.get("parts")
    path = join(path, "parts")
    if isinstance(parts, dict):
        parts = [parts]
    if not parts:
        fail(path, "is missing or empty; every content needs at least one part")
    for index, part in enumerate(as_array(parts, path)):
        yield join(path, index), part


class _Calls:
    """Gives calls their ids, and results those of their calls. `_open` are the calls of the last model turn without a result."""

    def __init__(self) -> None:
        self._open = Waiting()
        self._used: set[str] = set()
        self._was: Role = "user"

    def begin(self, role: Role) -> None:
        """The next content."""
        if role == "assistant" and self._was != "assistant":
            self._open = Waiting()
        self._was = role

    def add(self, call: ToolCall, path: str) -> None:
        written = call.id
        if not written or written in self._used:
            call.id = made_id(path, len(self._used))
            if written:  # the canon wants ids that are unique; the client's own goes back to Gemini
                extra = call.extra or {}
                call.extra = {**extra, "functionCall": {**extra.get("functionCall", {}), "id": written}}
        self._used.add(call.id)
        self._open.add(call.id, call.name, written)

    def match(self, result: ToolResult, path: str) -> None:
        written = result.call_id
        found = self._open.by_id(written) if written else ""
        found = found or self._open.by_name(result.name) or self._open.first()
        result.call_id = found or written or made_id(path, len(self._used))
        if written and written != result.call_id:
            extra = result.extra or {}
            result.extra = {**extra, "functionResponse": {**extra.get("functionResponse", {}), "id": written}}
