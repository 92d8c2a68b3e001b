"""Small blobs kept near: in this process, and in a Redis that all nodes share.

Bytes under a digest never change, so what is kept is never stale. It may outlive the
stored bytes, which is no harm: whoever asks for a digest has found a row that names it.
"""

import hashlib
import threading

import redis
from cachetools import LRUCache
from redis.backoff import NoBackoff
from redis.retry import Retry

from objects_app import metrics
from objects_app.blobs.breaker import Breaker, CircuitOpen

MAX_BLOB_BYTES = 64 * 1024

# Measured: what an entry takes besides its bytes (key, value's head, two dictionaries).
_ENTRY_BYTES = 512

# Waiting longer than this gains nothing over asking S3.
_REDIS_SECONDS = 0.05
_REDIS_CONNECT_SECONDS = 0.25
_REDIS_KEPT_SECONDS = 86_400

# The last two are what the client raises on an answer that is not Redis's.
_REDIS_FAILURES = (redis.RedisError, OSError, ValueError, AttributeError)


class BlobCache:
    """Bytes by digest, of at most MAX_BLOB_BYTES each; safe to share among threads.

    `max_bytes` bounds the memory of this process, 0 for none. Whoever puts bytes here
    has compared them with their digest.
    """

    def __init__(self, *, max_bytes: int, redis_url: str | None) -> None:
        self._memory: LRUCache[str, bytes] = LRUCache(
            max_bytes, getsizeof=lambda body: len(body) + _ENTRY_BYTES
        )
        self._lock = threading.Lock()
        self._shared = _Shared(redis_url) if redis_url else None
        self.enabled = max_bytes > 0 or redis_url is not None

    def get(self, sha256: str) -> bytes | None:
        """Return the bytes, or None; failures of Redis are misses."""
        with self._lock:
            found = self._memory.get(sha256)
        if found is not None:
            metrics.CACHE_LOOKUPS.labels("memory").inc()
            return found
        if self._shared is not None and (found := self._shared.get(sha256)) is not None:
            metrics.CACHE_LOOKUPS.labels("redis").inc()
            self._keep(sha256, found)
            return found
        metrics.CACHE_LOOKUPS.labels("miss").inc()
        return None

    def put(self, sha256: str, body: bytes) -> None:
        """Keep these bytes, here and for the other nodes."""
        self._keep(sha256, body)
        if self._shared is not None:
            self._shared.put(sha256, body)

    def forget(self, sha256: str) -> None:
        """Drop the bytes here and in Redis; other processes drop theirs in time."""
        with self._lock:
            self._memory.pop(sha256, None)
        if self._shared is not None:
            self._shared.forget(sha256)

    def _keep(self, sha256: str, body: bytes) -> None:
        with self._lock:
            if len(body) + _ENTRY_BYTES <= self._memory.maxsize:
                self._memory[sha256] = body


class _Shared:
    """Redis, which may be slow, gone or wrong at any moment."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_CONNECT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._breaker = Breaker(
            "Redis", is_failure=_is_failure, failures=3, reset_seconds=10
        )

    def get(self, sha256: str) -> bytes | None:
        """Return the bytes if they are what the digest says."""
        try:
            with self._breaker.call():
                found = self._redis.get(_key(sha256))
        except (*_REDIS_FAILURES, CircuitOpen):
            return None
        if isinstance(found, bytes) and hashlib.sha256(found).hexdigest() == sha256:
            return found
        return None

    def put(self, sha256: str, body: bytes) -> None:
        try:
            with self._breaker.call():
                self._redis.set(_key(sha256), body, ex=_REDIS_KEPT_SECONDS)
        except (*_REDIS_FAILURES, CircuitOpen):
            return

    def forget(self, sha256: str) -> None:
        try:
            with self._breaker.call():
                self._redis.delete(_key(sha256))
        except (*_REDIS_FAILURES, CircuitOpen):
            return


def _is_failure(error: BaseException) -> bool:
    return isinstance(error, _REDIS_FAILURES)


def _key(sha256: str) -> str:
    return f"objectstore:blob:{sha256}"
