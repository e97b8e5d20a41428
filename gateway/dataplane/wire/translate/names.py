"""Names of tools and ids of calls as a provider takes them: legal, short, unique, and the same in every process. Traps 3, 9, 10.

A name that is legal stays as it is. Any other gets a hash of the client's name as its end, so that what a tool is called does
not depend on which others are declared. A namespaced tool is called `namespace__tool`.
"""

import hashlib
import re
from functools import lru_cache

from gateway.base.core.struct import Record
from gateway.dataplane.wire.canon import CallKind
from gateway.dataplane.wire.codec import NameRule

_HASH_CHARS = 8
_KEY_CHARS = 64
_SEED_CHARS = 512
_NAMESPACE_CHARS = 256
_BETWEEN = "__"
_DEFAULT_NAMESPACE = "functions"
"""Codex declares its own tools there and calls them without it."""


class Known(Record, frozen=True):
    """A tool as the client knows it."""

    namespace: str
    name: str
    kind: CallKind


class Names:
    """The names of one request: the client's, and what they are called on the wire of the provider.

    Names that need no change are declared first: then the changed ones give way. `declare` is for tools, `called` for calls and
    choices, whose tools need not be declared.
    """

    def __init__(self, rule: NameRule) -> None:
        self._rule = rule
        self._wire: dict[tuple[str, str], str] = {}
        self._known: dict[str, Known] = {}
        self._namespaces: dict[str, list[str]] = {}
        self._long: dict[str, str] = {}

    def declare(self, namespace: str, name: str, kind: CallKind) -> str:
        """The wire name of a tool; the same again when it was declared before."""
        wire = self._wire.get((namespace, name))
        if wire is not None:
            return wire
        wire = self._free(namespace, name)
        self._wire[namespace, name] = wire
        self._known[wire] = Known(namespace, name, kind)
        if namespace:
            self._namespaces.setdefault(name, []).append(namespace)
        return wire

    def is_declared(self, namespace: str, name: str) -> bool:
        """Whether a tool was declared under exactly this name."""
        return (namespace, name) in self._wire

    def needs_change(self, namespace: str, name: str) -> bool:
        """Whether the wire name differs from `name`."""
        return bool(namespace) or not self._is_legal(name)

    def called(self, namespace: str, name: str) -> str | None:
        """The wire name of the declared tool that a call means; None when there is none.

        OpenAI puts a tool without namespace that was loaded late into a namespace of its own name; Codex leaves the namespace
        `functions` out; a model may have used a wire name (then it is in the history).
        """
        wire = self._wire.get((namespace, name))
        if wire is not None:
            return wire
        if namespace:
            return self._wire.get(("", name)) if namespace == name else None
        namespaces = self._namespaces.get(name, ())
        if len(namespaces) == 1:
            return self._wire[namespaces[0], name]
        wire = self._wire.get((_DEFAULT_NAMESPACE, name))
        return name if wire is None and name in self._known else wire

    def known(self, wire: str) -> Known | None:
        """The tool that a provider's call means; None for a name that nobody declared."""
        found = self._known.get(wire)
        if found is None:
            meant = self.called("", wire)
            found = None if meant is None else self._known[meant]
        return found

    def _free(self, namespace: str, name: str) -> str:
        namespace = self._sayable(namespace)
        if not namespace and self._is_legal(name) and name not in self._known:
            return name
        plain = namespace + _BETWEEN + name if namespace else name
        if self._is_legal(plain) and plain not in self._known:
            return plain
        wire = self._hashed(namespace, name, 0)
        count = 0
        while wire in self._known:
            count += 1
            wire = self._hashed(namespace, name, count)
        return wire

    def _sayable(self, namespace: str) -> str:
        """A namespace, or its hash where it is longer than any: made once, for it may have thousands of tools."""
        if len(namespace) <= _NAMESPACE_CHARS:
            return namespace
        if namespace not in self._long:
            self._long[namespace] = _digest(namespace)
        return self._long[namespace]

    def _is_legal(self, name: str) -> bool:
        # Gemini wants a letter or an underscore first; the others do not mind
        legal = _legal(self._rule.more)
        return len(name) <= self._rule.name_chars and legal.fullmatch(name) is not None and name[0] not in "0123456789-"

    def _hashed(self, namespace: str, name: str, count: int) -> str:
        """The tool's own name says more than its namespace, so that is cut first."""
        room = self._rule.name_chars - _HASH_CHARS - 1
        digest = _digest(f"{namespace}\0{name}\0{count}" if count else f"{namespace}\0{name}")
        illegal = _illegal(self._rule.more)
        stem = illegal.sub("_", name)
        if namespace and len(stem) + len(_BETWEEN) < room:
            space = illegal.sub("_", namespace)[: room - len(stem) - len(_BETWEEN)]
            stem = space + _BETWEEN + stem
        stem = stem[:room]
        if not stem or stem[0] in "0123456789-":
            stem = ("_" + stem)[:room]
        return f"{stem}_{digest}"


def legal_id(text: str, rule: NameRule) -> str:
    """A call's id as the provider takes it: unchanged when legal; where there are no ids, always unchanged."""
    most = rule.id_chars
    if not most or (len(text) <= most and _legal(rule.more).fullmatch(text) is not None):
        return text
    if most < 2 * _HASH_CHARS:  # too short to say anything but the hash (Mistral: 9)
        return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:most]
    return f"{_illegal(rule.more).sub('_', text)[: most - _HASH_CHARS - 1]}_{_digest(text)}"


def short_key(text: str) -> str:
    """An opaque identifier (`user`, `prompt_cache_key`) within OpenAI's 64 characters: a hash is as good a key."""
    return text if len(text) <= _KEY_CHARS else hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def made_id(seed: str, index: int) -> str:
    """An id for a call that came without one; equal seeds give equal ids. Of a seed that many calls share the beginning is enough."""
    return "call_" + hashlib.sha256(f"{seed[:_SEED_CHARS]}\0{index}".encode("utf-8", "replace")).hexdigest()[:24]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:_HASH_CHARS]


@lru_cache(maxsize=16)
def _legal(more: str) -> re.Pattern[str]:
    return re.compile(f"[A-Za-z0-9_{re.escape(more)}-]+")


@lru_cache(maxsize=16)
def _illegal(more: str) -> re.Pattern[str]:
    return re.compile(f"[^A-Za-z0-9_{re.escape(more)}-]")
