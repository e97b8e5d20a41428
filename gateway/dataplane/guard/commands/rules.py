"""What one pipeline of a script does, by rule: what each of its commands does by itself, and what they do together."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.alone import told_alone
from gateway.dataplane.guard.commands.places import holds_credentials, is_device, is_env_file, starts_by_itself
from gateway.dataplane.guard.commands.programs import INTERPRETERS, SHELLS, bare, program_of
from gateway.dataplane.guard.commands.reading import reads_credentials
from gateway.dataplane.guard.commands.shell import Command

RULES: Final[dict[str, str]] = {
    "delete-everything": "Deletes the file system, a system directory or the home directory",
    "download-and-run": "Runs what it downloads, unseen",
    "decode-and-run": "Decodes something and runs it",
    "fork-bomb": "Starts processes without end",
    "format-disk": "Formats, partitions or overwrites a disk",
    "open-permissions": "Gives everybody rights to a system or home directory, or sets the setuid bit",
    "read-credentials": "Reads keys, tokens, passwords or histories where programs keep them",
    "read-env-file": "Reads a `.env` file",
    "cloud-metadata": "Asks the cloud's metadata address, which gives out credentials",
    "exfiltrate": "Sends credentials or the environment to the network",
    "reverse-shell": "Opens a shell for somebody on the network",
    "persistence": "Writes where programs start by themselves or where users are let in",
    "disable-security": "Turns off a firewall, a protection, logging or the shell's history",
    "delete-data": "Drops a database, destroys infrastructure or empties a bucket",
    "force-push": "Overwrites or deletes a main branch",
    "stop-machine": "Stops the machine or all its processes",
    "too-many-commands": "Has more commands than are judged",
}  # fmt: skip
_DOWNLOADERS: Final = frozenset((
    "curl", "wget", "fetch", "aria2c", "lynx", "http", "https", "iwr", "irm", "invoke-webrequest", "invoke-restmethod", "curl.exe",
))  # fmt: skip
_DECODERS: Final = re.compile(r"base64|base32|xxd|uudecode|openssl|gunzip|zcat|gzip|rev|basenc|unhex")
_SENDERS: Final = frozenset((
    "curl", "wget", "nc", "ncat", "netcat", "socat", "telnet", "scp", "sftp", "rsync", "ftp", "mail", "sendmail", "http",
))  # fmt: skip


def told(pipeline: list[Command]) -> Iterator[str]:
    """The rules that a pipeline breaks."""
    stages = [bare(command.words) for command in pipeline]
    programs = [program_of(words or command.words[:1]) for words, command in zip(stages, pipeline, strict=True)]
    yield from _joined(pipeline, stages, programs)
    for command, words, program in zip(pipeline, stages, programs, strict=True):
        yield from told_alone(command, words, program)
        for target in command.writes:
            if is_device(target):
                yield "format-disk"
            if starts_by_itself(target):
                yield "persistence"
        if any(holds_credentials(each) for each in command.reads):
            yield "read-credentials"


def _joined(pipeline: list[Command], stages: list[list[str]], programs: list[str]) -> Iterator[str]:
    """What stages do together."""
    for place, program in enumerate(programs):
        if place and _is_runner(stages[place], program):
            before = programs[:place]
            if any(each in _DOWNLOADERS for each in before):
                yield "download-and-run"
            if any(_DECODERS.match(each) and _does_decode(words) for each, words in zip(before, stages, strict=False)):
                yield "decode-and-run"
        is_taking = (
            program in SHELLS
            or program in ("eval", "source", ".", "iex", "invoke-expression")
            or INTERPRETERS.match(program)
        )
        if is_taking:
            for script in pipeline[place].nested:
                if re.match(r"\(?\s*(?:sudo )?(?:curl|wget|fetch|iwr|irm)\b", script):
                    yield "download-and-run"
                if re.search(r"\bbase64\s+(?:-d|-D|--decode)|xxd\s+-r", script):
                    yield "decode-and-run"
        if program in _SENDERS and (
            any(each in ("env", "printenv", "export", "set") for each in programs[:place])
            or any(
                holds_credentials(word.lstrip("@<").split("=@")[-1]) or is_env_file(word.lstrip("@<").split("=@")[-1])
                for word in stages[place][1:]
                if program != "ssh"
            )
            or any(
                re.match(r"\s*(?:env|printenv|export -p|set)\s*(?:$|\|)", script) for script in pipeline[place].nested
            )
            or any(reads_credentials(words, name) for words, name in zip(stages[:place], programs, strict=False))
            or any(
                re.search(r"\.ssh/id_|\.aws/credentials|(?<!\w)\.env\b|/etc/shadow", script)
                for script in pipeline[place].nested
            )
        ):
            yield "exfiltrate"


def _is_runner(words: list[str], program: str) -> bool:
    """A shell or an interpreter that takes its script from standard input."""
    if program in ("source", ".") and words[1:2] in (["/dev/stdin"], ["-"]):
        return True
    if program in ("iex", "invoke-expression"):
        return True
    if program not in SHELLS and not INTERPRETERS.match(program):
        return False
    return (
        all(word.startswith("-") or word == "/dev/stdin" for word in words[1:2])
        and "-c" not in words
        and "-m" not in words
    )


def _does_decode(words: list[str]) -> bool:
    return any(
        word in ("-d", "-D", "--decode", "-r", "-di", "-d64") or word.startswith(("-d", "-D", "enc"))
        for word in words[1:]
    ) or words[0] in (
        "gunzip",
        "zcat",
        "rev",
        "uudecode",
        "unhex",
    )
