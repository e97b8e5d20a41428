"""Which e-mail addresses are a person's: not those of machines, roles, examples, nor what only has their form."""

from typing import Final

_NOBODY: Final = frozenset(
    """
    noreply no-reply donotreply do-not-reply git hg svn root nobody daemon mailer-daemon postmaster hostmaster webmaster abuse
    noc security support info sales marketing admin administrator contact help hello office press jobs billing team mail email
    user users username name someone somebody you your me foo bar test tester example bot bugs announce list lists license legal
    privacy conduct opensource maintainers developers
    """.split()  # noqa: SIM905 (reads better as words)
)
"""Users of machines, and the mailboxes of roles (RFC 2142): whoever reads them, they are not a person's."""
_GENERIC: Final = frozenset(
    """
    com org net edu gov mil int biz info name pro aero coop museum jobs mobi travel tel cat asia post app dev cloud tech online
    site store shop xyz email live life media agency digital solutions systems software studio design group team company works
    world today news blog page wiki club social network consulting services center global international berlin hamburg london
    nyc paris tokyo wien koeln bayern swiss bank insurance health care clinic legal law education school university science
    engineering academy foundation church family love art photography video games ltd gmbh inc llc me
    """.split()  # noqa: SIM905 (reads better as words)
)
"""The top-level domains of three letters and more that people have addresses under; with two letters it is a country's."""
_EXAMPLES: Final = ("example", "test", "invalid", "localhost", "local", "internal", "lan")
_MACHINES: Final = (
    "noreply.github.com",
    "noreply.gitlab.com",
    "googlegroups.com",
    "python.org",
    "iam.gserviceaccount.com",
)
_NO_COUNTRIES: Final = frozenset(b"js ts py rb rs sh md so gz go cc hs pl cs vb ml ps".split())
"""Endings of files; under some of them people have addresses too, but with a sign of a file before them."""


def is_personal_address(address: bytes) -> bool:
    """Whether it can be the address of a person."""
    local, _, domain = address.lower().decode().partition("@")
    labels = domain.split(".")
    if local in _NOBODY or local.startswith(("noreply", "no-reply", "git+")) or not any(map(str.isalpha, local)):
        return False
    if any(label in _EXAMPLES or label.startswith("example") for label in labels) or domain.endswith(_MACHINES):
        return False
    if any(not label or label[0] == "-" or label[-1] == "-" for label in labels) or ".." in local:
        return False
    is_country = len(labels[-1]) == 2 and labels[-1].encode() not in _NO_COUNTRIES
    return (is_country or labels[-1] in _GENERIC) and any(map(str.isalpha, labels[-2]))
