"""The rules as data: names, reference, prefilters."""

import re
import subprocess
import sys

from gateway.dataplane.guard.secrets.kinds import RULES
from gateway.dataplane.guard.secrets.vendors import VENDORS
from tests.harness import ROOT


def test_rules_have_one_name_each() -> None:
    """Lower-case words; none twice; more than 200 kinds with a published form."""
    names = [rule.id for rule in RULES]
    assert len(names) == len(set(names)) > 200
    assert [name for name in names if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)] == []
    assert len(VENDORS) == len(set(VENDORS))


def test_a_rule_captures_what_must_not_leave() -> None:
    """Each expression has a group."""
    assert [rule.id for rule in RULES if not rule.confirm.pattern.groups] == []


def test_the_reference_is_current() -> None:
    """docs/reference/secret-rules.md is what the rules say."""
    script = ROOT / "scripts" / "generate_reference.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
