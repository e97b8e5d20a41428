"""Check digits of numbers that people carry, each by its published rule. Pure; each takes the number, separators aside."""

from collections.abc import Callable, Sequence
from typing import Final

_PARTS: Final = b" -./"
_LETTERS_OF_DNI: Final = b"TRWAGMYFPDXBNJZSQVHLCKE"
_IBAN_LENGTHS: Final = {
    country: int(size)
    for size, countries in (
        line.split(" ", 1)
        for line in (
            "15 NO",
            "16 BE",
            "18 DK FI FO GL NL SD",
            "19 MK SI",
            "20 AT BA EE KZ LT LU MN XK",
            "21 CH HR LI LV",
            "22 BG BH CR DE GB GE IE ME RS VA",
            "23 AE GI IL IQ OM SO TL",
            "24 AD CZ ES MD PK RO SA SE SK TN VG",
            "25 LY PT ST",
            "26 IS TR",
            "27 BI DJ FR GR IT MC MR SM",
            "28 AL AZ BY CY DO GT HN HU LB NI PL SV",
            "29 BR EG PS QA UA",
            "30 JO KW MU YE",
            "31 MT SC",
            "32 LC",
            "33 RU",
        )
    )
    for country in countries.split()
}
"""Country → length: SWIFT's IBAN registry (ISO 13616-1)."""


def bare(value: bytes) -> bytes:
    """Without spaces, dashes, dots and slashes, in capitals."""
    return value.translate(None, _PARTS).upper()


def digits_of(value: bytes) -> list[int]:
    """Its digits, whatever stands between them."""
    return [byte - 48 for byte in value if 48 <= byte <= 57]


def luhn(value: bytes) -> bool:
    """ISO/IEC 7812-1 annex B: payment cards, Canada's SIN, Sweden's personnummer."""
    digits = digits_of(value)
    doubled = (d if i % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for i, d in enumerate(reversed(digits)))
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0


def iban(value: bytes) -> bool:
    """ISO 13616-1: the country's length, and ISO 7064 MOD 97-10."""
    number = bare(value)
    if _IBAN_LENGTHS.get(number[:2].decode()) != len(number) or not number.isalnum():
        return False
    return int("".join(str(int(char, 36)) for char in (number[4:] + number[:4]).decode())) % 97 == 1


