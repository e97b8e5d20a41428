"""How much a model shall think: efforts (words) and budgets (tokens), and what each vendor's models take. Trap 25.

Sources, and what is our own choice:

- Efforts: OpenAI's `reasoning.effort` is none, minimal, low, medium, high, xhigh (API reference, `ReasoningEffort`) and, since
  gpt-5.6, max; Anthropic's `output_config.effort` is low, medium, high, xhigh, max (platform.claude.com, "Effort"); Gemini 3's
  `thinkingLevel` is minimal, low, medium, high (ai.google.dev, "Gemini thinking").
- Budgets: Anthropic's `budget_tokens` is at least 1024 and less than `max_tokens` (platform.claude.com, "Extended thinking");
  Gemini 2.5's `thinkingBudget` is 128 to 32,768 (Pro), 0 to 24,576 (Flash), 0 or 512 to 24,576 (Flash-Lite), -1 lets the model
  decide (ai.google.dev, "Gemini thinking").
- Effort to budget: minimal and low 1,024, medium 8,192, high 24,576 is Google's own table (ai.google.dev, "OpenAI
  compatibility"). xhigh 32,768 and max 65,536 are ours: Anthropic sees diminishing returns above 32k, and no more than 64k can be
  written by most models that still take budgets.
- Room for the answer: a budget derived from an effort takes at most 80 % of the output limit. Ours; a budget that a client gives
  itself is only made legal.
- Budget to effort: `_STEPS` is ours. Claude Code's budgets 4,000, 10,000 and 31,999 become low, medium and high.
"""

import re
from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import Effort, Thinking

EFFORTS: Final[tuple[Effort, ...]] = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""In ascending order."""

LEAST_BUDGET: Final = 1024
_BUDGETS: Final[dict[Effort, int]] = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 32_768,
    "max": 65_536,
}
_STEPS: Final[tuple[tuple[int, Effort], ...]] = (
    (0, "none"),
    (1023, "minimal"),
    (4096, "low"),
    (16_383, "medium"),
    (32_000, "high"),
    (65_535, "xhigh"),
)


class Thinks(Record, frozen=True):
    """How a model can be told to think.

    `efforts`: the words it takes, ascending, without `none`; () when it takes none. `budget`: the least and the most tokens
    it takes ((0, 0): it takes no budgets). `is_adaptive`: it can decide itself. `can_stop`: thinking can be switched off.
    """

    efforts: tuple[Effort, ...] = ()
    budget: tuple[int, int] = (0, 0)
    is_adaptive: bool = False
    can_stop: bool = True


# === between words and tokens ===


def budget_of(effort: Effort, max_output_tokens: int = 0) -> int:
    """The budget for `effort`: 0 for `none`, -1 for '' (not said).

    Never less than 1024, at most 80 % of `max_output_tokens` (0: unknown); 0 when that leaves no room to think at all.
    """
    if not effort:
        return -1
    budget = _BUDGETS[effort]
    if budget and max_output_tokens:
        budget = min(budget, max_output_tokens * 4 // 5)
    return legal_budget(budget, max_output_tokens)


def legal_budget(budget: int, max_output_tokens: int = 0) -> int:
    """A client's own budget as Anthropic takes it: at least 1024, less than `max_output_tokens`; 0 when that cannot be."""
    if budget <= 0:
        return budget
    budget = max(budget, LEAST_BUDGET)
    if max_output_tokens and budget >= max_output_tokens:
        budget = max_output_tokens - 1
    return budget if budget >= LEAST_BUDGET else 0


def effort_of(budget: int) -> Effort:
    """The effort that a budget stands for; '' for a negative one (not said, or the model decides)."""
    if budget < 0:
        return ""
    for most, effort in _STEPS:
        if budget <= most:
            return effort
    return "max"


def nearest(effort: Effort, allowed: tuple[Effort, ...]) -> Effort:
    """The one of `allowed` (ascending) that is closest to `effort`, of two equally close ones the higher; '' when none fits.

    `none` is only ever chosen for `none`, and then needs to be allowed: else the lowest is taken.
    """
    if effort in allowed or not effort:
        return effort
    rank = EFFORTS.index(effort)
    ranks = [EFFORTS.index(one) for one in allowed if one not in ("", "none")]
    if not ranks:
        return ""
    return EFFORTS[min(ranks, key=lambda one: (abs(one - rank), -one))]


