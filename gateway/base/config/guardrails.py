"""`guardrails:` as modes: which scanner does what in which place, with the checks that types cannot make."""

import re
from typing import Final, Literal

from gateway.base.config.schema.guardrails import GuardrailsConfig, Mode, SecretsConfig
from gateway.base.config.value import Place

TextPlace = Literal["user", "history", "results", "arguments", "system"]
"""Where in a request a text stands: what the user says now, what was said before, what tools gave, what they were told, all else."""

_RULE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_DEFAULTS: Final[dict[TextPlace, Mode]] = {
    "user": "block",
    "history": "redact",
    "results": "redact",
    "arguments": "redact",
    "system": "redact",
}
_OLD: Final[frozenset[TextPlace]] = frozenset({"history", "arguments", "system"})
_UNTRUSTED: Final[frozenset[TextPlace]] = frozenset({"results", "system"})


def mode_of(written: Mode | bool) -> Mode:
    """A mode as it is written: YAML reads a bare `off` as false."""
    return written if isinstance(written, str) else "off"


def secrets_modes(config: SecretsConfig) -> dict[TextPlace, Mode]:
    """What is done about a secret in each place of a request."""
    written = {place: getattr(config, place) for place in _DEFAULTS}
    everywhere = config.mode
    return {
        place: mode_of(own if own is not None else everywhere if everywhere is not None else _DEFAULTS[place])
        for place, own in written.items()
    }


def secrets_in_answers(config: SecretsConfig) -> Mode:
    """`mode` is about what leaves; only `off` is about answers too."""
    if config.answers is not None:
        return mode_of(config.answers)
    return "off" if config.mode is not None and mode_of(config.mode) == "off" else "log"


def pii_modes(mode: Mode) -> dict[TextPlace, Mode]:
    """`block` refuses what is new; what was said before, and instructions, it redacts."""
    return {place: "redact" if mode == "block" and place in _OLD else mode for place in _DEFAULTS}


def injection_modes(mode: Mode) -> dict[TextPlace, Mode]:
    """It is looked for where strangers write: in results of tools, and in what tools say of themselves."""
    return {place: mode if place in _UNTRUSTED else "off" for place in _DEFAULTS}


def check_guardrails(config: GuardrailsConfig, source: str) -> None:
    """Raise ConfigError for what no type forbids and nobody can mean."""
    place = Place(source, "$.guardrails")
    secrets, modes = config.secrets, secrets_modes(config.secrets)
    at = place.at("secrets")
    for name, expression in secrets.rules.items():
        if not _RULE_NAME.fullmatch(name):
            hint = "write lower-case letters, digits and hyphens, at most 64: it stands in placeholders"
            raise at.at("rules").at(name).error("is no name of a rule", hint)
        if not expression:
            raise at.at("rules").at(name).error("is empty", "write an expression in Hyperscan's dialect")
    if not config.enabled:
        return
    if secrets.restore and not {"block", "redact"} & set(modes.values()):
        hint = "remove it, or set a place to `redact`"
        raise at.at("restore").error(
            f"names {secrets.restore[0]!r}, but nothing is redacted that could be restored", hint
        )
    for name in ("rules", "baseline", "pragma"):
        if getattr(secrets, name) and set(modes.values()) == {"off"} and secrets_in_answers(secrets) == "off":
            hint = f"remove it, or set `mode` to something else; nothing is looked for with `{name}` alone"
            raise at.at(name).error("is set, but secrets are looked for nowhere", hint)
    pii = config.pii
    if pii.kinds and mode_of(pii.mode) == "off" and mode_of(pii.answers) == "off":
        hint = "remove it, or set `mode` to `log`, `redact` or `block`"
        raise place.at("pii").at("kinds").error("is set, but personal data is looked for nowhere", hint)
