"""Where state lives that several processes or nodes share."""

from typing import Annotated

from msgspec import Meta

from gateway.base.core.struct import Config


class StorageConfig(Config, frozen=True):
    """SQLite files in `data_dir`, unless nodes are to share their state."""

    redis: Annotated[
        str | None,
        Meta(
            description="`redis://` or `rediss://` URL (Redis 7) of the leases that several nodes share; absent: SQLite in `data_dir`",
            examples=["${REDIS_URL}"],
        ),
    ] = None
