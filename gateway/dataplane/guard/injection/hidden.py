"""Characters that nobody sees, and the one good use that tag characters have."""

_BLACK_FLAG = "\N{WAVING BLACK FLAG}".encode()


def is_no_flag(text: bytes, start: int) -> bool:
    """Tags behind a black flag spell a region: the flags of England, Scotland, Wales (Unicode TS 51, ED-14a)."""
    return text[max(0, start - len(_BLACK_FLAG)) : start] != _BLACK_FLAG
