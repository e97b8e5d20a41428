"""A file of fingerprints of findings that were judged harmless: one a line, `#` begins a comment."""

import re
from pathlib import Path

_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


def read_baseline(path: str | Path) -> frozenset[str]:
    """The fingerprints of a file, which `agentcc guard baseline` writes.

    Raises OSError where it cannot be read, ValueError, with the line's number, where a line is no fingerprint.
    """
    found = set()
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
        named = line.partition("#")[0].strip()
        if named and not _FINGERPRINT.fullmatch(named):
            raise ValueError(f"{path}, line {number}: not 32 hexadecimal digits")
        found.add(named)
    return frozenset(found - {""})
