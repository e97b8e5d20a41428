"""Personal data behind a word that says what it is: `NHS number`, `"cpf":`, `passport`. Its own form would leave too much to chance."""

from collections.abc import Mapping
from typing import Final

from gateway.dataplane.guard.database import NONE_SAVED, Database, Pattern
from gateway.dataplane.guard.expression import Expression
from gateway.dataplane.guard.finding import Confidence, Finding
from gateway.dataplane.guard.pii import checks
from gateway.dataplane.guard.pii.kinds import BEFORE, BEHIND, Kind

# (kind, title, words that say so, how it is written, check)
_NAMED: Final = (
    ("us-ssn", "Social Security number (US)", "ssn|social[ _-]?security", r"[0-9]{3}[ -]?[0-9]{2}[ -]?[0-9]{4}", checks.ssn),
    ("gb-nhs-number", "NHS number (UK)", "nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", checks.nhs),
    ("gb-nino", "National Insurance number (UK)", "nino|national[ _-]?insurance|ni[ _-]n(?:umber|o)", r"[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]", checks.nino),
    ("de-tax-id", "Steuer-Identifikationsnummer (Germany)", r"steuer[ -]?id\w{0,20}|steuer(?:nummer|nr)|idnr|tax[ _-]?id", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", checks.german_tax_id),
    ("es-dni", "DNI, NIE (Spain)", "dni|nif|nie", r"(?:[0-9]{8}|[XYZ]-?[0-9]{7})[ -]?[A-Z]", checks.spanish_dni),
    ("in-aadhaar", "Aadhaar (India)", "aadhaar|aadhar|uidai", r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", checks.aadhaar),
    ("in-pan", "Permanent Account Number (India)", r"pan|permanent[ _-]?account", r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]", None),
    ("br-cpf", "CPF (Brazil)", "cpf", r"[0-9]{11}", checks.cpf),
    ("fr-nir", "NIR, numéro de sécurité sociale (France)", r"nir|insee|secu\w{0,4}|sécu\w{0,8}", r"[12][0-9]{4}[0-9][0-9AB][0-9]{8}", checks.nir),
    ("pl-pesel", "PESEL (Poland)", "pesel", r"[0-9]{11}", checks.pesel),
    ("nl-bsn", "Burgerservicenummer (Netherlands)", r"bsn|burgerservicen\w{0,6}|sofi", r"[0-9]{4}[ .]?[0-9]{2}[ .]?[0-9]{3}", checks.bsn),
    ("ca-sin", "Social Insurance Number (Canada)", r"sin|social[ _-]?insurance", r"[1-79][0-9]{2}[ -]?[0-9]{3}[ -]?[0-9]{3}", checks.luhn),
    ("au-tfn", "Tax File Number (Australia)", "tfn|tax[ _-]?file", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", checks.tfn),
    ("sg-nric", "NRIC, FIN (Singapore)", "nric|fin", r"[STFGM][0-9]{7}[A-Z]", checks.nric),
    ("kr-rrn", "Resident registration number (Korea)", "rrn|resident[ _-]?registration|주민등록번호|주민번호", r"[0-9]{6}-?[1-8][0-9]{6}", checks.korean),
    ("jp-my-number", "My Number (Japan)", "my[ _-]?number|マイナンバー|個人番号", r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}", checks.my_number),
    ("se-personnummer", "Personnummer (Sweden)", "personn(?:ummer|r)|samordningsnummer", r"(?:[0-9]{2})?[0-9]{6}[-+]?[0-9]{4}", checks.personnummer),
    ("us-routing-number", "Bank routing number (US)", r"routing[ _-]?n\w{0,5}|aba|rtn", r"[0-9]{9}", checks.routing_number),
    ("passport-number", "Number of a passport", "passport|reisepass|passeport|pasaporte|passaporto", r"[A-Z]{0,2}[0-9]{6,9}[A-Z]?|[CFGHJKLMNPRTVWXYZ][0-9CFGHJKLMNPRTVWXYZ]{8}", None),
    ("date-of-birth", "Date of birth", r"date[ _-]?of[ _-]?birth|birth[ _-]?da(?:te|y)|d\.?o\.?b\.?|born(?: on)?|geburtsdatum|geboren(?: am)?|date de naissance|fecha de nacimiento|data di nascita", r"(?:19|20)[0-9]{2}[-/.][01]?[0-9][-/.][0-3]?[0-9]|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}", None),
    ("national-telephone", "Telephone number, in a national form", r"(?:tele)?phone|tel|mobile|cell|fax|telefon|handy|téléphone|portable|móvil|teléfono|celular|cellulare", r"\(?0[1-9](?:[ ()/.-]{0,2}[0-9]){7,10}|[2-9][0-9]{2}[ .-]?[2-9][0-9]{2}[ .-]?[0-9]{4}|[679]\d{9}", None),
)  # fmt: skip

_BETWEEN: Final = r"(?:number|num|no|nr|id|code)?(?:[^0-9\n\0]{0,24}?[^0-9A-Za-z\n\0])??"
_WORD_REACH, _VALUE_REACH = 80, 60

KINDS: Final = tuple(
    Kind(
        kind,
        title,
        Expression(f"(?i:{_BETWEEN}){BEFORE}({expression}){BEHIND}"),
        check,
        Confidence.PROVEN if check else Confidence.VENDOR,
    )
    for kind, title, _, expression, check in _NAMED
)
PREFILTERS: Final = tuple(
    rf"(?i)(?:{words})(?:n(?:umber|um|o|r)|id|code)?[^a-z\0\n][^0-9\0\n]{{0,24}}[0-9]{{2}}"
    for _, _, words, _, _ in _NAMED
)
"""To be scanned for under one number. As one alternation they would cost twenty times as much."""


class Named:
    """Judges the places where `PREFILTERS` hits. The words stand in a database of their own, asked about one line at a time."""

    __slots__ = ("words",)

    def __init__(self, saved: Mapping[bytes, bytes] = NONE_SAVED) -> None:
        self.words = Database([Pattern(n, f"(?i)(?:{each[2]})", True) for n, each in enumerate(_NAMED)], saved)

    def findings(self, text: bytes, judged: int, end: int, wanted: frozenset[str]) -> tuple[list[Finding], int]:
        """What stands behind the words from byte `judged` to `end`, and up to where words have been judged now."""
        low = max(judged, end - _WORD_REACH)
        found = []
        for number, start, behind in self.words.scan(text[low:end]):
            kind = KINDS[number]
            before, word = text[max(0, low + start - 1) : low + start], text[low + start : low + behind]
            if kind.id not in wanted or (before.isalpha() and not (before.islower() and word[:1].isupper())):
                continue
            match = kind.confirm.match(text, low + behind, low + behind + _VALUE_REACH)
            if match and (kind.check is None or kind.check(match[1])):
                found.append(Finding("pii", kind.id, *match.span(1), kind.confidence))
        return found, end
