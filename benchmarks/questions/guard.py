"""What the secret scanner costs: a turn, ordinary text, the worst that an attacker can send, and loading its database."""

import base64
import random
import sysconfig
from functools import partial
from pathlib import Path

from benchmarks import bodies
from benchmarks.answer import Answer, Options
from benchmarks.rounds import Case, answer_cases
from gateway.dataplane.guard.secrets import Detector

label = "secret scanner, CPU-µs per text"

_KB = 1024
_WORST = b"password a1aaaaaa "  # of 25 repeated units, the dearest per byte: each is an assignment to be judged


def setup(_options: Options) -> list[Case]:
    """Equal sizes side by side, so that rows are rates."""
    detector = Detector()
    compiled = detector.compiled()
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    source = b"".join(path.read_bytes() for path in library)[: 1000 * _KB]
    image = base64.b64encode(random.Random(1).randbytes(750 * _KB))
    return [
        Case("turn 60 KB", partial(detector.scan, bodies.codex_turn(bodies.TURN))),
        Case("turn 400 KB", partial(detector.scan, bodies.codex_turn(bodies.LONG))),
        Case("2 KB of it", partial(detector.scan, bodies.codex_turn(bodies.TURN)[-2 * _KB :])),
        Case("standard library, per 60 KB", partial(detector.scan, source), 1000 // 60),
        Case("image in base64, per 60 KB", partial(detector.scan, image), 1000 // 60),
        Case("worst unit found, repeated, 60 KB", partial(detector.scan, _WORST * (60 * _KB // len(_WORST)))),
        Case("load the compiled database", partial(Detector, compiled=compiled)),
    ]


def run(cases: list[Case], options: Options) -> Answer:
    """Time them side by side."""
    return answer_cases("guard", label, cases, options)
