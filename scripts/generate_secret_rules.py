#!/usr/bin/env python3
"""Writes docs/reference/secret-rules.md from the secret scanner's rules.

python scripts/generate_secret_rules.py            write the page
python scripts/generate_secret_rules.py --check    exit 1 when it is stale
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from gateway.dataplane.guard.secrets.kinds import cloud, code, llm, services, structure
from gateway.dataplane.guard.secrets.vendors import VENDORS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "secret-rules.md"
_HEAD = "<!-- Made by scripts/generate_secret_rules.py from gateway/dataplane/guard/secrets; change that, then run it. -->\n\n"
_FAMILIES = {
    "Structure": structure,
    "Models": llm,
    "Clouds and infrastructure": cloud,
    "Code, packages, builds": code,
    "Services": services,
}


def lines() -> Iterator[str]:
    """The page: published formats by family, then the names by which the others are known."""
    yield "# Secret rules"
    yield ""
    yield "What the scanner knows, by the name that a finding has. How it finds them: [guardrails](../concepts/guardrails.md)."
    for title, family in _FAMILIES.items():
        yield from ("", f"## {title}", "", "| rule | what |", "| --- | --- |")
        for rule in sorted(family.RULES, key=lambda each: each.id):
            yield f"| `{rule.id}` | {rule.title} |"
    yield from ("", "## By the name of a value", "")
    yield "`assigned-credential`: a value that looks random, assigned to a name that says credential (`api_key`, `clientSecret`, …)."
    yield ""
    yield f"`<vendor>-credential`: the same with one of these {len(set(VENDORS))} names, where less is asked of the value:"
    yield ""
    yield ", ".join(f"`{name.replace('_', '-')}`" for name in sorted(set(VENDORS)))


def main() -> int:
    """Exit code 0: written, or up to date; 1: stale."""
    wanted = _HEAD + "\n".join(lines()) + "\n"
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text() == wanted:
            return 0
        print(f"error: {PAGE.name} is stale\nhint: run `python scripts/generate_secret_rules.py`", file=sys.stderr)
        return 1
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