def card(value: bytes) -> bool:
    """An issuer's range with its lengths (Visa, Mastercard, American Express, Discover, JCB, Diners, UnionPay), and Luhn."""
    number = bytes(byte for byte in value if 48 <= byte <= 57)
    size, four = len(number), int(number[:4])
    if size == 16:
        is_issued = (
            4000 <= four < 5000  # Visa
            or 5100 <= four < 5600  # Mastercard
            or 2221 <= four <= 2720  # Mastercard
            or four == 6011
            or 6440 <= four < 6600  # Discover
            or 3528 <= four < 3590  # JCB
            or 6200 <= four < 6300  # UnionPay
        )
    else:
        is_issued = (
            (size == 15 and four // 100 in (34, 37))
            or (size == 14 and (four // 100 in (36, 38, 39) or 3000 <= four < 3060))
            or (size in (17, 18, 19) and four // 100 == 62)
            or (size in (13, 19) and four // 1000 == 4)
        )
    return is_issued and luhn(number)


def ssn(value: bytes) -> bool:
    """Social Security Administration, POMS RM 10201.030: no area 000, 666 or 9xx, no group 00, no serial 0000."""
    number = bare(value)
    return number[:3] not in (b"000", b"666") and number[:1] != b"9" and number[3:5] != b"00" and number[5:] != b"0000"


def itin(value: bytes) -> bool:
    """IRS, Internal Revenue Manual 3.21.263: 9xx, then 50-65, 70-88, 90-92 or 94-99."""
    number = bare(value)
    middle = int(number[3:5])
    return number[:1] == b"9" and (middle in range(50, 66) or middle in range(70, 100)) and middle not in (89, 93)


def nhs(value: bytes) -> bool:
    """NHS Data Dictionary, NHS NUMBER: modulus 11 with weights 10 to 2."""
    digits = digits_of(value)
    wanted = 11 - _weighted(digits, range(10, 1, -1)) % 11
    return len(digits) == 10 and len(set(digits)) > 1 and wanted % 11 == digits[9]


def nino(value: bytes) -> bool:
    """HMRC, National Insurance Manual NIM39110: which letters may begin and end one."""
    number = bare(value)
    first, second, pair = number[:1], number[1:2], number[:2]
    return (
        first not in b"DFIQUV"
        and second not in b"DFIQUVO"
        and pair not in (b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ")
    )


def german_tax_id(value: bytes) -> bool:
    """§ 139b AO: ISO 7064 MOD 11,10; of the first ten digits one stands twice or three times, some do not stand at all."""
    digits = digits_of(value)
    if len(digits) != 11 or digits[0] == 0 or len(set(digits[:10])) not in (8, 9):
        return False
    return _mod_11_10(digits[:10]) == digits[10]


def spanish_dni(value: bytes) -> bool:
    """Real Decreto 1553/2005, art. 11: the letter is the number modulo 23; X, Y, Z before a NIE count 0, 1, 2."""
    number = bare(value).translate(bytes.maketrans(b"XYZ", b"012"), b"") if value[:1] in b"XYZxyz" else bare(value)
    last = bare(value)[-1:]
    return number[:8].isdigit() and last == _LETTERS_OF_DNI[int(number[:8]) % 23 :][:1]


def aadhaar(value: bytes) -> bool:
    """UIDAI: twelve digits, the first neither 0 nor 1, the last by Verhoeff's algorithm."""
    digits = digits_of(value)
    check = 0
    for place, digit in enumerate(reversed(digits)):
        check = _DIHEDRAL[check][_PERMUTED[place % 8][digit]]
    return len(digits) == 12 and digits[0] > 1 and check == 0


def cpf(value: bytes) -> bool:
    """Receita Federal: two digits, each modulus 11 of all before it."""
    digits = digits_of(value)
    if len(digits) != 11 or len(set(digits)) == 1:
        return False
    return all(_weighted(digits, range(n + 1, 1, -1)) * 10 % 11 % 10 == digits[n] for n in (9, 10))


def nir(value: bytes) -> bool:
    """INSEE: sex, year, month, place, and the key, 97 less the number modulo 97; Corsica's 2A and 2B count 19 and 18."""
    number = bare(value).replace(b"2A", b"19").replace(b"2B", b"18")
    if len(number) != 15 or not number.isdigit() or number[:1] not in (b"1", b"2"):
        return False
    month = int(number[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and 97 - int(number[:13]) % 97 == int(number[13:])


def codice_fiscale(value: bytes) -> bool:
    """Decreto ministeriale 23 dicembre 1976, art. 7: the last letter by values for odd and even places."""
    number = bare(value).decode()
    total = sum(_ODD[int(char, 36)] if place % 2 == 0 else _even(char) for place, char in enumerate(number[:15]))
    return len(number) == 16 and chr(65 + total % 26) == number[15]


def curp(value: bytes) -> bool:
    """RENAPO, Instructivo para la asignación de la CURP: weights 18 to 2, modulus 10; ISO month and day."""
    number = bare(value).decode()
    total = sum(_CURP_ORDER.index(char) * (18 - place) for place, char in enumerate(number[:17]) if char in _CURP_ORDER)
    return _is_date(number[6:8], number[8:10]) and (10 - total % 10) % 10 == int(number[17])


def pesel(value: bytes) -> bool:
    """Ustawa o ewidencji ludności, art. 15: weights 1, 3, 7, 9; the century is in the month."""
    digits = digits_of(value)
    if len(digits) != 11 or (digits[2] * 10 + digits[3]) % 20 not in range(1, 13):
        return False
    return (10 - _weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == digits[10]


def bsn(value: bytes) -> bool:
    """Rijksdienst voor Identiteitsgegevens: the eleven test, the last digit counting -1."""
    digits = digits_of(value)
    return len(digits) == 9 and len(set(digits)) > 1 and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def belgian(value: bytes) -> bool:
    """Koninklijk besluit 3 april 1984: 97 less the number modulo 97, from 2000 on with a 2 before it."""
    number = bare(value)
    if len(number) != 11 or not _is_date(number[2:4].decode(), number[4:6].decode()):
        return False
    return any(97 - int(century + number[:9]) % 97 == int(number[9:]) for century in (b"", b"2"))


def ahv(value: bytes) -> bool:
    """Zentrale Ausgleichsstelle: 756 and a check digit as of EAN-13."""
    digits = digits_of(value)
    return len(digits) == 13 and (10 - _weighted(digits, (1, 3) * 6) % 10) % 10 == digits[12]


def tfn(value: bytes) -> bool:
    """Australian Taxation Office: weights 1, 4, 3, 7, 5, 8, 6, 9, 10, modulus 11."""
    digits = digits_of(value)
    return len(digits) == 9 and len(set(digits)) > 1 and _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def chinese(value: bytes) -> bool:
    """GB 11643-1999: a date of birth inside, ISO 7064 MOD 11-2."""
    number = bare(value).decode()
    if not _is_date(number[10:12], number[12:14]):
        return False
    total = sum(int(char) * pow(2, 17 - place, 11) for place, char in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def nric(value: bytes) -> bool:
    """Singapore's NRIC and FIN: weights 2, 7, 6, 5, 4, 3, 2; which letters depends on the first."""
    number = bare(value).decode()
    total = _weighted(digits_of(value), (2, 7, 6, 5, 4, 3, 2)) + {"S": 0, "T": 4, "F": 0, "G": 4, "M": 3}[number[0]]
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "F": "XWUTRQPNMLK", "G": "XWUTRQPNMLK", "M": "XWUTRQPNJLK"}
    rest = 10 - total % 11 if number[0] == "M" else total % 11
    return letters[number[0]][rest] == number[8]


def korean(value: bytes) -> bool:
    """Resident registration number: a date; weights 2 to 9, 2 to 5, modulus 11 (issued until October 2020)."""
    digits = digits_of(value)
    number = bare(value).decode()
    if len(digits) != 13 or not _is_date(number[2:4], number[4:6]):
        return False
    return (11 - _weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == digits[12]


def my_number(value: bytes) -> bool:
    """Japan, 番号法施行令 art. 8: eleven digits weighted 6 to 2, 7 to 2, modulus 11."""
    digits = digits_of(value)
    rest = _weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return len(digits) == 12 and (0 if rest <= 1 else 11 - rest) == digits[11]


def personnummer(value: bytes) -> bool:
    """Skatteverket: a date (the day plus 60 in a coordination number) and Luhn over ten digits."""
    number = bare(value.replace(b"+", b"-"))[-10:]
    return _is_date(number[2:4].decode(), str(int(number[4:6]) % 60)) and luhn(number)


def routing_number(value: bytes) -> bool:
    """American Bankers Association: weights 3, 7, 1, modulus 10; the first two digits name a district."""
    digits = digits_of(value)
    district = digits[0] * 10 + digits[1]
    is_district = district in range(1, 13) or district in range(21, 33) or district in range(61, 73) or district == 80
    return len(digits) == 9 and is_district and _weighted(digits, (3, 7, 1) * 3) % 10 == 0


def passport_zone(value: bytes) -> bool:
    """ICAO Doc 9303 part 4: the second line's check digits for number, birth and expiry (weights 7, 3, 1)."""
    line = value.splitlines()[-1].strip()
    return all(
        sum((_mrz(byte) * (7, 3, 1)[place % 3]) for place, byte in enumerate(line[start:end])) % 10 == _mrz(line[end])
        for start, end in ((0, 9), (13, 19), (21, 27))
    )


def _mrz(byte: int) -> int:
    return 0 if byte == 60 else int(chr(byte), 36)


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _mod_11_10(digits: Sequence[int]) -> int:
    left = 10
    for digit in digits:
        left = ((left + digit) % 10 or 10) * 2 % 11
    return (11 - left) % 10


def _is_date(month: str, day: str) -> bool:
    return month.isdigit() and day.isdigit() and 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def _dihedral() -> list[list[int]]:
    """The multiplication of the dihedral group D5, which Verhoeff's algorithm is built on."""
    return [
        [
            (a + b) % 5
            if a < 5 and b < 5
            else (a + b - 5) % 5 + 5
            if a < 5
            else (a - b) % 5 + 5
            if b < 5
            else (a - b) % 5
            for b in range(10)
        ]
        for a in range(10)
    ]


def _permuted() -> list[list[int]]:
    first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    rows = [list(range(10))]
    for _ in range(7):
        rows.append([first[digit] for digit in rows[-1]])
    return rows


_DIHEDRAL: Final = _dihedral()
_PERMUTED: Final = _permuted()
_ODD: Final = [
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
]
_CURP_ORDER: Final = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def _even(char: str) -> int:
    return int(char) if char.isdigit() else ord(char) - 65


Check = Callable[[bytes], bool]
