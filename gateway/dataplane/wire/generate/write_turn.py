"""Turn → a `generateContent` request body.

What rarely changes stands first and the conversation last, so that two turns of a session share the longest possible prefix.
"""

from typing import Any

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.fields import encode
from gateway.dataplane.wire.generate.config import write_config
from gateway.dataplane.wire.generate.names import NAME
from gateway.dataplane.wire.generate.own import own_request
from gateway.dataplane.wire.generate.tools import write_choice, write_tools
from gateway.dataplane.wire.generate.write_contents import write_contents, write_instructions
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.losses import report_unsaid


def write_turn(turn: Turn, target: Target, report: Report) -> bytes:
    """The body."""
    if turn.dialect == NAME:
        return encode(own_request(turn))
    # the session, the end user and cache breakpoints are hints, and go unsaid
    report_unsaid(turn, report, *(("parallel_tools",) if turn.tools else ()), "verbosity", "service_tier")
    body: dict[str, Any] = {
        "systemInstruction": write_instructions(turn, report),
        "tools": write_tools(turn, target, report),
        "toolConfig": write_choice(turn, target, report),
        "generationConfig": write_config(turn, target, report),
        "contents": write_contents(turn, target, report),
    }
    return encode({name: value for name, value in body.items() if value})
