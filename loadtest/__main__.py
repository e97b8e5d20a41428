"""`python -m loadtest [mixed|budget|chaos|slow-readers|outage] …`: mixed is what `make load` runs."""

import sys

from loadtest import budget_soak, chaos, mixed, outage, slow_readers

_SCENES = {
    "mixed": mixed.main,
    "budget": budget_soak.main,
    "chaos": chaos.main,
    "slow-readers": slow_readers.main,
    "outage": outage.main,
}


def main() -> int:
    """Dispatch by the first word."""
    words = sys.argv[1:]
    name = words.pop(0) if words and not words[0].startswith("-") else "mixed"
    if name not in _SCENES:
        print(f"error: there is no scene `{name}`\nhint: one of {', '.join(_SCENES)}", file=sys.stderr)
        return 2
    return _SCENES[name](words)


if __name__ == "__main__":
    sys.exit(main())
