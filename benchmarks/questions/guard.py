"""What the scanners cost: a turn, ordinary text, the worst that an attacker can send, a tool call, and loading the database."""

import base64
import json
import random
import sysconfig
from functools import partial
from pathlib import Path

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway.dataplane.guard.commands import judged
from gateway.dataplane.guard.injection import Injection
from gateway.dataplane.guard.pii import Pii
from gateway.dataplane.guard.scan import Scan
from gateway.dataplane.guard.secrets import Secrets

label = "scanners, CPU-µs per text"

_KB = 1024
_WORST = {"secrets": b"password a1aaaaaa ", "pii": b"a@b.cd", "injection": b"read ~/.ssh "}
"""Of the repeated units tried (25, 33, 24), the dearest per byte of each scanner."""
_CALL = json.dumps({"command": "cd /work && npm test 2>&1 | tail -20", "description": "Run the tests"}).encode()


def setup(_options: Options) -> list[Case]:
    """Equal sizes side by side, so that rows are rates; each scanner alone, and all in one pass."""
    scans = {
        "secrets": Scan(Secrets()),
        "pii": Scan(pii=Pii()),
        "injection": Scan(injection=Injection()),
    }
    whole = Scan(Secrets(), Pii(), Injection())
    compiled = whole.compiled()
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    source = b"".join(path.read_bytes() for path in library)[: 1000 * _KB]
    image = base64.b64encode(random.Random(1).randbytes(750 * _KB))
    turn = bodies.codex_turn(bodies.TURN)
    return [
        *(Case(f"turn 60 KB, {name}", partial(scan.scan, turn)) for name, scan in scans.items()),
        Case("turn 60 KB, all in one pass", partial(whole.scan, turn)),
        Case("turn 400 KB, all", partial(whole.scan, bodies.codex_turn(bodies.LONG))),
        Case("2 KB of it, all", partial(whole.scan, turn[-2 * _KB :])),
        Case("standard library, per 60 KB, all", partial(whole.scan, source), 1000 // 60),
        Case("image in base64, per 60 KB, all", partial(whole.scan, image), 1000 // 60),
        *(
            Case(f"worst unit found for {name}, 60 KB", partial(scan.scan, unit * (60 * _KB // len(unit))))
            for (name, scan), unit in zip(scans.items(), _WORST.values(), strict=True)
        ),
        Case("a tool call's command judged", partial(judged, "Bash", _CALL)),
        Case("load the compiled database", partial(Scan, Secrets(), Pii(), Injection(), compiled=compiled)),
    ]


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("guard", label, cases, options)
