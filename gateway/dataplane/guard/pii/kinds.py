"""Personal data that is known by its form alone: how it is written, and what its check digits are asked.

A number stands by itself where its form and its check digits leave little to chance; the others are in `named.py`. Names, postal
addresses and dates alone are no kinds.
"""

from typing import Final

from gateway.base.core.struct import Record
from gateway.dataplane.guard.expression import Expression
from gateway.dataplane.guard.finding import Confidence
from gateway.dataplane.guard.pii import checks
from gateway.dataplane.guard.pii.addresses import is_personal_address
from gateway.dataplane.guard.pii.telephones import is_international, is_north_american

BEFORE: Final = r"(?:(?<![0-9A-Za-z_.%&$#-])|(?<=\\[nrtbf])|(?<=\\u[0-9A-Fa-f]{4}))"
"""The letter of an escape in a text that quotes a text is no word."""
BEHIND: Final = r"(?![0-9A-Za-z_%-]|\.[0-9])"


class Kind(Record, frozen=True):
    """Group 1 of `confirm` is the datum."""

    id: str
    title: str
    confirm: Expression
    check: checks.Check | None
    confidence: Confidence


class Family(Record, frozen=True):
    """Kinds that one pattern finds: they lie within `before` and `reach` bytes of the place where it ends, or of its `mark`."""

    prefilter: str
    kinds: tuple[Kind, ...]
    before: int
    reach: int
    mark: bytes = b""
    """A byte that each has once: it is judged once, however many hits it has."""


def _kind(kind: str, title: str, expression: str, check: checks.Check | None = None) -> Kind:
    confidence = Confidence.PROVEN if check else Confidence.FORMAT
    return Kind(kind, title, Expression(f"{BEFORE}({expression}){BEHIND}"), check, confidence)


_ADDRESS: Final = Kind(
    "email-address",
    "E-mail address of a person",
    Expression(
        r"(?<![\w.+%/:@-])((?:[A-Za-z0-9]|\xc3[\x80-\xbf])(?:[A-Za-z0-9._%+-]|\xc3[\x80-\xbf]){0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,6}[A-Za-z]{2,12})(?![\w@]|[.-]\w)"
    ),
    is_personal_address,
    Confidence.FORMAT,
)
_INTERNATIONAL: Final = Kind(
    "telephone",
    "Telephone number, in international or North American form",
    Expression(r"(?<![\w)\]+.%/*=-])(\+[1-9][0-9]{0,20}+(?:[ .()/-]{1,2}[0-9]{1,12}+){0,7})(?![0-9A-Za-z_]|\.[0-9])"),
    is_international,
    Confidence.FORMAT,
)
_NORTH_AMERICAN: Final = Kind(
    "telephone",
    _INTERNATIONAL.title,
    Expression(
        r"(?<![\w+.%#/-])((?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[.-][0-9]{4})(?![0-9A-Za-z_-]|\.[0-9])"
    ),
    is_north_american,
    Confidence.FORMAT,
)

_CARD: Final = r"[2-6][0-9]{12,18}|[2-6][0-9]{3}([ -])[0-9]{4}\2[0-9]{4}\2[0-9]{4}(?:\2[0-9]{3})?|3[0-9]{3}([ -])[0-9]{6}\3[0-9]{4,5}"

_DIGITS: Final = Family(
    r"(?:^|[^0-9A-Za-z])(?:[0-9]{3}-[0-9]{2}-[0-9]{4}"  # SSN
    r"|[0-9]{3}[.-][0-9]{3}[.-][0-9]{4}"  # telephone
    r"|[2-6][0-9]{3}(?:[0-9]{9}|[ -][0-9]{4,6}[ -][0-9]{4,5})"  # cards
    r"|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}"  # CPF
    r"|756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}"  # AHV
    r"|[12] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3} [0-9]{2}"  # NIR
    r"|[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}"  # Belgium
    r"|[1-8][0-9]{5}(?:19|20)[0-9]{2}[01][0-9][0-3][0-9]{4}[0-9Xx])",  # China
    (
        _kind("us-ssn", "Social Security number (US)", r"[0-9]{3}-[0-9]{2}-[0-9]{4}", checks.ssn),
        _kind("us-itin", "Individual Taxpayer Identification Number (US)", r"9[0-9]{2}-[0-9]{2}-[0-9]{4}", checks.itin),
        _NORTH_AMERICAN,
        _kind("payment-card", "Number of a payment card", _CARD, checks.card),
        _kind("br-cpf", "CPF (Brazil)", r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}", checks.cpf),
        _kind("ch-ahv", "AHV number (Switzerland)", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}", checks.ahv),
        _kind(
            "fr-nir",
            "NIR, numéro de sécurité sociale (France)",
            r"[12] [0-9]{2} [0-9]{2} [0-9][0-9AB] [0-9]{3} [0-9]{3} [0-9]{2}",
            checks.nir,
        ),
        _kind(
            "be-national-number",
            "National register number (Belgium)",
            r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}",
            checks.belgian,
        ),
        _kind(
            "cn-resident-id",
            "Resident identity number (China)",
            r"[1-8][0-9]{5}(?:19|20)[0-9]{9}[0-9Xx]",
            checks.chinese,
        ),
    ),
    before=26,
    reach=24,
)

_LETTERS: Final = Family(
    r"[A-Z][0-9]{2} ?[A-Z0-9]{4} ?[0-9]{3}",
    (
        _kind(
            "iban",
            "Bank account (IBAN)",
            r"[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,29}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,3})?)",
            checks.iban,
        ),
        _kind(
            "it-codice-fiscale",
            "Codice fiscale (Italy)",
            r"[A-Z]{6}[0-9]{2}[A-EHLMPRST][0-9]{2}[A-Z][0-9]{3}[A-Z]",
            checks.codice_fiscale,
        ),
    ),
    before=24,
    reach=44,
)
_MEXICAN: Final = Family(
    r"[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]",
    (_kind("mx-curp", "CURP (Mexico)", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]", checks.curp),),
    before=20,
    reach=2,
)
_PASSPORT_ZONE: Final = Family(
    r"P[A-Z<][A-Z]{3}[A-Z<]{3}[A-Z<]*<<[A-Z<]{10}",
    (
        Kind(
            "passport-zone",
            "Passport, its machine-readable zone",
            Expression(
                r"(?<![A-Z0-9<])(P[A-Z<][A-Z<]{3}[A-Z<]{39}\r?\n[A-Z0-9<]{9}[0-9][A-Z<]{3}[0-9]{7}[FMX<][0-9]{7}[A-Z0-9<]{14}[0-9<]{2})(?![A-Z0-9<])"
            ),
            checks.passport_zone,
            Confidence.PROVEN,
        ),
    ),
    before=50,
    reach=100,
)

FAMILIES: Final = (
    Family(r"[A-Za-z0-9_+-]@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2}", (_ADDRESS,), before=130, reach=400, mark=b"@"),
    Family(r"\+[1-9][0-9]{0,2}[ .(/-]{0,2}[0-9][0-9 .-][0-9]", (_INTERNATIONAL,), before=8, reach=40),
    Family(r"\([2-9][0-9]{2}\) ?[0-9]{3}-[0-9]{4}", (_NORTH_AMERICAN,), before=18, reach=2),
    _DIGITS,
    _LETTERS,
    _MEXICAN,
    _PASSPORT_ZONE,
)
