"""What a turn of another dialect asks for beside the conversation, and Gemini has no word for: said by its name."""

from typing import Any, Final

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.report import Report

_PLAIN_TIERS: Final = frozenset({"", "auto", "default", "standard", "standard_only"})
_QUIET: Final = frozenset(
    {
        # how an answer is stored, sent or cached: it changes nothing in it (Gemini caches by itself)
        *("store", "background", "stream", "stream_options", "include", "truncation", "metadata", "client_metadata"),
        *("cache_control", "prompt_cache_options", "prompt_cache_retention", "requestMetadata", "performanceConfig"),
        # said in the canon's words too
        *(
            "input",
            "text",
            "user",
            "thinking",
            "reasoning_config",
            "reasoning_effort",
            "output_config",
            "output_format",
        ),
        *("inferenceConfig", "usage"),
    }
)
_USUAL: Final[dict[str, Any]] = {"n": 1, "modalities": ["text"]}
"""What would be so anyway."""


def report_losses(turn: Turn, report: Report) -> None:
    """The session, the end user and cache breakpoints are hints, and go unsaid."""
    if turn.parallel_tools is False and turn.tools:
        report.drop("parallel_tools")
    if turn.verbosity not in ("", "medium"):
        report.drop("verbosity")
    if turn.service_tier not in _PLAIN_TIERS:
        report.drop("service_tier")
    for name, value in (turn.extra or {}).items():
        if name in _QUIET:
            continue
        if not isinstance(value, dict):
            _report(name, name, value, report)
            continue
        for member, inner in value.items():
            _report(member, f"{name}.{member}", inner, report)


def _report(name: str, what: str, value: Any, report: Report) -> None:
    if not value or name in _QUIET or _USUAL.get(name) == value:
        return
    # Claude Code always asks to clear old thinking; none of another vendor is sent to Google
    is_clearing = isinstance(value, list) and all(
        isinstance(one, dict) and str(one.get("type", "")).startswith("clear_thinking") for one in value
    )
    if not is_clearing:
        report.drop(what)
