"""What nodes share: leases, rate limits (Lua scripts) and news, on Redis 7. Imported only where Redis is configured: redis-py takes 0.1 s to load."""

from gateway.base.storage.redis.leases import RedisLeases
from gateway.base.storage.redis.news import RedisNews
from gateway.base.storage.redis.rates import RedisRates

__all__ = ["RedisLeases", "RedisNews", "RedisRates"]
