"""What the guard knows of one exchange: filled on the way in and on the way out, read by whoever records it."""

from msgspec import Struct

from gateway.base.core.verdict import Scanner, Verdict


class Inspection(Struct, eq=False):
    """Of one exchange. Without one the guard has not run, and the record says so."""

    ran: tuple[Scanner, ...] = ()
    """Which scanners looked at the request."""
    answer_ran: tuple[Scanner, ...] = ()
    """Which look at the answer."""
    verdicts: list[Verdict] = []
    cpu_us: int = 0
    scanned_bytes: int = 0
    """Of text that had not been looked at before."""
    known_bytes: int = 0
    """Of the body: what an earlier request had too."""
    secrets: dict[bytes, bytes] = {}
    """Placeholder → the secret that it stands for. In memory only, for as long as the exchange lives."""
    system: bytes = b""
    """The instructions that left, where answers are looked at for pieces of them."""
    kept: list[tuple[Verdict, bytes]] | None = None
    """What was blocked or redacted, and its text, for the quarantine; None where there is none."""
