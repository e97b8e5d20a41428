"""The record of the last requests, for tests: what arrived, without storing anybody's key. Bounded; no I/O."""

from __future__ import annotations

from collections import deque
from hashlib import sha256
from typing import Any

_MOST_REQUESTS = 1000
_MOST_BODY_BYTES = 64 * 1024 * 1024  # all kept bodies together; older ones are dropped first
_CREDENTIALS = ("authorization", "x-api-key", "x-goog-api-key", "api-key")


class RequestLog:
    """The last requests in order. Credentials are shown only as a scheme and a hash, which a test can compare."""

    def __init__(self, most: int = _MOST_REQUESTS, most_body_bytes: int = _MOST_BODY_BYTES) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=most)
        self._bodies: deque[tuple[dict[str, Any], int]] = deque()
        self._held_bytes, self._most_body_bytes = 0, most_body_bytes
        self.total = 0

    def add(self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes) -> dict[str, Any]:
        """Record one request; the entry may be completed by the caller (`status`, `scenario`)."""
        self.total += 1
        entry: dict[str, Any] = {
            "n": self.total, "method": method, "path": path, "query": query, "headers": headers,
            "body_bytes": len(body), "body": body,
        }  # fmt: skip
        if len(self._entries) == self._entries.maxlen:
            self._entries.popleft().update(body=None)
        self._entries.append(entry)
        self._bodies.append((entry, len(body)))
        self._held_bytes += len(body)
        while self._held_bytes > self._most_body_bytes or len(self._bodies) > len(self._entries):
            old, size = self._bodies.popleft()
            self._held_bytes -= size
            if old["body"] is not None and old is not entry:
                old["sha256"], old["body"] = sha256(old["body"]).hexdigest(), None
        return entry

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()
        self._bodies.clear()
        self._held_bytes = self.total = 0

    def report(self, bodies: bool) -> list[dict[str, Any]]:
        """The entries as JSON values; bodies as text only on request."""
        return [_shown(entry, bodies) for entry in self._entries]


def credential(headers: list[tuple[str, str]]) -> dict[str, str] | None:
    """Which credential came: header, scheme, and the SHA-256 of the secret; None if none came."""
    for name, value in headers:
        if name.lower() in _CREDENTIALS and value:
            scheme, space, secret = value.partition(" ")
            if not space:
                scheme, secret = "", value
            return {"header": name.lower(), "scheme": scheme, "sha256": sha256(secret.encode()).hexdigest()}
    return None


def _shown(entry: dict[str, Any], bodies: bool) -> dict[str, Any]:
    body = entry["body"]
    made = {key: value for key, value in entry.items() if key not in ("body", "headers")}
    made["headers"] = [(k, "<credential>" if k.lower() in _CREDENTIALS else v) for k, v in entry["headers"]]
    made["credential"] = credential(entry["headers"])
    if body is not None:
        made["sha256"] = sha256(body).hexdigest()
        if bodies:
            made["body"] = body.decode("utf-8", "replace")
    return made
