"""What a script says, in whatever language, without reading it as a program."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.places import METADATA_HOSTS, holds_credentials

_SELF_CALL: Final = re.compile(
    r"(?:function\s{1,3})?([\w:.]{1,20})\s{0,3}\(\)\s{0,3}\{[^}]{0,80}?(?<![\w:.])\1\s{0,3}\|\s{0,3}&?\s{0,3}\1\s{0,3}&"
)
_ENDLESS_FORK: Final = re.compile(
    r"(?:while\s{0,3}\(?\s{0,3}(?:1|True|true)\s{0,3}\)?\s{0,3}[:{]?\s{0,8}(?:os\.)?fork\b|%0\s?\|\s?%0)"
)
_REMOTE_SHELL: Final = re.compile(
    r"/dev/(?:tcp|udp)/[\w.$-]|socket[^\0]{0,400}?(?:subprocess|os\.dup2|pty\.spawn|exec\s?[({\"']|/bin/(?:ba)?sh)|fsockopen[^\0]{0,200}?(?:exec|/bin/)"
    r"|TCPSocket[^\0]{0,200}?(?:exec|/bin/)|net\.Socket[^\0]{0,300}?(?:spawn|exec|/bin/)|child_process[^\0]{0,200}?net\.(?:connect|Socket)|Net\.Sockets\.TCPClient"
)
_TREE_IN_CODE: Final = re.compile(
    r"(?:rmtree|rm_rf|rm_r|rimraf|rmSync|rmdirSync|removeSync|remove_tree)\s{0,2}\(?\s{0,2}(?:os\.path\.expanduser\()?['\"](/|/\*|~|~/|/home|/etc|/usr|/var|C:\\\\?)['\"]"
)
_READ_IN_CODE: Final = re.compile(
    r"(?:open|read_text|readFile|readFileSync|File\.read|file_get_contents|expanduser|Path)\s{0,2}\(?\s{0,2}['\"]([^'\"\n]{3,200})['\"]"
)


def told_by_code(text: str) -> Iterator[str]:
    """What a script says, in whatever language: endless forks, shells over sockets, deletions and reads by name."""
    if _SELF_CALL.search(text) or _ENDLESS_FORK.search(text):
        yield "fork-bomb"
    if _REMOTE_SHELL.search(text):
        yield "reverse-shell"
    if _TREE_IN_CODE.search(text):
        yield "delete-everything"
    if METADATA_HOSTS.search(text):
        yield "cloud-metadata"
    if any(holds_credentials(found[1]) for found in _READ_IN_CODE.finditer(text)):
        yield "read-credentials"
