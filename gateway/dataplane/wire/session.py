"""What a client says of its session and its turn in headers of its own.

Sources: the wire notes of Codex, Claude Code and Gemini CLI; for the others their source or issue threads, named beside each header.
"""

import re
from collections.abc import Callable

from gateway.dataplane.wire.refusal import Family

_is_id = re.compile(r"[!-~]{1,128}").fullmatch
_SESSION: dict[Family, tuple[str, ...]] = {
    "codex": ("session-id",),  # a sub-agent's is its parent's
    "claude_code": ("x-claude-code-session-id",),
    "gemini_cli": (),
    "sdk": (
        "x-agentcc-session-id",  # ours, for whoever writes an agent
        "x-parent-session-id",  # sub-agents of opencode and Kilo, which have an x-session-id of their own
        "x-session-id",  # opencode, Kilo, Crush
        "session-id",
        "agent-session-id",  # Goose (block/goose#6626)
        "x-litellm-trace-id",  # Cline (sdk/packages/llms: request-headers.ts)
        "x-client-session-id",  # Copilot CLI (coder/coder: aibridge/session.go)
        "x-amp-thread-id",  # Amp
    ),
}
_TURN = ("x-agentcc-turn-id", "x-opencode-request", "x-kilo-request")
_CODEX_TURN = '"turn_id":"'


def named_session(header: Callable[[str], str], family: Family) -> tuple[str, str]:
    """(session id, turn id), '' for each that the client does not name in a form that may be echoed in a header."""
    session_id = turn_id = ""
    for name in _SESSION[family]:
        if session_id := header(name):
            break
    if not _is_id(session_id):
        return "", ""
    if family == "codex":
        turn_id = header("x-codex-turn-metadata").partition(_CODEX_TURN)[2].partition('"')[0]
    elif family == "sdk":
        turn_id = next(filter(None, map(header, _TURN)), "")
    return session_id, turn_id if turn_id and _is_id(turn_id) else ""
