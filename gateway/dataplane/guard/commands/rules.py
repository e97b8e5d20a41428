"""What one pipeline of a script does, by rule: a deletion, a download that is run, a shell for somebody else, a read of credentials."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.places import (
    METADATA_HOSTS,
    holds_credentials,
    is_device,
    is_env_file,
    is_vital,
    starts_by_itself,
)
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

_SHELLS: Final = frozenset(
    ("sh", "bash", "zsh", "dash", "ksh", "ash", "fish", "csh", "tcsh", "pwsh", "powershell", "cmd")
)
_INTERPRETERS: Final = re.compile(r"(?:python[\d.]*|pypy3?|perl|ruby|node|nodejs|deno|bun|php|lua|osascript)$")
_DOWNLOADERS: Final = frozenset(
    (
        "curl",
        "wget",
        "fetch",
        "aria2c",
        "lynx",
        "http",
        "https",
        "iwr",
        "irm",
        "invoke-webrequest",
        "invoke-restmethod",
        "curl.exe",
    )
)
_DECODERS: Final = re.compile(r"base64|base32|xxd|uudecode|openssl|gunzip|zcat|gzip|rev|basenc|unhex")
_SENDERS: Final = frozenset(
    (
        "curl",
        "wget",
        "nc",
        "ncat",
        "netcat",
        "socat",
        "telnet",
        "scp",
        "sftp",
        "rsync",
        "ftp",
        "mail",
        "sendmail",
        "http",
    )
)
_WRAPPERS: Final = {
    "sudo": "ugphCcrtTDR", "doas": "uC", "env": "uCS", "nohup": "", "time": "fo", "nice": "n", "ionice": "cnp", "exec": "a", "command": "",
    "builtin": "", "setsid": "", "stdbuf": "ioe", "timeout": "ks", "busybox": "", "toybox": "", "chroot": "", "unshare": "", "xargs": "IndLPsaE", "parallel": "j",
    "watch": "n", "strace": "eop", "then": "", "do": "", "else": "", "proxychains": "f", "start": "", "caffeinate": "", "flock": "w",
}  # fmt: skip
"""Program → its options that take a value: what follows is the command that it runs."""
_NOT_READING: Final = frozenset(
    [
        "ls",
        "test",
        "[",
        "[[",
        "stat",
        "chmod",
        "chown",
        "mkdir",
        "touch",
        "ssh-keygen",
        "ssh-add",
        "cd",
        "pushd",
        "echo",
        "printf",
        "rm",
        "unlink",
        "which",
        "type",
        "file",
        "du",
        "export",
        "set",
        "alias",
        "ssh",
        "scp-agent",
        "git",
        "ssh-copy-id",
        "tree",
        "dirname",
        "basename",
        "realpath",
        "readlink",
    ]
)
_READING: Final = frozenset(
    [
        "cat",
        "less",
        "more",
        "head",
        "tail",
        "tac",
        "nl",
        "bat",
        "grep",
        "egrep",
        "fgrep",
        "rg",
        "ag",
        "awk",
        "sed",
        "cut",
        "sort",
        "uniq",
        "strings",
        "xxd",
        "od",
        "hexdump",
        "base64",
        "base32",
        "cp",
        "mv",
        "scp",
        "rsync",
        "tar",
        "zip",
        "gzip",
        "source",
        ".",
        "type",
        "get-content",
        "gc",
        "nano",
        "vim",
        "vi",
        "code",
        "open",
        "tee",
        "dd",
        "diff",
        "jq",
        "yq",
        "python",
        "python3",
        "perl",
        "ruby",
        "node",
        "curl",
        "paste",
        "rev",
        "xargs",
        "wc",
    ]
)
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
_SECRET_STORES: Final = (
    ("security", ("find-generic-password", "find-internet-password", "dump-keychain", "export")),
    ("gcloud", ("print-access-token", "print-identity-token", "print-refresh-token")),
    ("az", ("get-access-token",)),
    ("gh", ("token",)),
    ("secret-tool", ("lookup", "search")),
    ("op", ("read", "item")),
    ("vault", ("read", "kv")),
    ("pass", ("show",)),
    ("cmdkey", ("/list",)),
    ("lsass", ()),
    ("mimikatz", ()),
    ("gpg", ("--export-secret-keys", "--export-secret-subkeys")),
    ("kwallet-query", ()),
    ("history", ()),
)
_MAIN_BRANCHES: Final = re.compile(
    r"\+?(?:[^:]*:)?(?:refs/heads/)?(?:main|master|trunk|production|prod|release|develop)$"
)
_PROTECTIONS: Final = re.compile(
    r"firewalld|ufw|iptables|nftables|auditd|apparmor|selinux|fail2ban|falcon|crowdstrike|clamav|osquery|sysmon|windefend|rsyslog|syslog|wazuh|sentinel|auditbeat"
)


def told(pipeline: list[Command]) -> Iterator[str]:
    """The rules that a pipeline breaks."""
    stages = [_bare(command.words) for command in pipeline]
    programs = [_program(words or command.words[:1]) for words, command in zip(stages, pipeline, strict=True)]
    yield from _joined(pipeline, stages, programs)
    for command, words, program in zip(pipeline, stages, programs, strict=True):
        yield from _simple(command, words, program)
        for target in command.writes:
            if is_device(target):
                yield "format-disk"
            if starts_by_itself(target):
                yield "persistence"
        if any(holds_credentials(each) for each in command.reads):
            yield "read-credentials"


def scripts(command: Command) -> Iterator[str]:
    """The scripts that a command runs in its turn: `bash -c`, `eval`, here-documents of shells, substitutions."""
    yield from command.nested
    words = _bare(command.words)
    program = _program(words)
    if program in _SHELLS or program == "su":
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
    words = _bare(command.words)
    if _INTERPRETERS.match(_program(words)):
        yield from _behind(words, ("-c", "-e", "-r", "-E", "--eval", "-pe", "-ne", "-le"))
        yield from command.here


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


def _bare(words: list[str]) -> list[str]:
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


def _program(words: list[str]) -> str:
    return re.split(r"[/\\]", words[0])[-1].lower().removesuffix(".exe") if words else ""


def _behind(words: list[str], options: tuple[str, ...]) -> Iterator[str]:
    """The word behind the first of `options`; PowerShell's `-Command` takes all that follows."""
    for place, word in enumerate(words[:-1]):
        if word.lower() in options:
            is_rest = word.lower() in ("-command", "/c", "/k")
            yield " ".join(words[place + 1 :]) if is_rest else words[place + 1]
            return


