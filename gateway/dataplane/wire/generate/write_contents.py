"""A conversation of another dialect → `contents` and `systemInstruction`. Traps 6, 12, 13, 21, 24, 30, 34.

It comes arranged (`translate/arrange.py`): every call has its result, in the message after it.

- messages of one role are one content, but the results of calls stand alone in theirs, right after the calls and in their order;
- system and developer messages go the way of `translate.instructions`;
- thinking goes back only to whom it came from; a call of Gemini 3 without a signature gets the word that skips the check, in every
  model turn, so that the contents do not change when a turn ends (prefix caches);
- filler stands only where Google refuses its absence: before a model's first content, and beside media without a word.
"""

from typing import Final

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import Media, Message, Opaque, Reasoning, Refusal, Text, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.generate.names import DUMMY_SIGNATURE, is_from_3
from gateway.dataplane.wire.generate.write_part import (
    Json,
    arguments_json,
    media_part,
    response_part,
)
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.instructions import count_leading, is_instruction, reminder
from gateway.dataplane.wire.translate.losses import name_of
from gateway.dataplane.wire.translate.reasoning import report_unsent, same_origin

_FILLER: Final = " "


def write_instructions(turn: Turn, report: Report) -> Json | None:
    """`systemInstruction`: the instructions, and the system messages that the conversation begins with."""
    leading = turn.messages[: count_leading(turn.messages)]
    parts: list[Json] = []
    for message in (*([turn.instructions] if turn.instructions else []), *leading):
        for part in message.parts:
            if isinstance(part, Text):
                if part.text:
                    parts.append({"text": part.text})
            elif name_of(part) != "billing_header":  # Claude Code's own, of no meaning elsewhere (trap 32)
                report.drop(f"{message.role}.{name_of(part)}")
    return {"parts": parts} if parts else None


def write_contents(turn: Turn, target: Target, report: Report) -> list[Json]:
    """`contents`; at least one. Raises BadRequest when nobody says anything."""
    if turn.instructions is None and not any(map(_is_said, turn.messages)):
        raise BadRequest("`messages` has nothing for the model; it needs at least one message", param="messages")
    writer = _Contents(target, report)
    count = count_leading(turn.messages)
    for index, message in enumerate(turn.messages[count:], count):
        writer.message(message, f"messages[{index}]")
    return writer.end()


def _is_said(message: Message) -> bool:
    """Whether a message is more than what only its dialect knows, which stays behind."""
    return not message.parts or any(not isinstance(part, Opaque) for part in message.parts)


class _Contents:
    """`_model` and `_user` are the parts of the content that grows; `_results` stand in for calls of the model content before.
    `_is_proven`: the last model content needs no signature any more."""

    def __init__(self, target: Target, report: Report) -> None:
        self._target, self._report = target, report
        self._contents: list[Json] = []
        self._model: list[Json] = []
        self._user: list[Json] = []
        self._calls: dict[str, ToolCall] = {}
        self._results: dict[str, tuple[ToolResult, str]] = {}
        self._signature = ""
        self._is_proven = False

    def message(self, message: Message, what: str) -> None:
        """The next message."""
        if message.role == "assistant":
            if self._user or self._results:
                self._end_user()
            for part in message.parts:
                self._model_part(part, what)
            return
        self._end_model()
        for part in message.parts:
            if isinstance(part, Text | Refusal):
                if part.text:
                    words = reminder(part.text) if is_instruction(message) else part.text
                    self._user.append({"text": words})
            elif isinstance(part, Media):
                self._user.append(media_part(part, what, self._report))
            elif isinstance(part, ToolResult):
                self._result(part, what)
            elif isinstance(part, ToolCall | Reasoning):
                self._report.drop(f"{what}.{name_of(part)}", "not_the_models")

    def end(self) -> list[Json]:
        """All contents."""
        self._end_model()
        self._end_user()
        if not self._contents or self._contents[0]["role"] == "model":
            self._contents.insert(0, {"role": "user", "parts": [{"text": _FILLER}]})
        return self._contents

    # --- the model's side ---

    def _model_part(self, part: object, what: str) -> None:
        if isinstance(part, Reasoning):
            self._reasoning(part)
        elif isinstance(part, Text | Refusal):
            if part.text:
                self._model_piece({"text": part.text})
        elif isinstance(part, ToolCall):
            self._calls[part.id] = part
            self._model_piece({"functionCall": {"name": part.name, "args": arguments_json(part)}})
        elif isinstance(part, Media):
            self._model_piece(media_part(part, what, self._report))
        elif isinstance(part, ToolResult):
            self._report.drop(f"{what}.tool_result", "not_the_users")
        # an Opaque of another dialect has been reported on the road

    def _model_piece(self, piece: Json) -> None:
        if self._signature:
            piece["thoughtSignature"] = self._signature
            self._signature = ""
        self._model.append(piece)

    def _reasoning(self, part: Reasoning) -> None:
        """Signatures of other makers are gone by now; what is left of those is text, which is never shown as an answer."""
        if not same_origin(part.origin, self._target.origin):
            if part.text or part.summary or part.signature:
                report_unsent(part, self._target, self._report)
            return
        if part.is_bound or not part.text:
            if part.signature:
                self._lone_signature()
                if part.extra is None:
                    self._signature = part.signature
                else:  # it stood alone (generate/reader.py)
                    self._model.append({**part.extra, "thoughtSignature": part.signature})
            return
        self._lone_signature()
        piece: Json = {"text": part.text, "thought": True}
        if part.signature:
            piece["thoughtSignature"] = part.signature
        self._model.append(piece)

    def _lone_signature(self) -> None:
        """A signature with nothing of its own to stand on: an empty text, as Google's streams have it."""
        if self._signature:
            self._model.append({"text": "", "thoughtSignature": self._signature})
            self._signature = ""

    def _end_model(self) -> None:
        self._lone_signature()
        if not self._model:
            return
        parts, self._model = self._model, []
        if self._contents and self._contents[-1]["role"] == "model":  # nothing was left of what the user said between
            self._contents[-1]["parts"] += parts
        else:
            self._contents.append({"role": "model", "parts": parts})
            self._is_proven = not is_from_3(self._target.model)
        first = None if self._is_proven else next((part for part in parts if "functionCall" in part), None)
        if first is not None:
            first.setdefault("thoughtSignature", DUMMY_SIGNATURE)
            self._is_proven = True

    # --- the user's side ---

    def _result(self, result: ToolResult, what: str) -> None:
        if result.call_id in self._calls and result.call_id not in self._results:
            self._results[result.call_id] = (result, what)
        else:
            self._report.drop(f"{what}.tool_result", "no_such_call")

    def _end_user(self) -> None:
        """Results first and alone: Gemini 3 refuses other parts beside them, Google all that stands between call and result."""
        responses: list[Json] = []
        following: list[Json] = []
        for call_id, call in self._calls.items():
            found = self._results.get(call_id)
            if found is not None:
                response, after = response_part(found[0], call.name, self._target.model, found[1], self._report)
                responses.append(response)
                following += after
        self._calls, self._results = {}, {}
        if responses:
            self._contents.append({"role": "user", "parts": responses})
        parts = [*following, *self._user]
        self._user = []
        if not parts:
            return
        if all("text" not in part for part in parts):  # "it must have a text parameter"
            parts.append({"text": _FILLER})
        last: Json = self._contents[-1] if self._contents else {"role": ""}
        if (
            last["role"] == "user" and "functionResponse" not in last["parts"][0]
        ):  # what the model said between was empty
            last["parts"] += parts
        else:
            self._contents.append({"role": "user", "parts": parts})
