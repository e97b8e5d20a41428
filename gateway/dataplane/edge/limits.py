"""The length a client declares for its body, checked before a byte of it is read."""

from gateway.base.core.errors import BadRequest, BodyTooLarge


def declared_length(value: str, limit: int) -> int:
    """Content-Length as a number; -1 when absent. Raises BadRequest, or BodyTooLarge past `limit` bytes."""
    if not value:
        return -1
    if not value.isascii() or not value.isdigit():
        raise BadRequest(f"the content-length header is `{value[:40]}`, which is not a number")
    length = int(value)
    if length > limit:
        raise BodyTooLarge(f"the request body is {length} bytes; at most {limit} are taken")
    return length


def declares_more(value: str, limit: int) -> bool:
    """Whether a Content-Length is over `limit` bytes, or no number at all; an absent one is not."""
    try:
        declared_length(value, limit)
    except (BadRequest, BodyTooLarge):
        return True
    return False


def check_length(declared: int, received: int) -> None:
    """Raises BadRequest when a body of declared length was cut short."""
    if declared >= 0 and declared != received:
        raise BadRequest(f"the request body broke off after {received} of {declared} bytes")