def _flags(words: list[str]) -> str:
    """The letters of all short options, `--recursive` and `--force` among them as `r` and `f`."""
    letters = "".join(word[1:] for word in words[1:] if word.startswith("-") and not word.startswith("--"))
    return letters + "r" * ("--recursive" in words) + "f" * ("--force" in words)


def _is_runner(words: list[str], program: str) -> bool:
    """A shell or an interpreter that takes its script from standard input."""
    if program in ("source", ".") and words[1:2] in (["/dev/stdin"], ["-"]):
        return True
    if program in ("iex", "invoke-expression"):
        return True
    if program not in _SHELLS and not _INTERPRETERS.match(program):
        return False
    return (
        all(word.startswith("-") or word == "/dev/stdin" for word in words[1:2])
        and "-c" not in words
        and "-m" not in words
    )


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
            program in _SHELLS
            or program in ("eval", "source", ".", "iex", "invoke-expression")
            or _INTERPRETERS.match(program)
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
            or any(_reads_credentials(words, name) for words, name in zip(stages[:place], programs, strict=False))
            or any(
                re.search(r"\.ssh/id_|\.aws/credentials|(?<!\w)\.env\b|/etc/shadow", script)
                for script in pipeline[place].nested
            )
        ):
            yield "exfiltrate"


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


def _reads_credentials(words: list[str], program: str) -> bool:
    if program in _NOT_READING or program in _SHELLS or program in ("eval", "su"):
        return False
    return any(holds_credentials(_path_of(word)) for word in words[1:])


def _path_of(word: str) -> str:
    """`--file=~/.netrc`, `@~/.netrc`, `if=/dev/sda`: the path in a word."""
    return word.rpartition("=")[2].lstrip("@<")


