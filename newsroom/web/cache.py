"""A cache that is allowed to be away: an error of Redis is a miss, never an error page."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def _forgive(absent: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Answers `absent` where the method finds no Redis."""

    def wrap(method: Callable[..., Any]) -> Callable[..., Any]:
        def forgiving(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except (RedisError, OSError) as error:
                logger.warning("The cache is away: %s.", type(error).__name__)
                return absent(*args, **kwargs) if callable(absent) else absent

        return forgiving

    return wrap


def _default_of(key: object, default: object = None, version: int | None = None) -> object:
    return default


class ForgivingRedisCache(RedisCache):
    """Django's Redis cache without its errors. `incr` of a missing key still raises ValueError, as everywhere."""

    add = _forgive(False)(RedisCache.add)
    get = _forgive(_default_of)(RedisCache.get)
    set = _forgive(None)(RedisCache.set)
    touch = _forgive(False)(RedisCache.touch)
    delete = _forgive(False)(RedisCache.delete)
    get_many = _forgive(lambda *args, **kwargs: {})(RedisCache.get_many)
    set_many = _forgive(lambda data, *args, **kwargs: list(data))(RedisCache.set_many)
    has_key = _forgive(False)(RedisCache.has_key)
    incr = _forgive(lambda key, delta=1, version=None: delta)(RedisCache.incr)
    delete_many = _forgive(None)(RedisCache.delete_many)
    clear = _forgive(False)(RedisCache.clear)
