"""Code in an answer that would run what a stranger says. Few forms, each of which is hardly ever meant well."""

import re
from typing import Final

_RULES: Final = (
    ("shell-of-download", rb"\b(?:curl|wget)\b[^\n|;]{0,300}\|\s{0,3}(?:sudo\s{1,3})?(?:ba|z|da|k)?sh\b"),
    ("shell-of-download", rb"\b(?:ba|z|da|k)?sh\s{1,3}(?:-c\s{1,3}[\"']?\$\(|<\()\s{0,3}(?:curl|wget)\b"),
    ("shell-of-download", rb"\b(?:iex|Invoke-Expression)\b[^\n]{0,100}(?:iwr|irm|Invoke-WebRequest|Invoke-RestMethod|DownloadString)\b"),
    ("eval-of-download", rb"\b(?:eval|exec|Function)\s{0,3}\([^\n]{0,100}?(?:requests\.|urlopen|urllib|httpx\.|fetch\(|axios|XMLHttpRequest)"),
    ("eval-of-encoded", rb"\b(?:eval|exec|Function)\s{0,3}\([^\n]{0,100}?(?:b64decode|atob|base64_decode|unhexlify|marshal\.loads)"),
    ("command-of-input", rb"\b(?:os\.(?:system|popen)|subprocess\.\w{2,20}|child_process\.\w{2,20}|execSync)\s{0,3}\([^\n]{0,100}?(?:input\(|sys\.argv|request\.(?:args|form|json|query|body|params)|req\.(?:query|body|params))"),
    ("pickle-of-download", rb"\b(?:pickle|marshal|dill)\.loads?\s{0,3}\([^\n]{0,100}?(?:requests\.|urlopen|httpx\.|request\.)"),
)  # fmt: skip
_COMPILED: Final = tuple((name, re.compile(form)) for name, form in _RULES)
_BEGUN: Final = re.compile(
    rb"\b(?:curl|wget|(?:ba|z|da|k)?sh|iex|Invoke-Expression|eval|exec|Function|os\.|subprocess\.|child_process|execSync|pickle|marshal|dill)\b"
)
REACH: Final = 500


def find_code(text: bytes) -> list[tuple[str, int, int]]:
    """(rule, start, end) of each."""
    if _BEGUN.search(text) is None:
        return []
    return [(name, *found.span()) for name, form in _COMPILED for found in form.finditer(text)]


def open_from(text: bytes) -> int:
    """From where on it could be the beginning of one: a word of them in the last line."""
    line = max(text.rfind(b"\n") + 1, len(text) - REACH)
    found = _BEGUN.search(text, line)
    return found.start() if found else len(text)
