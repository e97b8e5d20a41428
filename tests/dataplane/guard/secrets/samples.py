"""Secrets to find, made up when asked for: none was ever issued, and none stands in the repository."""

import base64
import json
import random
import string
from binascii import crc32

ALNUM = string.ascii_letters + string.digits
LOWER = string.ascii_lowercase + string.digits
HEX = "0123456789abcdef"
URL64 = ALNUM + "-_"
BASE64 = ALNUM + "+/"
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


class Maker:
    """Random text, the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def text(self, alphabet: str, size: int) -> str:
        return "".join(self._random.choice(alphabet) for _ in range(size))

    def uuid(self) -> str:
        return "-".join(self.text(HEX, size) for size in (8, 4, 4, 4, 12))

    def github(self) -> str:
        """With the checksum that GitHub's tokens have."""
        body = self.text(ALNUM, 30)
        left, digits = crc32(body.encode()), ""
        for _ in range(6):
            left, digit = divmod(left, 62)
            digits = _BASE62[digit] + digits
        return f"ghp_{body}{digits}"

    def jwt(self) -> str:
        parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": "1", "name": self.text(ALNUM, 12)}]
        coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
        return ".".join([*coded, self.text(URL64, 43)])

    def pem(self, kind: str = "RSA PRIVATE") -> str:
        lines = "\n".join(self.text(BASE64, 64) for _ in range(6))
        return f"-----BEGIN {kind} KEY-----\n{lines}\n-----END {kind} KEY-----"


SHAPES = (
    "{name}={value}",
    "{name} = {value}",
    'export {name}="{value}"',
    "{name}: {value}",
    "{name}: '{value}'",
    '"{name}": "{value}"',
    '{{\\"{name}\\": \\"{value}\\"}}',
    '{{"config.ini": "{name}={value}\\nBACKUP_ENABLED=true"}}',
    "<{name}>\n    {value}\n</{name}>",
    '<add key="{name}" value="{value}" />',
    "<key>{name}</key>\n  <string>{value}</string>",
    '- name: {name}\n  value: "{value}"',
    'var {name} string = "{value}"',
    "{name} := `{value}`",
    'String {name} = "{value}";',
    '  "{name}" => "{value}"',
    '${name} .= "{value}"',
    'System.setProperty("{name}", "{value}")',
    '{name} ::= "{value}"',
    '{name} ?= "{value}"',
    "os.environ['{name}'] = '{value}'",
    "--set app.{name}={value}",
    "https://example.org/?{name}={value}&x=1",
)
"""How languages assign a value to a name."""