def _simple(command: Command, words: list[str], program: str) -> Iterator[str]:
    """What one command does by itself."""
    arguments = [word for word in words[1:] if not word.startswith("-")]
    flags = _flags(words)
    line = " ".join(words)
    if program in ("rm", "srm", "shred", "unlink", "remove-item", "ri", "rmdir", "rd", "del", "erase", "trash"):
        is_deep = "r" in flags.lower() or any(word.lower() in ("/s", "-recurse") for word in words)
        if "--no-preserve-root" in words or (is_deep and any(is_vital(each) for each in arguments)):
            yield "delete-everything"
        if any(is_device(each) for each in arguments) and program == "shred":
            yield "format-disk"
        if any(re.search(r"\.(?:bash|zsh)_history$|^/var/log(?:/\*)?$", each) for each in arguments):
            yield "disable-security"
    elif program in ("find", "fd"):
        is_deleting = "-delete" in words or re.search(r"-exec(?:dir)? (?:sudo )?(?:/bin/)?(?:rm|shred|unlink)\b", line)
        is_narrow = any(
            word in ("-name", "-iname", "-path", "-mtime", "-newer", "-size", "-regex", "-empty", "-user")
            for word in words
        )
        if is_deleting and not is_narrow and any(is_vital(each) for each in arguments):
            yield "delete-everything"
    elif program == "mv" and arguments[-1:] == ["/dev/null"] and any(is_vital(each) for each in arguments):
        yield "delete-everything"
    elif (
        program.startswith("mkfs")
        or program in ("wipefs", "blkdiscard", "mke2fs", "newfs", "format.com")
        or program == "dd"
        and any(word.startswith("of=") and is_device(word[3:]) for word in words)
        or (program == "diskutil" and re.search(r"(?i)erase|partitiondisk|zerodisk|secureerase", line))
        or (program == "format" and re.search(r"(?i)\b[a-z]:", line))
        or (program in ("parted", "sgdisk", "sfdisk", "gdisk") and re.search(r"mklabel|mkpart|--zap|-Z|-o\b", line))
        or (program == "cryptsetup" and re.search(r"(?i)luksformat|erase", line))
    ):
        yield "format-disk"
    elif program in ("chmod", "chown", "icacls", "takeown", "setfacl"):
        is_open = (
            re.search(
                r"(?:^|\s)(?:[0-7]?[0-7]?[0-7]?[2367]|[ugoa]*[ao+][ugoa]*[+=]r?w?x?w[rwxX]*|(?:a|o|ugo|go)\+rwx|Everyone:.*F)(?:\s|$)",
                line,
            )
            or program == "chown"
        )
        if (
            is_open
            and ("R" in flags or "r" in flags or program == "icacls")
            and any(is_vital(each) for each in arguments)
        ):
            yield "open-permissions"
        if program == "chmod" and re.search(r"(?:^|\s)(?:[ug]*\+[rwx]*s|[4567][0-7]{3})(?:\s|$)", line):
            yield "open-permissions"
    elif (
        program in ("nc", "ncat", "netcat")
        and re.search(r"(?:^| )(?:-[a-z]*[ec] ?|--exec[= ]|--sh-exec[= ])\S*(?:sh|cmd)", line)
        or program == "socat"
        and re.search(r"(?i)\b(?:exec|system):", line)
        and re.search(r"(?i)tcp|udp|openssl", line)
    ):
        yield "reverse-shell"
    elif program == "git":
        yield from _git(words, line)
    elif program in (
        "setenforce",
        "csrutil",
        "spctl",
        "ufw",
        "set-mppreference",
        "netsh",
        "iptables",
        "ip6tables",
        "nft",
        "auditctl",
        "systemctl",
        "service",
        "launchctl",
        "sc",
        "history",
        "unset",
        "fdesetup",
        "sysctl",
    ):
        if re.search(
            r"(?i)^setenforce 0|^csrutil disable|^spctl .*disable|^ufw (?:--force )?(?:disable|reset)|disablerealtimemonitoring|^netsh .*state off|^ip6?tables .*(?:-F|--flush|-P (?:INPUT|FORWARD) ACCEPT)"
            r"|^nft flush|^auditctl (?:-e ?0|-D)|^history -c|^unset \w*HISTFILE|^fdesetup disable|randomize_va_space=0",
            line,
        ) or (re.search(r"(?i)\b(?:stop|disable|mask|unload|delete)\b", line) and _PROTECTIONS.search(line.lower())):
            yield "disable-security"
    elif (
        program in ("shutdown", "reboot", "halt", "poweroff", "stop-computer")
        or (program in ("init", "telinit") and arguments[:1] in (["0"], ["6"]))
        or program == "kill"
        and "-1" in words[2:]
    ):
        yield "stop-machine"
    elif (
        program == "crontab"
        and (arguments or "-" in words or "-r" in words)
        and "-l" not in words
        or program == "tee"
        and any(starts_by_itself(each) for each in arguments)
    ):
        yield "persistence"
    yield from _data(program, words, line)
    yield from _credentials(program, words, line)
    if command.sets.get("HISTFILE") in ("", "/dev/null") or command.sets.get("HISTSIZE") == "0" or "NOPASSWD" in line:
        yield "disable-security"
    if METADATA_HOSTS.search(line):
        yield "cloud-metadata"


