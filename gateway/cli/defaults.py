"""What `agentcc serve` runs on when there is no gateway.yaml: a file is written, so that there is something to edit.

Providers come from the usual key variables; with none set, the provider simulator stands in for all three.
"""

import json
import os
import secrets
from pathlib import Path

_FROM_ENV = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "gemini": "GEMINI_API_KEY"}
_HEAD = """\
# Written by `agentcc serve`, which found no gateway.yaml. Move it, edit it, and start with -c FILE.
# Reference: docs/reference/configuration.md
server:
  host: 127.0.0.1
  port: {port}
  data_dir: {data_dir}
  admin: {{ port: 0 }}  # a free one; metrics and admin API are under /-/ of the port above too
keys:
  dev: {{ key: "{key}", org: local, team: dev, user: dev@localhost }}
"""


def default_file(data_dir: Path, port: int) -> tuple[Path, bool]:
    """Make (or keep) `data_dir/gateway.yaml`; gives its path and whether it needs the simulator."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = data_dir / "gateway.yaml"
    found = {name: variable for name, variable in _FROM_ENV.items() if os.environ.get(variable)}
    key = _kept_key(path) or f"sk-agentcc-dev-{secrets.token_urlsafe(24)}"
    text = _HEAD.format(port=port, data_dir=json.dumps(str(data_dir)), key=key) + "providers:\n"
    if found:
        text += "".join(f'  {name}: {{ api_key: "${{{variable}}}" }}\n' for name, variable in found.items())
    else:
        text += "".join(
            f'  {name}: {{ api_key: none, base_url: "${{AGENTCC_SIMULATOR_URL}}" }}\n' for name in _FROM_ENV
        )
        text += "models:\n  unpriced: { allow: [openai/*, anthropic/*, gemini/*] }  # the simulator costs nothing\n"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return path, not found


def _kept_key(path: Path) -> str:
    """The key of an earlier start, so that a client that was set up goes on working."""
    try:
        for line in path.read_text().splitlines():
            if line.startswith("  dev: { key: "):
                return line.split('"')[1]
    except (OSError, IndexError):
        pass
    return ""
