"""What each Claude takes and refuses, by its name, whoever hosts it: one table for all dialects in which one can be asked.

Sources (platform.claude.com, read October 2026):

- thinking: "Adaptive thinking" and "Effort": budgets from 3.7 to 4.6, adaptive from 4.6, only adaptive from 4.7; effort came with
  Opus 4.5, max with 4.6, xhigh with Opus 4.7. AWS says the same in its Bedrock guide, "Adaptive thinking";
- thinking that cannot be off, is on unasked, or is switched off by `between_tools`; efforts above `high` while it is off:
  "Troubleshooting thinking", its table by model, and the migration guides of Opus 5.5, Sonnet 5.5 and Haiku 5.5;
- sampling parameters: "Migrating to Claude Opus 4.7", Sonnet 5 and the 5.5 models (refused unless at their default); never
  temperature and top_p together: "Migrating to Claude 4" and later;
- prefill: refused from 4.6 on ("Migrating to Claude 4.6"); forced tools: refused by Fable and Mythos 5.1, Opus 5.5, Sonnet 5.5 and
  later, and beside a thinking budget by all ("Thinking", "Thinking with tool use");
- structured outputs: "Structured outputs", 4.5 and later; thinking that is shown only on request (`display`): 4.7 and later;
- most output tokens: "Models overview"; the number here is only for a target without a catalogue entry.
"""

import re
from functools import lru_cache
from typing import Final, Literal

from gateway.base.core.struct import Record
from gateway.dataplane.wire.translate.effort import LEAST_BUDGET, LOW_TO_HIGH, LOW_TO_MAX, Thinks

_NAME: Final = re.compile(
    r"claude-(?:(?P<family>[a-z]+)-)?v?(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?(?!\d)(?:-(?P<late>[a-z]+))?"
)
_ALWAYS_THINKING: Final = frozenset({"fable", "mythos"})
BUDGETS: Final = (LEAST_BUDGET, 128_000)

_NO_THINKING: Final = Thinks()
_ADAPTIVE: Final = Thinks(efforts=LOW_TO_MAX, is_adaptive=True)

Off = Literal["disabled", "between_tools", ""]


class Claude(Record, frozen=True):
    """One model. `off`: the `thinking.type` that switches thinking off; '' where nothing does.

    `thinks_unasked`: a request without `thinking` thinks. `has_window_check`: input and `max_tokens` together must fit the window.
    """

    version: tuple[int, int] = (99, 0)
    thinks: Thinks = _ADAPTIVE
    off: Off = "disabled"
    thinks_unasked: bool = False
    takes_sampling: bool = True
    takes_both_samplers: bool = False
    takes_prefill: bool = True
    takes_forced_tools: bool = True
    has_formats: bool = True
    hides_thinking: bool = False
    has_window_check: bool = False
    most_output_tokens: int = 64_000


NEWEST: Final = Claude(
    off="",
    thinks_unasked=True,
    takes_sampling=False,
    takes_prefill=False,
    hides_thinking=True,
    most_output_tokens=128_000,
)
"""A Claude whose name tells no version: what every current model takes."""


@lru_cache(512)
def claude_of(model: str) -> Claude | None:
    """The facts of a model by any form of its name (dated, `[1m]`, Bedrock's, OpenRouter's); None when it is no Claude."""
    name = model.lower()
    found = _NAME.search(name)
    if found is None:
        return NEWEST if "claude" in name else None
    family = found["family"] or found["late"] or ""
    version = (int(found["major"]), int(found["minor"] or 0))
    if version < (4, 6):
        has_effort = family == "opus" and version == (4, 5)
        budgets = Thinks(efforts=LOW_TO_HIGH if has_effort else (), budget=BUDGETS)
        return Claude(
            version=version,
            thinks=budgets if version >= (3, 7) else _NO_THINKING,
            takes_both_samplers=version < (4, 1),
            has_formats=version >= (4, 5),
            has_window_check=version < (4, 5),
            most_output_tokens=_most_of_old(family, version),
        )
    if version < (4, 7):
        thinks = Thinks(efforts=(*LOW_TO_HIGH, "max"), budget=BUDGETS, is_adaptive=True)
        return Claude(version=version, thinks=thinks, takes_prefill=False, most_output_tokens=128_000)
    return Claude(
        version=version,
        off=_off(family, version),
        thinks_unasked=version >= (5, 0),
        takes_sampling=False,
        takes_prefill=False,
        takes_forced_tools=not _refuses_forced_tools(family, version),
        hides_thinking=True,
        most_output_tokens=128_000,
    )


def _off(family: str, version: tuple[int, int]) -> Off:
    if family in _ALWAYS_THINKING or (family == "opus" and version >= (5, 5)):
        return ""
    return "between_tools" if family == "sonnet" and version >= (5, 5) else "disabled"


def _refuses_forced_tools(family: str, version: tuple[int, int]) -> bool:
    if family in _ALWAYS_THINKING:
        return version >= (5, 1)
    return family in ("opus", "sonnet") and version >= (5, 5)


def _most_of_old(family: str, version: tuple[int, int]) -> int:
    if version < (3, 5):
        return 4096
    if version < (3, 7):
        return 8192
    return 32_000 if family == "opus" and version < (4, 5) else 64_000
