"""Sessions as nouns: how often one may try again. Pure; docs/concepts/sessions.md explains it."""

from typing import Literal

from gateway.base.core.struct import Record

ToolFailures = Literal["same_call", "same_tool", "off"]
"""Which failures of a tool count: those of one call (tool and arguments), those of one tool, or none."""

RETRIES_OFF = -1


class SessionRules(Record, frozen=True):
    """`retries_per_session`: how many retries running, or failures of a tool running, are let through; RETRIES_OFF for any number."""

    retries_per_session: int = 3
    tool_failures: ToolFailures = "same_call"
