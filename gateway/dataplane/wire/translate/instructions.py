"""System and developer messages for dialects that take instructions at the top only. Trap 30.

Those before the first word of user or assistant join the instructions; later ones keep their place, as a user's text in
`<system-reminder>` tags. That is how Claude Code itself speaks to the model, and it leaves what came before unchanged, so that the
cache still fits.
"""

from collections.abc import Sequence

from gateway.dataplane.wire.canon import Message


def count_leading(messages: Sequence[Message]) -> int:
    """How many messages stand before the first word of user or assistant."""
    for at, message in enumerate(messages):
        if not is_instruction(message):
            return at
    return len(messages)


def is_instruction(message: Message) -> bool:
    """Whether a message is the operator's."""
    return message.role in ("system", "developer")


def reminder(text: str) -> str:
    """An instruction inside the conversation, as a user's text."""
    return f"<system-reminder>\n{text}\n</system-reminder>"
