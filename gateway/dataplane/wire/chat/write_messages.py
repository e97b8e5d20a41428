"""The conversation as Chat messages, for one target.

- A run of assistant messages (Responses has one per item) becomes one, since all calls of an answer stand in one message; so
  do results that came as parts of a user message become messages of their own right behind it (traps 6, 8).
- A tool message holds text only: what else a tool gave follows as a user message after the last result, marked on both
  sides (trap 34).
- Earlier reasoning goes where the target takes it, else nowhere; never into visible text (trap 24).
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from gateway.base.core.errors import BadRequest
from gateway.dataplane.wire.canon import (
    Media,
    Message,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Turn,
)
from gateway.dataplane.wire.chat.content import WriteContent, document_text
from gateway.dataplane.wire.chat.habits import NAME, host_of, model_of, place_of
from gateway.dataplane.wire.chat.reasoning import bound, provider_details
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.media import called
from gateway.dataplane.wire.translate.reasoning import report_unsent, same_origin, shown

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ERROR = "[tool error] "


class WriteMessages:
    """Writes one conversation."""

    def __init__(self, turn: Turn, target: Target, report: Report) -> None:
        self._turn, self._target, self._report = turn, target, report
        self._is_own = turn.dialect == NAME
        self._host, self._model, self._place = host_of(target), model_of(target), place_of(target)
        self._content = WriteContent(turn, target, report)
        self._out: list[dict[str, Any]] = []
        self._media: list[tuple[str, Media]] = []

    def all(self) -> list[dict[str, Any]]:
        """The messages, instructions first. Raises BadRequest when there are none."""
        if self._turn.instructions is not None and self._turn.instructions.parts:
            self._out.append({"role": "system", "content": self._content.of(self._turn.instructions)})
        run: list[Message] = []
        for message in self._turn.messages:
            if message.role == "assistant":
                if run and self._is_own:
                    self._assistant(run)
                    run = []
                run.append(message)
                continue
            if run:
                self._assistant(run)
                run = []
            self._other(message)
        if run:
            self._assistant(run)
            self._prefill(run)
        self._flush_media()
        if not self._out:
            if not self._turn.messages:
                raise BadRequest(
                    "the request holds no messages, and this model's provider needs at least one", param="messages"
                )
            self._out.append({"role": "user", "content": ""})  # blank, as it was
        return self._out

    # === user, system, tool ===

    def _other(self, message: Message) -> None:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        for result in results:
            self._result(result, message)
        if results:
            left: list[Part] = [part for part in message.parts if not isinstance(part, ToolResult)]
            if not left:
                return
            message = Message(role="user", parts=left)
        content = self._content.of(message)
        if content in (None, "", []) and not self._is_own:
            return
        self._flush_media()
        role = message.role
        if role == "developer" and not self._host.has_developer:
            role = "system"
        self._add({"role": role, "content": content, **self._extra(message)})

    def _add(self, message: dict[str, Any]) -> None:
        after = self._out[-1]["role"] if self._out else ""
        has_bridge = self._model.has_bridge and not self._target.is_official
        if has_bridge and message["role"] == "user" and after == "tool":
            self._out.append({"role": "assistant", "content": "OK"})
        self._out.append(message)

    def _result(self, result: ToolResult, message: Message) -> None:
        call_id = self._id(result.call_id)
        content: Any
        if self._is_own and not result.is_plain and result.value is None:
            content = [self._content.part(part) for part in result.parts]
        elif self._host.has_tool_images and any(isinstance(part, Media) for part in result.parts):
            content = [self._content.part(part) for part in result.parts if not isinstance(part, Opaque)]
        else:
            content = self._result_text(result)
        if result.is_error and isinstance(content, str):
            content = _ERROR + content
        self._out.append({"role": "tool", "tool_call_id": call_id, "content": content, **self._extra(message)})

    def _result_text(self, result: ToolResult) -> str:
        texts: list[str] = [] if result.value is None else [encode(result.value).decode()]
        for part in result.parts:
            if isinstance(part, Text):
                texts.append(part.text)
            elif isinstance(part, Opaque):
                texts.append(encode(part.value).decode())  # search results and the like: the model reads JSON as well
            elif words := document_text(part):
                texts.append(words)
            else:
                self._media.append((result.call_id, part))
                texts.append(f"[{called(part)}: see the next user message]")
        return "\n".join(texts)

    def _flush_media(self) -> None:
        if not self._media:
            return
        parts: list[dict[str, Any]] = []
        for call_id, media in self._media:
            parts += (
                {"type": "text", "text": f"[{called(media)} that tool call {self._id(call_id)} returned]"},
                self._content.part(media),
            )
        self._media = []
        self._add({"role": "user", "content": parts})

    # === assistant ===

    def _assistant(self, run: Sequence[Message]) -> None:
        self._flush_media()
        thoughts: list[Reasoning] = []
        content: list[Text | Refusal | Media | Opaque] = []
        calls: list[dict[str, Any]] = []
        texts: list[str] = []
        refusal = ""
        made: dict[str, Any] = {"role": "assistant", "content": None}
        proof: Reasoning | None = None
        for message in run:
            text = ""
            for part in message.parts:
                if isinstance(part, Reasoning):
                    if part.is_bound:
                        proof = part
                    else:
                        thoughts.append(part)
                    continue
                if isinstance(part, ToolCall):
                    calls.append(self._call(part))
                    self._prove(calls[-1], proof)
                elif isinstance(part, Refusal) and self._host.has_developer:
                    refusal += part.text
                elif not isinstance(part, ToolResult):
                    text += part.text if isinstance(part, Text | Refusal) else ""
                    content.append(part)
                    self._prove(made, proof)
                proof = None
            if text:
                texts.append(text)
            made.update(self._extra(message))
        made["content"] = self._assistant_content(run[0], content, texts)
        if refusal:
            made["refusal"] = refusal
        if self._is_own and (
            cited := [one.raw for part in content if isinstance(part, Text) for one in part.citations or ()]
        ):
            made["annotations"] = cited
        self._think(made, thoughts, has_calls=bool(calls))
        if calls:
            made["tool_calls"] = calls
        if made["content"] is not None or calls or refusal or self._is_own:
            self._out.append(made)
        elif thoughts and len(made) > 2:
            made["content"] = ""  # nothing but a thought: an assistant message needs content or calls
            self._out.append(made)

    def _assistant_content(
        self, first: Message, content: list[Text | Refusal | Media | Opaque], texts: list[str]
    ) -> Any:
        if self._is_own and not first.is_plain:
            return [self._content.part(part) for part in content] or None
        if any(isinstance(part, Media) for part in content):
            self._report.drop("messages.assistant.media", "not_by_an_assistant")
        return "\n\n".join(texts) or ("" if self._is_own else None)

    def _prove(self, made: dict[str, Any], proof: Reasoning | None) -> None:
        """Gemini's signature on its call or text, where Gemini is who gets it."""
        if proof is None:
            return
        if self._is_own or (self._target.vendor == "google" and same_origin(proof.origin, self._target.origin)):
            made["extra_content"] = bound(proof.signature)
        else:
            report_unsent(proof, self._target, self._report, "signature")

    def _call(self, call: ToolCall) -> dict[str, Any]:
        if call.kind == "custom":
            made: dict[str, Any] = {
                "id": self._id(call.id),
                "type": "custom",
                "custom": {"name": call.name, "input": call.arguments},
            }
        else:
            made = {
                "id": self._id(call.id),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments or "{}"},
            }
        if self._is_own and call.extra:
            made.update(call.extra)
        return made

    def _think(self, made: dict[str, Any], thoughts: list[Reasoning], *, has_calls: bool) -> None:
        own = [one for one in thoughts if self._is_from_there(one)]
        place = self._place or ("reasoning_content" if own else "never")
        if place == "never":
            for one in thoughts:
                report_unsent(one, self._target, self._report, "not_taken_back")
            return
        text = "".join(shown(one) for one in thoughts)
        if place == "details":
            self._details(made, thoughts)
        elif place == "parts":
            said = made["content"]
            after = [{"type": "text", "text": said}] if isinstance(said, str) and said else said or []
            if text:
                made["content"] = [*(self._content.part(one) for one in thoughts if one.text), *after]
        elif text or (has_calls and (self._model.needs_reasoning or self._host.needs_reasoning)):
            made[place] = text
        for one in thoughts if not text and place != "details" else ():
            report_unsent(one, self._target, self._report, "without_words")

    def _details(self, made: dict[str, Any], thoughts: list[Reasoning]) -> None:
        """OpenRouter proves signatures with the model's vendor: only what it can know goes there as a proof."""
        kept: list[Reasoning] = []
        for one in thoughts:
            if not one.signature or self._is_own or same_origin(one.origin, self._target.origin):
                kept.append(one)
            else:
                report_unsent(one, self._target, self._report)
        if details := provider_details(kept):
            made["reasoning_details"] = details

    def _is_from_there(self, thought: Reasoning) -> bool:
        """From this very maker; or the client itself speaks Chat and wrote it in the clear."""
        if same_origin(thought.origin, self._target.origin):
            return True
        return self._is_own and not thought.origin

    def _prefill(self, run: Sequence[Message]) -> None:
        """The conversation ends with words to go on from: few can."""
        if self._is_own or not self._out or self._out[-1]["role"] != "assistant" or "tool_calls" in self._out[-1]:
            return
        if self._target.provider in ("mistral", "codestral"):
            self._out[-1]["prefix"] = True
        elif any(isinstance(part, Text) for message in run for part in message.parts):
            self._report.drop("messages", "prefill")

    def _extra(self, message: Message) -> dict[str, Any]:
        return message.extra or {} if self._is_own else {}

    def _id(self, call_id: str) -> str:
        """`call_id` as the model's family wants it; equal ids stay equal."""
        count = self._model.call_id_chars
        if not count or (len(call_id) == count and call_id.isascii() and call_id.isalnum()):
            return call_id
        number = int.from_bytes(sha256(call_id.encode()).digest()[:12])
        made = ""
        for _ in range(count):
            number, digit = divmod(number, len(_ALPHABET))
            made += _ALPHABET[digit]
        return made
