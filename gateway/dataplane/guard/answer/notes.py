"""What was found in one answer so far: verdicts, each once; what stands in place of what; the error that ends the answer."""

from typing import Final

from gateway.base.core.errors import GuardrailBlocked
from gateway.base.core.verdict import Action, Scanner, Verdict
from gateway.dataplane.guard.inspection import Inspection
from gateway.dataplane.guard.redact import Marks

_NOUNS: Final[dict[Scanner, str]] = {
    "secrets": "a secret",
    "pii": "personal data",
    "prompt_leak": "a piece of the system prompt, word for word",
    "links": "a link that could carry data away",
    "code": "code that runs what a stranger says",
}
_MOST: Final = 200
"""Verdicts of one answer; what more is found is done, but not told."""


class Notes:
    """Of one answer. `placeholders`: what was redacted → what stands there."""

    __slots__ = ("_inspection", "_marks", "_told", "placeholders")

    def __init__(self, inspection: Inspection, marks: Marks) -> None:
        self._inspection = inspection
        self._marks = marks
        self._told: set[tuple[Scanner, str, str]] = set()
        self.placeholders: dict[bytes, bytes] = {}

    def tell(self, scanner: Scanner, rule: str, action: Action, place: str, matched: bytes) -> None:
        """A verdict, unless the same was told before: providers repeat texts."""
        key = (scanner, rule, self._marks.match(matched))
        if key in self._told or len(self._told) >= _MOST:
            return
        self._told.add(key)
        verdict = Verdict(scanner=scanner, rule=rule, action=action, side="answer", place=place, match=key[2])
        self._inspection.verdicts.append(verdict)
        if self._inspection.kept is not None and action != "log":
            self._inspection.kept.append((verdict, matched))

    def redact(self, scanner: Scanner, rule: str, place: str, matched: bytes) -> bytes:
        """What stands in its place from now on."""
        self.tell(scanner, rule, "redact", place, matched)
        return self.placeholders.setdefault(matched, self._marks.placeholder(scanner, rule, matched))

    def block(self, scanner: Scanner, rule: str, place: str, matched: bytes) -> GuardrailBlocked:
        """The error that ends the answer."""
        self.tell(scanner, rule, "block", place, matched)
        if scanner == "tool_calls":
            words = (
                f"agentcc stopped this answer: the model wanted `{place.removeprefix('call ')}` to do what the guardrails of your"
                f" organisation forbid (rule `{rule}`). The call was not passed on and nothing was run. Ask for another way,"
                " or ask your platform team."
            )
        else:
            words = (
                f"agentcc stopped this answer: it held {_NOUNS.get(scanner, 'something')} (rule `{rule}`, in the model's {place}),"
                " which the guardrails of your organisation do not let pass. Ask for an answer without it, or ask your platform team."
            )
        return GuardrailBlocked(words, scanner=scanner, rule=rule, place=place, side="answer")
