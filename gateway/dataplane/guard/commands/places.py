"""Files, devices and hosts that matter: what must not be deleted, what holds credentials, what starts by itself."""

import posixpath
import re
from typing import Final

_HOME: Final = re.compile(
    r"^(?:\$\{?HOME\}?|\$\{?USERPROFILE\}?|%USERPROFILE%|\$env:USERPROFILE|/(?:home|Users)/[^/*]+|/root)(?=/|\\|$)"
)
_WINDOWS_ROOT: Final = re.compile(
    r"(?i)^(?:[a-z]:|\$env:systemdrive|%systemdrive%)[\\/]*(?:\*(?:\.\*)?|windows|users|program files)?[\\/]*\*?$"
)
_VITAL: Final = frozenset(
    [
        "/",
        "/*",
        "~",
        "~/*",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/opt",
        "/proc",
        "/root",
        "/sbin",
        "/srv",
        "/sys",
        "/usr",
        "/var",
        "/Users",
        "/System",
        "/Library",
        "/Applications",
        "/mnt",
        "/media",
        "/private",
        "/usr/bin",
        "/usr/lib",
        "/var/lib",
        "~/.ssh",
        "~/Documents",
        "~/.config",
    ]
)
_DEVICE: Final = re.compile(
    r"^/dev/(?:[shv]d[a-z]|xvd[a-z]|nvme\d|mmcblk\d|r?disk\d|mapper/|md\d|loop\d|vd[a-z]|mem$|kmem$)"
)
_CREDENTIALS: Final = re.compile(
    r"(?:^|/)(?:\.ssh/(?!known_hosts|config$|authorized_keys|[^/]*\.pub$)[^/]+|\.ssh/?$|id_(?:rsa|dsa|ecdsa|ed25519)$|\.aws(?:/(?:credentials|config|sso(?:/.*)?))?/?$"
    r"|\.config/gcloud(?:/.*)?$|application_default_credentials\.json$|\.azure(?:/.*)?$|\.kube/config$|\.docker/config\.json$|[._]netrc$|\.pgpass$|\.my\.cnf$"
    r"|\.git-credentials$|\.npmrc$|\.pypirc$|\.cargo/credentials(?:\.toml)?$|\.gem/credentials$|\.gnupg(?:/.*)?$|\.password-store(?:/.*)?$|\.vault-token$"
    r"|\.terraform\.d/credentials\.tfrc\.json$|\.config/gh/hosts\.yml$|\.config/hub$|\.codex/auth\.json$|\.claude/\.credentials\.json$|\.claude\.json$"
    r"|\.gemini/oauth_creds\.json$|\.cursor/mcp\.json$|Login Data$|cookies\.sqlite$|key4\.db$|logins\.json$|[^/]+\.keychain(?:-db)?$|Library/Keychains(?:/.*)?$"
    r"|\.(?:bash|zsh|python|mysql|psql|node_repl|sh)_history$|\.local/share/keyrings(?:/.*)?$|\.electrum(?:/.*)?$|wallet\.dat$)"
    r"|^/(?:etc/(?:g?shadow-?|sudoers(?:\.d/.*)?|krb5\.keytab|master\.passwd|ssh/ssh_host_[a-z0-9]+_key)|proc/[^/]+/environ|var/run/secrets/.+|run/secrets/.+"
    r"|private/var/db/dslocal/.*)$|(?i:\\(?:SAM|SYSTEM|NTDS\.dit)$)"
)
_ENV_FILE: Final = re.compile(r"(?:^|/)\.env(?:\.(?!example|sample|template|dist|test|ci|defaults?)[\w.-]+)?$")
_STARTERS: Final = re.compile(
    r"(?:^|/)(?:\.ssh/(?:authorized_keys2?|rc)$|\.config/autostart/|Library/Launch(?:Agents|Daemons)/)"
    r"|^/(?:etc/(?:passwd|g?shadow|sudoers(?:\.d/.*)?|crontab|cron\.[a-z]+/.*|ld\.so\.preload|profile\.d/.*|rc\.local|pam\.d/.*|systemd/system/.*|init\.d/.*)|var/spool/cron/.*)$"
)
METADATA_HOSTS: Final = re.compile(
    r"(?i)(?<![\w.])(?:169\.254\.169\.254|169\.254\.170\.2|metadata\.google\.internal|100\.100\.100\.200|\[?fd00:ec2::254\]?|2852039166|0xa9fea9fe|0251\.0376\.0251\.0376)(?![\w.]*\d)"
)


def normal(path: str) -> str:
    """As one would write it: the home directory as `~`, without `//`, `/./`, `/../`; a glob at its end stays."""
    path = _HOME.sub("~", path.strip().removeprefix("file://"))
    if not path.startswith(("/", "~/", "~")):
        return posixpath.normpath(path) if path and "\\" not in path else path
    return posixpath.normpath(re.sub(r"^/+", "/", path))


def is_vital(path: str) -> bool:
    """Without it the machine, or all that its user has, is gone."""
    if _WINDOWS_ROOT.match(path):
        return True
    short = normal(path)
    return short in _VITAL or short.removesuffix("/*") in _VITAL or (short.endswith("/*") and short.count("/") == 1)


def is_device(path: str) -> bool:
    """A disk, or memory."""
    return _DEVICE.match(path) is not None


def holds_credentials(path: str) -> bool:
    """Keys, tokens, passwords, histories: by where programs keep them."""
    return _CREDENTIALS.search(normal(path)) is not None


def is_env_file(path: str) -> bool:
    """`.env` and its likes, examples aside."""
    return _ENV_FILE.search(normal(path)) is not None


def starts_by_itself(path: str) -> bool:
    """What is written there lets somebody in, or runs later."""
    return _STARTERS.search(normal(path)) is not None
