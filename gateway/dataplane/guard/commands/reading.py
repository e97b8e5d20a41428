"""Commands that read credentials: files by their place, stores by their programs."""

import re
from collections.abc import Iterator
from typing import Final

from gateway.dataplane.guard.commands.places import holds_credentials, is_env_file
from gateway.dataplane.guard.commands.programs import SHELLS

_NOT_READING: Final = frozenset((
    "ls", "test", "[", "[[", "stat", "chmod", "chown", "mkdir", "touch", "ssh-keygen", "ssh-add", "cd", "pushd", "echo", "printf", "rm",
    "unlink", "which", "type", "file", "du", "export", "set", "alias", "ssh", "scp-agent", "git", "ssh-copy-id", "tree", "dirname",
    "basename", "realpath", "readlink",
))  # fmt: skip
_READING: Final = frozenset((
    "cat", "less", "more", "head", "tail", "tac", "nl", "bat", "grep", "egrep", "fgrep", "rg", "ag", "awk", "sed", "cut", "sort", "uniq",
    "strings", "xxd", "od", "hexdump", "base64", "base32", "cp", "mv", "scp", "rsync", "tar", "zip", "gzip", "source", ".", "type",
    "get-content", "gc", "nano", "vim", "vi", "code", "open", "tee", "dd", "diff", "jq", "yq", "python", "python3", "perl", "ruby", "node",
    "curl", "paste", "rev", "xargs", "wc",
))  # fmt: skip
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


def told_of_credentials(program: str, words: list[str], line: str) -> Iterator[str]:
    """The rules that a command breaks by what it reads; `line` is its words with spaces between."""
    if reads_credentials(words, program):
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


def reads_credentials(words: list[str], program: str) -> bool:
    """Whether a path among its words holds credentials, and it is no program that only names files."""
    if program in _NOT_READING or program in SHELLS or program in ("eval", "su"):
        return False
    return any(holds_credentials(_path_of(word)) for word in words[1:])


def _path_of(word: str) -> str:
    """`--file=~/.netrc`, `@~/.netrc`, `if=/dev/sda`: the path in a word."""
    return word.rpartition("=")[2].lstrip("@<")
