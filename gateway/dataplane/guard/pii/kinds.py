"""Personal data that is known by its form alone: how it is written, and what its check digits are asked.

A number stands by itself where its form and its check digits leave little to chance; the others are in `named.py`. Names, postal
addresses and dates alone are no kinds.
"""

import re
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
    """Kinds that one pattern finds, or some forms: they lie within `before` and `reach` bytes of the place where it ends, or of its `mark`."""

    kinds: tuple[Kind, ...]
    before: int
    reach: int
    prefilter: str = ""
    forms: tuple[str, ...] = ()
    mark: bytes = b""
    """A byte that each has once: it is judged once, however many hits it has."""
    lead: re.Pattern[bytes] | None = None
    """All that may stand before the mark, backwards: the datum begins where it ends."""


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
    forms=(
        "^000-00-0000",  # SSN
        "^000[.-]000[.-]0000",  # telephone
        "^[2-6]" + "0" * 12,  # cards
        *(f"^[2-6]000[ -]{middle}[ -]0000" for middle in ("0000", "00000", "000000")),
        "^000.000.000-00",  # CPF
        "^756.0000.0000.00",  # AHV
        "^[12] 00 00 0[0-9AB] 000 000 00",  # NIR
        "^00.00.00-000.00",  # Belgium
        *(f"^[1-8]00000{century}00[01]0[0-3]0000[0-9Xx]" for century in ("19", "2[0]")),  # China
    ),
)

_LETTERS: Final = Family(
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
    forms=tuple(f"[A-Z]00{one}{'[A-Z0-9]' * 4}{two}000" for one in ("", " ") for two in ("", " ")),
)
_MEXICAN: Final = Family(
    (_kind("mx-curp", "CURP (Mexico)", r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]", checks.curp),),
    before=20,
    reach=2,
    forms=(f"[A-Z]000000[HMX]{'[A-Z]' * 5}[A-Z0-9]0",),
)
_PASSPORT_ZONE: Final = Family(
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
    before=90,
    reach=24,
    forms=("[A-Z<]" * 3 + "0" * 7 + "[FMX<]" + "0" * 7,),  # of its second line
)

FAMILIES: Final = (
    Family(
        (_ADDRESS,),
        before=130,
        reach=400,
        prefilter=r"[A-Za-z0-9._%+\x80-\xbf-]@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2}",
        mark=b"@",
        lead=re.compile(rb"(?:[A-Za-z0-9._%+-]|[\x80-\xbf]\xc3)*"),
    ),
    Family(
        (_INTERNATIONAL,),
        before=8,
        reach=40,
        forms=tuple(
            f"+[1-9]{'0' * digits}{'[ .(/-]' * spaces}0[0-9 .-]0" for digits in range(3) for spaces in range(3)
        ),
    ),
    Family((_NORTH_AMERICAN,), before=18, reach=2, forms=("([2-9]00)000-0000", "([2-9]00) 000-0000")),
    _DIGITS,
    _LETTERS,
    _MEXICAN,
    _PASSPORT_ZONE,
)
