"""Telephone numbers: which are assigned, by ITU-T E.164 and the North American Numbering Plan."""

import re
from typing import Final

from gateway.dataplane.guard.pii.checks import digits_of

_COUNTRIES: Final = re.compile(
    r"7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]"
    r"|21[1-368]|22\d|23\d|24\d|25[0-8]|26\d|29[0178]|35\d|37\d|38[0-25-79]|42[013]|50\d|59\d|67[02-9]|68[0-35-9]|69[0-2]"
    r"|80[08]|85[02356]|88[0168]|96[0-8]|97[0-79]|99[2-68]"
)
"""Country codes of ITU-T E.164, list of 2016 and its amendments; +1 is told apart below."""
_LEAST, _MOST = 9, 15
_SEPARATORS: Final = re.compile(rb"[ ()/.-]+")


def is_north_american(number: bytes) -> bool:
    """Ten digits, area and exchange beginning 2-9 and not ending 11; 555-0100 to 555-0199 are kept for fiction."""
    digits = "".join(map(str, digits_of(number)))[-10:]
    area, exchange, line = digits[:3], digits[3:6], digits[6:]
    if len(digits) != 10 or area[0] < "2" or exchange[0] < "2" or area[1:] == "11" or exchange[1:] == "11":
        return False
    return not (exchange == "555" and line[:2] == "01") and len(set(digits)) > 2


def is_international(number: bytes) -> bool:
    """`+` and an assigned country code, 9 to 15 digits in all, written as people write them and not as a number is.

    A number with one dot is no telephone (`+1.2345678`), nor is a row of numbers with signs (`+12 -34 -56`).
    """
    digits = "".join(map(str, digits_of(number)))
    if digits[0] == "1":
        return len(digits) == 11 and is_north_american(number)
    if not _LEAST <= len(digits) <= _MOST or not _COUNTRIES.match(digits) or len(set(digits)) < 3:
        return False
    separators = _SEPARATORS.findall(number)
    return not (len(separators) == 1 and separators[0] == b".") and not any(
        b"-" in each and b" " in each for each in separators
    )
