"""What only a client's own dialect knows of a turn, and is lost in Chat: said by its name there. What would change nothing is not:
how an answer is stored, cached or sent, what the turn says in the canon's words too, and what is the case anyway.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Extra, Tool
from gateway.dataplane.wire.report import Report

_QUIET: Final = frozenset(
    {
        "store", "background", "include", "metadata", "client_metadata", "labels", "requestMetadata", "performanceConfig",
        "truncation", "stream", "stream_options", "anthropic_version", "anthropic_beta", "cache_control",
        "prompt_cache_options", "prompt_cache_retention", "includeServerSideToolInvocations",
        # said in the canon's words too
        "input", "text", "user", "user_id", "thinking", "reasoning_config", "reasoning_effort", "output_config",
        "output_format", "inferenceConfig",
    }
)  # fmt: skip
_USUAL: Final[dict[str, Any]] = {
    "n": 1,
    "candidateCount": 1,
    "responseModalities": ["TEXT"],
    "responseMimeType": "text/plain",
    "modalities": ["text"],
}
_QUIET_OF_TOOLS: Final = frozenset(
    {"type", "parameters", "parametersJsonSchema", "cache_control", "allowed_callers", "defer_loading"}
)
"""Told by `translate.tools`, or in the canon in another form."""


def report_turn(extra: Extra, report: Report) -> None:
    """Top-level members; of an object each member of its own."""
    for name, value in (extra or {}).items():
        if name in _QUIET or not value:
            continue
        if isinstance(value, dict):
            for member, inner in value.items():
                if _is_loss(member, inner):
                    report.drop(f"{name}.{member}")
        elif _is_loss(name, value):
            report.drop(name)


def report_tool(tool: Tool, report: Report) -> None:
    """Members of a tool's declaration."""
    for name, value in (tool.extra or {}).items():
        if value and name not in _QUIET_OF_TOOLS:
            report.drop(f"tools.{tool.name}.{name}")


def _is_loss(name: str, value: Any) -> bool:
    if not value or name in _QUIET or _USUAL.get(name) == value:
        return False
    # Claude Code always asks to clear old thinking; what of it is sent here is the target's wish
    is_clearing = isinstance(value, list) and all(
        isinstance(one, dict) and str(one.get("type", "")).startswith("clear_thinking") for one in value
    )
    return not is_clearing