def wanted(thinking: Thinking | None) -> Effort:
    """What a client asked for, as an effort; '' when it did not say, or lets the model decide."""
    if thinking is None:
        return ""
    return thinking.effort or effort_of(thinking.budget_tokens)


# === what models take ===

_GEMINI = re.compile(r"gemini-(\d)(?:\.(\d))?")
_GPT = re.compile(r"gpt-(\d)(?:\.(\d+))?(?!\d)")
_O_SERIES = re.compile(r"(?:^|[/.])o[1-9](?:-|$)")

_NO_THINKING = Thinks()
LOW_TO_HIGH: Final[tuple[Effort, ...]] = ("low", "medium", "high")
LOW_TO_XHIGH: Final[tuple[Effort, ...]] = (*LOW_TO_HIGH, "xhigh")
LOW_TO_MAX: Final[tuple[Effort, ...]] = (*LOW_TO_XHIGH, "max")


def gemini_version(model: str) -> tuple[int, int]:
    """2.5 of `gemini-2.5-pro` as (2, 5). A name that does not say it (`gemini-flash-latest`) counts as the newest."""
    found = _GEMINI.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else (9, 0)


def gemini(model: str) -> Thinks:
    """What Google's models take: budgets in 2.5, levels from 3 on, nothing before.

    Source: ai.google.dev "Gemini thinking", its tables of budgets and levels by model; thinking cannot be off in 2.5 Pro and from 3
    on. Levels: Pro takes low, high and from 3.1 on medium; Flash and Flash-Lite minimal too, Flash from 3.7 on no more; Flash Image
    minimal and high, Pro Image high.
    """
    name = model.lower()
    version = gemini_version(name)
    if "gemini" not in name or version < (2, 5):
        return _NO_THINKING
    if version < (3, 0):
        if "flash-lite" in name:
            return Thinks(budget=(512, 24_576), is_adaptive=True)
        if "flash" in name:
            return Thinks(budget=(1, 24_576), is_adaptive=True)
        return Thinks(budget=(128, 32_768), is_adaptive=True, can_stop=False)
    efforts: tuple[Effort, ...] = ("low", "high") if version == (3, 0) else LOW_TO_HIGH
    if "image" in name:
        efforts = ("minimal", "high") if "flash" in name else ("high",)
    elif "flash" in name:
        efforts = ("minimal", *LOW_TO_HIGH) if "lite" in name or version < (3, 7) else LOW_TO_HIGH
    return Thinks(efforts=efforts, can_stop=False)


def openai(model: str) -> Thinks:
    """What OpenAI's models take: efforts only.

    Source: the API reference's text on `reasoning.effort`: gpt-5.1 takes none to high, models before it take no none, gpt-5-pro
    only high, xhigh came after gpt-5.1-codex-max; minimal was gpt-5's alone (the API refuses it for gpt-5.1); max came with
    gpt-5.6. Models that are not OpenAI's take what the API reference lists, for nobody knows better.
    """
    name = model.lower()
    found = _GPT.search(name)
    if found is None:
        if _O_SERIES.search(name) or "gpt-oss" in name:
            return Thinks(efforts=LOW_TO_HIGH, can_stop=False)
        return Thinks(efforts=("minimal", *LOW_TO_XHIGH))
    version = (int(found[1]), int(found[2] or 0))
    if version < (5, 0):
        return _NO_THINKING
    if version < (5, 1):
        if "-pro" in name:
            return Thinks(efforts=("high",), can_stop=False)
        return Thinks(efforts=LOW_TO_HIGH if "codex" in name else ("minimal", *LOW_TO_HIGH), can_stop=False)
    if version < (5, 2):
        is_max = "codex-max" in name
        return Thinks(efforts=LOW_TO_XHIGH if is_max else LOW_TO_HIGH)
    return Thinks(efforts=LOW_TO_XHIGH if version < (5, 6) else LOW_TO_MAX)
