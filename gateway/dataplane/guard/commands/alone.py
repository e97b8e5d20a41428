"""What one command does by itself: a deletion, a format, a protection that is turned off."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.places import METADATA_HOSTS, is_device, is_vital, starts_by_itself
from gateway.dataplane.guard.commands.reading import told_of_credentials
from gateway.dataplane.guard.commands.shell import Command

_MAIN_BRANCHES: Final = re.compile(
    r"\+?(?:[^:]*:)?(?:refs/heads/)?(?:main|master|trunk|production|prod|release|develop)$"
)
_PROTECTIONS: Final = re.compile(
    r"firewalld|ufw|iptables|nftables|auditd|apparmor|selinux|fail2ban|falcon|crowdstrike|clamav|osquery|sysmon|windefend|rsyslog|syslog|wazuh|sentinel|auditbeat"
)


def told_alone(command: Command, words: list[str], program: str) -> Iterator[str]:
    """The rules that it breaks; `words` are its own without what only runs it, `program` is the first of them."""
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
    yield from told_of_credentials(program, words, line)
    if command.sets.get("HISTFILE") in ("", "/dev/null") or command.sets.get("HISTSIZE") == "0" or "NOPASSWD" in line:
        yield "disable-security"
    if METADATA_HOSTS.search(line):
        yield "cloud-metadata"


def _flags(words: list[str]) -> str:
    """The letters of all short options, `--recursive` and `--force` among them as `r` and `f`."""
    letters = "".join(word[1:] for word in words[1:] if word.startswith("-") and not word.startswith("--"))
    return letters + "r" * ("--recursive" in words) + "f" * ("--force" in words)


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
