"""What comes back: the words of an answer and the calls that it asks for, looked at event by event before the client has them."""

from gateway.dataplane.guard.answer.leak import system_text
from gateway.dataplane.guard.answer.rules import AnswerGuard, AnswerRules

__all__ = ["AnswerGuard", "AnswerRules", "system_text"]
