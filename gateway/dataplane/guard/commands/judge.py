"""What a tool call asks for, judged by rules over the commands that a shell would see. Pure; time is linear in the call."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from gateway.base.core.struct import Record
from gateway.dataplane.guard.commands.calls import Call, read
from gateway.dataplane.guard.commands.code import told_by_code
from gateway.dataplane.guard.commands.places import (
    METADATA_HOSTS,
    holds_credentials,
    is_env_file,
    normal,
    starts_by_itself,
)
from gateway.dataplane.guard.commands.programs import code_in, scripts
from gateway.dataplane.guard.commands.rules import RULES, told
from gateway.dataplane.guard.commands.shell import LONGEST, Command, pipelines

_MOST_DEPTH: Final = 8
_MOST_TIMES: Final = 3
_MOST_COMMANDS: Final = 2000
"""What is judged of one script: some 20 ms. More is told as such."""
_URL: Final = re.compile(r"(?i)\b(?:https?|wss?|ftp|sftp|ssh|git|tcp)://[^\s'\"<>`\\|;)]{1,2000}")
_SSH_PLACE: Final = re.compile(
    r"(?:^|\s)[\w.-]{1,64}@([A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6})(?=[:\s;&|'\")]|$)"
)
_HOST: Final = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}(?=[:/]|$)")
_DIALLING: Final = frozenset(
    (
        "curl",
        "wget",
        "ssh",
        "nc",
        "ncat",
        "netcat",
        "telnet",
        "ping",
        "dig",
        "nslookup",
        "host",
        "ftp",
        "sftp",
        "rsync",
        "scp",
    )
)


class Danger(Record, frozen=True):
    """One thing that a call asks for. `place` is the member of the arguments that it stands in; it never holds their text."""

    rule: str
    place: str


def judged(name: str, arguments: bytes) -> list[Danger]:
    """What is dangerous in a call of the tool `name`; `arguments` is the JSON text of its arguments, or plain text.

    Each rule and place once, in the order of RULES. What a call only writes into a file is no command.
    """
    call = read(name, arguments)
    found: set[tuple[str, str]] = set()
    for key, script in call.scripts:
        found |= {(rule, key) for rule in _told_by_script(script)}
    for key, path in call.paths:
        if holds_credentials(path) and (key, path) not in call.written:
            found.add(("read-credentials", key))
        elif is_env_file(path) and (key, path) not in call.written:
            found.add(("read-env-file", key))
    found |= {("persistence", key) for key, path in call.written if starts_by_itself(path)}
    found |= {
        ("cloud-metadata", key) for key, text in call.texts if "url" in key.lower() and METADATA_HOSTS.search(text)
    }
    order = list(RULES)
    return [Danger(rule, key) for rule, key in sorted(found, key=lambda each: (order.index(each[0]), each[1]))]


def named_paths(name: str, arguments: bytes) -> list[str]:
    """The paths of files that the call names, in its order, each as `normal` writes it: `~` for the home directory."""
    call = read(name, arguments)
    found = [path for _, path in call.paths]
    for command in _commands(call):
        words = [word.rpartition("=")[2].lstrip("@<") for word in command.words]
        found += [
            word for word in words if " " not in word and ("/" in word or word.startswith((".", "~")) or "." in word)
        ]
        found += command.reads + command.writes
    return list(dict.fromkeys(normal(path) for path in found if path and "://" not in path and "\n" not in path))


def named_hosts(name: str, arguments: bytes) -> list[str]:
    """The hosts that the call names, in its order, in lower case: in URLs, behind `user@`, and where a program dials one."""
    call = read(name, arguments)
    found: list[str] = []
    for _, text in call.texts:
        found += [_host_of(url) for url in _URL.findall(text)]
        found += _SSH_PLACE.findall(text)
    for command in _commands(call):
        programs = [word.rsplit("/", 1)[-1] for word in command.words[:3]]
        if not _DIALLING.isdisjoint(programs):
            found += [host[0] for word in command.words[1:] if not word.startswith("-") and (host := _HOST.match(word))]
    return list(dict.fromkeys(host.lower().rstrip(".") for host in found if host))


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _commands(call: Call) -> Iterator[Command]:
    for _, script in call.scripts:
        for pipeline in islice(_all_pipelines(script), _MOST_COMMANDS):
            yield from pipeline


def _all_pipelines(script: str) -> Iterator[list[Command]]:
    """Those of a script and of the scripts in it. A script in a script is read again: that is bounded."""
    waiting = [(script, 0)]
    left = _MOST_TIMES * len(script) + 1000
    while waiting:
        text, depth = waiting.pop()
        left -= len(text)
        if left < 0:
            return
        for pipeline in pipelines(text):
            yield pipeline
            if depth < _MOST_DEPTH:
                waiting += [(inner, depth + 1) for command in pipeline for inner in scripts(command)]


def _told_by_script(script: str) -> set[str]:
    found = set(told_by_code(script))
    downloaded: set[str] = set()
    left = _MOST_COMMANDS
    for pipeline in _all_pipelines(script):
        left -= len(pipeline)
        if left < 0 or len(pipeline) == LONGEST:
            return found | {"too-many-commands"}
        found |= set(told(pipeline))
        for command in pipeline:
            if _runs_one_of(command, downloaded):
                found.add("download-and-run")
            downloaded |= _downloads(command)
            for code in code_in(command):
                found |= set(told_by_code(code))
    return found


def _downloads(command: Command) -> set[str]:
    """The files that a download goes to."""
    words = command.words
    if not words or not {word.rsplit("/", 1)[-1] for word in words[:2]} & {"curl", "wget"}:
        return set()
    found = {
        words[place + 1]
        for place, word in enumerate(words[:-1])
        if word in ("-o", "-O", "--output", "--output-document", "-fsSLo", "-sSLo", "-Lo", "-sLo")
    }
    if "-O" in words or "--remote-name" in words or "wget" in (words[0], words[min(1, len(words) - 1)]):
        found |= {word.rsplit("/", 1)[-1] for word in words if "://" in word}
    return {normal(path) for path in found | set(command.writes) if path and "://" not in path}


def _runs_one_of(command: Command, files: set[str]) -> bool:
    if not files:
        return False
    words = [word for word in command.words if word not in ("sudo", "source", ".") and not word.startswith("-")]
    if not words:
        return False
    is_shell = words[0].rsplit("/", 1)[-1] in ("sh", "bash", "zsh", "dash", "python", "python3", "perl", "node", "ruby")
    return normal(words[0]) in files or (is_shell and len(words) > 1 and normal(words[1]) in files)
