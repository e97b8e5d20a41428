"""Money is integer nano-USD (1e-9 USD) everywhere; this is how it is written for people and machines."""

NANO = 1_000_000_000


def usd(nusd: int) -> str:
    """As a decimal text in USD, 6 decimals or, where they are needed, 9: 1_234_567 → `0.001234567`."""
    sign, (whole, nano) = "-" if nusd < 0 else "", divmod(abs(nusd), NANO)
    return f"{sign}{whole}.{nano // 1000:06d}" if nano % 1000 == 0 else f"{sign}{whole}.{nano:09d}"


def dollars(nusd: int) -> str:
    """For people, in cents where they say enough: 9_000_000_000_000 → `$9,000.00`, 12_345 → `$0.000012345`."""
    sign, (whole, nano) = "-" if nusd < 0 else "", divmod(abs(nusd), NANO)
    decimals = f"{nano:09d}"
    shown = decimals[:2] if whole or decimals[2:] == "0000000" else decimals.rstrip("0")
    return f"{sign}${whole:,}.{shown}"
