"""What only the client's dialect knows of a turn, and what no writer of another can carry: said by its name there.

Which members can be lost without changing anything is the source dialect's to know (`Codec.harmless`): how an answer is stored,
cached or sent, what the turn says in the canon's words too, and what would be so anyway.
"""

from collections.abc import Mapping
from typing import Any, Final

from gateway.dataplane.wire.canon import Extra, Media, Opaque, Part, Reasoning, ToolCall, ToolResult, Turn
from gateway.dataplane.wire.codec import Codec
from gateway.dataplane.wire.report import Report

_BILLING = "billing_header"
"""Claude Code's own line, of no meaning elsewhere (trap 32)."""

_NAMES: Final[dict[type[Part], str]] = {ToolCall: "tool_call", ToolResult: "tool_result"}
_ORDINARY: Final[dict[str, tuple[Any, ...]]] = {
    "parallel_tools": (None, True),
    "presence_penalty": (None, 0),
    "frequency_penalty": (None, 0),
    "verbosity": ("", "medium"),
    "service_tier": ("", "auto", "default", "standard", "standard_only"),
}
"""Values of a Turn that ask for nothing but what is so anyway."""


def report_unsaid(turn: Turn, report: Report, *names: str) -> None:
    """Wishes for which a target has no word: members of the Turn, by their names."""
    for name in names:
        if getattr(turn, name) not in _ORDINARY.get(name, (None,)):
            report.drop(name)


def report_losses(turn: Turn, client: Codec, provider: Codec, report: Report) -> None:
    """Each kind of member once, not once for every message that has it. Reasoning is told by who opens and writes it."""
    harmless = client.harmless
    _report(turn.extra, "", "", harmless, report)
    for tool in turn.tools or ():
        if tool.extra:
            _report(tool.extra, f"tools.{tool.name}.", "tools.", harmless, report)
    for message in turn.messages:
        if message.extra:
            _report(message.extra, "messages.", "messages.", harmless, report)
        for outer in message.parts:
            for part in (outer, *outer.parts) if isinstance(outer, ToolResult) else (outer,):
                if isinstance(part, Opaque):
                    if part is outer and part.kind != _BILLING:  # those in results are the writers' to turn into words
                        report.drop(f"messages.{part.kind}", f"unknown_to_{provider.name}")
                elif part.extra and not isinstance(part, Reasoning):
                    _report(part.extra, f"messages.{name_of(part)}.", "parts.", harmless, report)


def name_of(part: Part) -> str:
    """What a part is called in reports."""
    if isinstance(part, Media | Opaque):
        return part.kind
    return _NAMES.get(type(part)) or type(part).__name__.lower()


def _report(extra: Extra, shown: str, path: str, harmless: Mapping[str, tuple[Any, ...]], report: Report) -> None:
    """Members that say something; of an object each of its own."""
    for name, value in (extra or {}).items():
        if not value or _is_in(harmless, path + name, value):
            continue
        if not isinstance(value, dict):
            report.drop(shown + name)
            continue
        for member, inner in value.items():
            if inner and not _is_in(harmless, f"{path}{name}.{member}", inner):
                report.drop(f"{shown}{name}.{member}")


def _is_in(harmless: Mapping[str, tuple[Any, ...]], path: str, value: Any) -> bool:
    values = harmless.get(path)
    return values is not None and (not values or value in values)
