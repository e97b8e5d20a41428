"""What an expression may name: the facts with their types in CEL, how each is read, and which values it can have.

`hour` (0 to 23) and `weekday` (1 Monday to 7 Sunday, as in ISO 8601) are told from `minute`.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, get_args

from gateway.base.core.route import Facts, Step
from gateway.base.core.struct import Record

_DAY = 24 * 60
_MOST_INT = (1 << 63) - 1


class Number(Record, frozen=True):
    """A numeric fact: how it is read, and its least and greatest values."""

    read: Callable[[Facts], float]
    least: int
    most: float = float("inf")
    is_float: bool = False


NUMBERS = {
    "input_tokens": Number(attrgetter("input_tokens"), 0),
    "max_output_tokens": Number(attrgetter("max_output_tokens"), 0),
    "budget_used": Number(attrgetter("budget_used"), 0, is_float=True),
    "minute": Number(attrgetter("minute"), 0, 7 * _DAY - 1),
    "hour": Number(lambda facts: facts.minute // 60 % 24, 0, 23),
    "weekday": Number(lambda facts: facts.minute // _DAY + 1, 1, 7),
}
TEXTS = ("model", "dialect", "client", "step", "key", "org", "team", "user")
FLAGS = ("is_stream", "has_tools", "has_images")
TAGS = "tags"
STEPS = get_args(Step)

KINDS = {
    **dict.fromkeys(("model", "dialect", "client", "step", *FLAGS), "what"),
    **dict.fromkeys(("key", "org", "team", "user", TAGS), "who"),
    **{name: "when" if name in ("minute", "hour", "weekday") else name for name in NUMBERS},
}
"""Facts of a kind vary together, or little: what depends on one kind has few different cases."""
TYPES = {
    **dict.fromkeys(TEXTS, "string"),
    **dict.fromkeys(FLAGS, "bool"),
    **{name: "double" if number.is_float else "int" for name, number in NUMBERS.items()},
    TAGS: "map(string, string)",
}


def values(facts: Facts) -> dict[str, Any]:
    """Each fact by its name, as CEL takes it: its integers have 64 bits, and a client may ask for more."""
    return {
        "model": facts.model,
        "dialect": facts.dialect,
        "client": facts.client,
        "step": facts.step,
        "key": facts.key,
        "org": facts.org,
        "team": facts.team,
        "user": facts.user,
        "tags": facts.tags,
        "is_stream": facts.is_stream,
        "has_tools": facts.has_tools,
        "has_images": facts.has_images,
        "input_tokens": min(facts.input_tokens, _MOST_INT),
        "max_output_tokens": min(facts.max_output_tokens, _MOST_INT),
        "budget_used": float(facts.budget_used),
        "minute": facts.minute,
        "hour": NUMBERS["hour"].read(facts),
        "weekday": NUMBERS["weekday"].read(facts),
    }
