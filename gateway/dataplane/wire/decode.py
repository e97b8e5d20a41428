"""Content encodings of request bodies: zstd (a ChatGPT-login Codex), gzip, deflate; bounded against bombs."""

from gateway import _native
from gateway.base.core.errors import BadRequest, BodyTooLarge, Unsupported

_WORDS = {"truncated": "ends too early", "corrupt": "is not valid"}


def decoded(body: bytes, encoding: str, limit: int) -> bytes:
    """`body` without its content encoding. Raises Unsupported, BadRequest, BodyTooLarge."""
    if not encoding or encoding == "identity":
        return body
    names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
    if len(names) != 1 or names[0] not in ("zstd", "gzip", "x-gzip", "deflate"):
        raise Unsupported(f"content-encoding `{encoding[:80]}` is not served; send zstd, gzip, deflate or none")
    try:
        return _native.decompress(body, names[0].removeprefix("x-"), limit)
    except _native.DecodeError as exc:
        if exc.kind == "too_large":
            raise BodyTooLarge(f"the decompressed request body is larger than {limit} bytes") from exc
        raise BadRequest(f"the {names[0]} request body {_WORDS.get(exc.kind, exc.kind)}: {exc.detail}") from exc
