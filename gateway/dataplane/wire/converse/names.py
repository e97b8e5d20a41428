"""Words that several modules of this dialect need.

Sources of the dialect: the service model of `bedrock-runtime` (2023-09-30) as botocore ships it, and the AWS documentation named
in each module.
"""

from typing import Any, Final

NAME: Final = "bedrock.converse"

BLOCK: Final = "block"
"""In a part's `extra`: the client's own block, where writing the part anew would not give it back."""

CACHE_POINT: Final = "cachePoint"

STANDARD_POINT: Final[dict[str, Any]] = {"type": "default"}


def cache_point(cache: str) -> dict[str, Any]:
    """The block that stands for a cache mark. Five minutes is what a point without `ttl` lives (AWS, "Prompt caching")."""
    return {CACHE_POINT: {"type": "default", "ttl": "1h"} if cache == "1h" else STANDARD_POINT}
