"""What a command runs: its program, without what only runs it otherwise; scripts and programs of other languages that it is given."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.shell import Command

SHELLS: Final = frozenset((
    "sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh", "pwsh", "powershell", "cmd",
))  # fmt: skip
INTERPRETERS: Final = re.compile(r"(?:python[\d.]*|pypy3?|perl|ruby|node|nodejs|deno|bun|php|lua|osascript)$")
_WRAPPERS: Final = {
    "sudo": "ugphCcrtTDR", "doas": "uC", "env": "uCS", "nohup": "", "time": "fo", "nice": "n", "ionice": "cnp", "exec": "a", "command": "",
    "builtin": "", "setsid": "", "stdbuf": "ioe", "timeout": "ks", "busybox": "", "toybox": "", "chroot": "", "unshare": "", "xargs": "IndLPsaE", "parallel": "j",
    "watch": "n", "strace": "eop", "then": "", "do": "", "else": "", "proxychains": "f", "start": "", "caffeinate": "", "flock": "w",
}  # fmt: skip
"""Program → its options that take a value: what follows is the command that it runs."""


def bare(words: list[str]) -> list[str]:
    """Without what runs a command as somebody else, later, or with another environment."""
    at = 0
    while at < len(words) and (wrapper := words[at].rsplit("/", 1)[-1].lower()) in _WRAPPERS:
        at += 1
        while at < len(words) and (words[at].startswith("-") or "=" in words[at].split("/")[0]):
            option = words[at]
            at += 2 if len(option) == 2 and option[1] in _WRAPPERS[wrapper] else 1
        if wrapper in ("timeout", "chroot", "flock") and at < len(words):
            at += 1
    return words[at:]


def program_of(words: list[str]) -> str:
    """The name of the program that words call, in lower case; '' where there are none."""
    return re.split(r"[/\\]", words[0])[-1].lower().removesuffix(".exe") if words else ""


def scripts(command: Command) -> Iterator[str]:
    """The scripts that a command runs in its turn: `bash -c`, `eval`, here-documents of shells, substitutions."""
    yield from command.nested
    words = bare(command.words)
    program = program_of(words)
    if program in SHELLS or program == "su":
        yield from _behind(words, ("-c", "/c", "/k", "-command", "-lc", "-ic", "-ec", "-xc", "-lic", "-euc", "-exc"))
        yield from command.here
    elif program in ("eval", "iex", "invoke-expression"):
        yield " ".join(words[1:])
    elif program in (
        "ssh",
        "docker",
        "kubectl",
        "podman",
        "wsl",
        "vagrant",
        "adb",
        "runuser",
        "script",
        "trap",
        "watch",
        "sudo",
        "find",
        "fd",
    ):
        for place, word in enumerate(words[1:], 1):
            if word in ("-exec", "-execdir", "-ok", "-x", "--"):
                yield " ".join(words[place + 1 :])
                break
        if program in ("ssh", "trap", "script") and len(words) > 2:
            yield " ".join(word for word in words[2:] if not word.startswith("-"))
        if program in ("docker", "kubectl", "podman") and "-c" in words:
            yield from _behind(words, ("-c",))


def code_in(command: Command) -> Iterator[str]:
    """Programs of other languages on the command line or in a here-document."""
    words = bare(command.words)
    if INTERPRETERS.match(program_of(words)):
        yield from _behind(words, ("-c", "-e", "-r", "-E", "--eval", "-pe", "-ne", "-le"))
        yield from command.here


def _behind(words: list[str], options: tuple[str, ...]) -> Iterator[str]:
    """The word behind the first of `options`; PowerShell's `-Command` takes all that follows."""
    for place, word in enumerate(words[:-1]):
        if word.lower() in options:
            is_rest = word.lower() in ("-command", "/c", "/k")
            yield " ".join(words[place + 1 :]) if is_rest else words[place + 1]
            return