def _git(words: list[str], line: str) -> Iterator[str]:
    if "push" in words:
        behind = words[words.index("push") + 1 :]
        refs = [word for word in behind if not word.startswith("-")][1:]
        is_forced = any(
            word in ("-f", "--force", "--mirror") or re.fullmatch(r"-[a-z]*f[a-z]*", word) for word in behind
        )
        is_deleting = any(word in ("-d", "--delete") for word in behind)
        named = [ref for ref in refs if _MAIN_BRANCHES.match(ref)]
        if (
            "--mirror" in behind
            or (named and (is_forced or is_deleting))
            or any(ref.startswith(("+", ":")) for ref in named)
        ):
            yield "force-push"
    if re.search(r"credential fill|credential-\w+ get", line):
        yield "read-credentials"


def _data(program: str, words: list[str], line: str) -> Iterator[str]:
    if (
        re.search(r"(?i)\bdrop\s+(?:database|schema)\s+(?!if exists test)\S", line)
        and program
        not in (
            "echo",
            "git",
            "grep",
            "rg",
            "printf",
        )
        or program == "dropdb"
        or (program == "redis-cli" and re.search(r"(?i)flush(?:all|db)", line))
        or (
            program in ("terraform", "tofu", "pulumi", "cdk")
            and "destroy" in words
            and re.search(r"auto-approve|--yes|-y\b|--force", line)
        )
        or program == "kubectl"
        and "delete" in words
        and re.search(r"--all\b|\b(?:ns|namespace|namespaces)\b", line)
        or (program == "aws" and re.search(r"\bs3 (?:rb\b.*--force|rm\b.*--recursive)", line))
        or (program in ("gsutil", "rclone") and re.search(r"\brm\b.*-r|purge", line))
        or program == "gcloud"
        and re.search(r"projects delete", line)
        or program in ("vssadmin", "wbadmin", "wmic")
        and re.search(r"(?i)delete", line)
    ):
        yield "delete-data"


def _credentials(program: str, words: list[str], line: str) -> Iterator[str]:
    if _reads_credentials(words, program):
        yield "read-credentials"
    if program in _READING and any(
        is_env_file(_path_of(word)) for word in words[1:] if not (program in ("cp", "mv") and word is words[-1])
    ):
        yield "read-env-file"
    for store, verbs in _SECRET_STORES:
        if program == store and (any(verb in words for verb in verbs) if verbs else len(words) == 1):
            yield "read-credentials"
    if (
        program == "kubectl"
        and "get" in words
        and re.search(r"\bsecrets?\b", line)
        and re.search(r"-o ?\S|--output", line)
    ):
        yield "read-credentials"
    if program == "aws" and re.search(
        r"configure (?:get|export-credentials)|sts get-session-token|secretsmanager get-secret-value|ssm get-parameters?\b.*with-decryption",
        line,
    ):
        yield "read-credentials"
