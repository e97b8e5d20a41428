"""Turn → a `generateContent` request body.

What rarely changes stands first and the conversation last, so that two turns of a session share the longest possible prefix.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.generate.config import write_config
from gateway.dataplane.wire.generate.names import NAME
from gateway.dataplane.wire.generate.own import own_request
from gateway.dataplane.wire.generate.tools import write_choice, write_tools
from gateway.dataplane.wire.generate.write_contents import write_contents, write_instructions
from gateway.dataplane.wire.report import Report

_PLAIN_TIERS: Final = frozenset({"", "auto", "default", "standard", "standard_only"})


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """The body."""
    if turn.dialect == NAME:
        return encode(own_request(turn))
    _labels(turn, report)
    body: dict[str, Any] = {
        "systemInstruction": write_instructions(turn, report),
        "tools": write_tools(turn, target, report),
        "toolConfig": write_choice(turn, target, report),
        "generationConfig": write_config(turn, target, report),
        "contents": write_contents(turn, target, report),
    }
    return encode({name: value for name, value in body.items() if value})


def _labels(turn: Turn, report: Report) -> None:
    """What Gemini has no word for. The session, the end user and cache breakpoints are hints, and go unsaid."""
    if turn.parallel_tools is False and turn.tools:
        report.drop("parallel_tools")
    if turn.verbosity not in ("", "medium"):
        report.drop("verbosity")
    if turn.service_tier not in _PLAIN_TIERS:
        report.drop("service_tier")
