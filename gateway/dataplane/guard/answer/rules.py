"""What a policy asks of answers, and the guard of one answer."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from gateway.base.config import GuardrailsConfig, mode_of, secrets_in_answers
from gateway.base.core.verdict import Action, Scanner
from gateway.dataplane.guard.answer.bits import STREAMS
from gateway.dataplane.guard.answer.calls import CallRules
from gateway.dataplane.guard.answer.hold import Hold
from gateway.dataplane.guard.answer.leak import leak_of
from gateway.dataplane.guard.answer.notes import Notes
from gateway.dataplane.guard.answer.texts import Texts
from gateway.dataplane.guard.answer.watch import Watch
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.redact import Marks
from gateway.dataplane.guard.scan import Scan


class AnswerGuard(Protocol):
    """Of one answer, in the client's dialect. `feed` takes whole events (of Gemini's array any bytes) and gives those that may go on;
    `end` gives the rest; `whole` takes an answer that is no stream. What they raise is GuardrailBlocked: the answer ends there."""

    fault: Exception | None
    """The guard's own, where the answer has passed all the same."""

    held_bytes: int
    """Of what was fed and has not left."""
    spent_s: float
    """How long it has looked."""
    last_words: bytes
    """What may still go on when the answer is ended."""

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...

    def whole(self, body: bytes) -> bytes: ...


class AnswerRules:
    """Of one policy; made once."""

    __slots__ = (
        "_actions",
        "_calls",
        "_fails_closed",
        "_hosts",
        "_is_acting",
        "_load",
        "_marks",
        "_restore",
        "_texts",
        "ran",
        "wants_system",
    )

    def __init__(self, config: GuardrailsConfig, marks: Marks, load: Callable[[], Scan]) -> None:
        answers, calls = config.answers, config.tool_calls
        asked: dict[Scanner, str] = {
            "secrets": secrets_in_answers(config.secrets),
            "pii": mode_of(config.pii.answers),
            "prompt_leak": mode_of(answers.prompt_leak),
            "links": mode_of(answers.links),
            "code": mode_of(answers.code),
        }
        self._actions: Mapping[Scanner, Action] = {
            name: _ACTIONS[mode] for name, mode in asked.items() if mode != "off"
        }
        mode = mode_of(calls.mode)
        self._calls: Final = None if mode == "off" else CallRules(
            action="log" if mode == "log" else "block",
            only_rules=frozenset(calls.allow),
            denied_paths=tuple(calls.paths),
            domains=tuple(calls.domains),
            tools=tuple(calls.tools),
            fails_closed=calls.fail == "closed",
        )  # fmt: skip
        self._texts: Texts | None = None
        """Where no answer needs its own."""
        self._restore = tuple(config.secrets.restore)
        self._hosts = tuple(answers.hosts)
        self._marks, self._load = marks, load
        self.ran: tuple[Scanner, ...] = (*self._actions, *(("tool_calls",) if self._calls else ()))
        self.wants_system = "prompt_leak" in self._actions
        """Whether `Inspection.system` is needed."""
        fails = {"secrets": config.secrets.fail, "pii": config.pii.fail}
        acting = [name for name, action in self._actions.items() if action != "log"]
        self._is_acting = bool(acting) or (self._calls is not None and self._calls.action == "block")
        self._fails_closed = any(fails.get(name, "closed") == "closed" for name in acting) or (
            self._calls is not None and self._calls.action == "block" and self._calls.fails_closed
        )

    @classmethod
    def of(cls, config: GuardrailsConfig, marks: Marks, load: Callable[[], Scan]) -> "AnswerRules | None":
        """None where nothing is asked of answers."""
        rules = cls(config, marks, load)
        return rules if rules.ran or rules._restore else None

    def guard(
        self, inspection: Inspection, dialect: str, key_tools: tuple[str, ...] = (), *, is_array: bool = False
    ) -> AnswerGuard | None:
        """The guard of one answer; None where there is nothing to do for it."""
        if dialect not in STREAMS:
            return None
        restored = inspection.secrets if self._restore else {}
        if not self.ran and not restored:
            return None
        inspection.answer_ran = self.ran
        actions = self._actions
        texts = self._texts
        if actions and (texts is None or inspection.system):
            leak = leak_of(inspection.system) if self.wants_system and inspection.system else None
            texts = Texts(actions, self._load, leak, self._hosts)
            self._texts = texts if leak is None else None
        calls = self._calls
        if calls is not None and key_tools:
            calls = calls.of_key(key_tools)
        notes = Notes(inspection, self._marks)
        if not (self._is_acting or restored):
            return Watch(dialect, texts, calls, notes, is_array=is_array)
        return Hold(
            dialect,
            texts,
            calls,
            notes,
            is_array=is_array,
            restore=self._restore,
            restored=restored,
            fails_closed=self._fails_closed,
        )


_ACTIONS: Final[dict[str, Action]] = {"block": "block", "redact": "redact", "log": "log"}
