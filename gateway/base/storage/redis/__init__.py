"""Leases and rate limits across nodes: Redis 7, by Lua scripts. Imported only where Redis is configured: redis-py takes 0.1 s to load."""

from gateway.base.storage.redis.leases import RedisLeases
from gateway.base.storage.redis.rates import RedisRates

__all__ = ["RedisLeases", "RedisRates"]
