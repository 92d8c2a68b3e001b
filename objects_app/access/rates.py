"""How many requests a key, user or address may send, by class of request.

A sliding window: the hits of the present window and, by how much of it is left, those
of the one before. Counted in Redis for all nodes where there is one, else (and while it
does not answer) by each node for itself.

The header fields are those of draft-ietf-httpapi-ratelimit-headers-11.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil, floor
from typing import NamedTuple, cast

import redis
from django.conf import settings
from django.utils.translation import gettext_noop
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.storage.base import SlidingWindowCounterSupport
from limits.strategies import SlidingWindowCounterRateLimiter as Limiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from objects_app.access.principals import Principal
from objects_app.access.shared_counters import SharedCounters
from objects_app.blobs.breaker import Breaker, CircuitOpen
from objects_app.errors import RateLimited

AUTH = "auth"
AUTH_PATH = "/auth"

# Load balancers ask the first two all the time; the last one only leads elsewhere.
_UNLIMITED = frozenset({"/healthz", "/readyz", "/"})
_LISTS = frozenset({"/objects", "/buckets", "/search"})
_READING = frozenset({"GET", "HEAD"})

_REDIS_SECONDS = 0.1
_REDIS_CONNECT_SECONDS = 0.25
# The last two are what the client raises on an answer that is not Redis's.
_REDIS_FAILURES = (redis.RedisError, OSError, ValueError, AttributeError)


class Standing(NamedTuple):
    """Where a caller stands.

    `seconds` are those until the window ends, or of who is refused, until one more
    request is allowed.
    """

    policy: str
    quota: int
    window: int
    allowed: bool
    remaining: int
    seconds: int

    def fields(self) -> dict[str, str]:
        """Return the header fields that tell the caller."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.seconds}',
        }

    def refusal(self) -> RateLimited:
        """Return what to raise at a caller who is not allowed to go on."""
        return RateLimited(
            gettext_noop(
                "More than %(quota)s %(policy)s requests in %(window)s s: go on in "
                "%(seconds)s s."
            ),
            quota=self.quota,
            policy=self.policy,
            window=self.window,
            seconds=self.seconds,
            retry_after=self.seconds,
        )


class Rates:
    """The configured limits and their counters."""

    def __init__(self, limits: Mapping[str, str], *, redis_url: str | None) -> None:
        self._items = {name: parse(text) for name, text in limits.items() if text}
        self._node = Limiter(SharedCounters())
        self._redis = Limiter(_redis_storage(redis_url)) if redis_url else None
        self._breaker = Breaker(
            "Redis (rate limits)",
            is_failure=lambda error: isinstance(error, _REDIS_FAILURES),
            failures=3,
            reset_seconds=10,
        )

    @property
    def classes(self) -> frozenset[str]:
        """The classes that have a limit; no other may be asked about."""
        return frozenset(self._items)

    def hit(self, class_: str, who: str) -> Standing:
        """Count one request, if it is allowed."""
        item = self._items[class_]
        if self._redis is not None:
            try:
                with self._breaker.call():
                    return _hit(self._redis, item, class_, who)
            except (*_REDIS_FAILURES, CircuitOpen):
                pass  # the breaker says so in the log, once
        return _hit(self._node, item, class_, who)


@cache
def rates() -> Rates | None:
    """Return the limits of the settings, None where there are none.

    gunicorn's processes share what was made before they were forked: the middleware
    asks when it is loaded.
    """
    limits: dict[str, str] = settings.RATE_LIMITS
    if not any(limits.values()):
        return None
    return Rates(limits, redis_url=settings.REDIS_URL)


def class_of(method: str, path: str) -> str | None:
    """Return what kind of request this is; None: of a kind that is never limited."""
    if method == "OPTIONS" or path in _UNLIMITED:
        return None
    if path == AUTH_PATH or path.startswith(f"{AUTH_PATH}/"):
        return AUTH
    if method not in _READING:
        return "write"
    return "list" if path in _LISTS or _is_grants(path) else "read"


def who(principal: Principal) -> str:
    """Return what a caller is counted as: the key, else the user, else the address."""
    if principal.key_id:
        return f"key:{principal.key_id}"
    if principal.user_id is not None:
        return f"user:{principal.user_id}"
    return _network(principal.address)


def count_failure(address: str) -> None:
    """Note that somebody at this address sent wrong credentials.

    Raises RateLimited when that were too many. Right ones are accepted all the same, or
    whoever shares an address (a proxy's, an office's) could lock all others out; and
    nobody guesses 240 bits. Passwords have their own lock-out.
    """
    limits = rates()
    if limits is None or AUTH not in limits.classes:
        return
    standing = limits.hit(AUTH, f"guesser:{_network(address)}")
    if not standing.allowed:
        raise RateLimited(
            gettext_noop(
                "Too many wrong credentials came from your address: go on in "
                "%(seconds)s s."
            ),
            seconds=standing.seconds,
            retry_after=standing.seconds,
        )


def _is_grants(path: str) -> bool:
    """Whether it is /buckets/{b}/grants, and not the key of an object."""
    return path.endswith("/grants") and path.count("/") == 3


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """Return an address as it is counted: of IPv6 the network, as each customer has
    a whole one and may send from all over it."""
    try:
        ip = ip_address(address)
    except ValueError:
        return f"address:{address}"  # none, on a Unix socket
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is None:
            return f"network:{int(ip) >> 64:x}"
        ip = ip.ipv4_mapped
    return f"address:{ip}"


def _redis_storage(url: str) -> RedisStorage:
    pool = redis.ConnectionPool.from_url(
        url,
        socket_timeout=_REDIS_SECONDS,
        socket_connect_timeout=_REDIS_CONNECT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    return RedisStorage(url, connection_pool=pool, key_prefix="objectstore:rate")


def _hit(limiter: Limiter, item: RateLimitItem, class_: str, caller: str) -> Standing:
    allowed = limiter.hit(item, class_, caller)
    window = item.get_expiry()
    storage = cast("SlidingWindowCounterSupport", limiter.storage)
    hits = storage.get_sliding_window(item.key_for(class_, caller), window)
    previous, previous_left, current, current_left = hits
    if not allowed:
        wait = _wait(item.amount, window, hits)
        return Standing(class_, item.amount, window, False, 0, floor(wait) + 1)
    used = floor(previous * previous_left / window) + current
    return Standing(
        policy=class_,
        quota=item.amount,
        window=window,
        allowed=True,
        remaining=max(0, item.amount - used),
        seconds=max(1, ceil(current_left - window)) if current_left else window,
    )


def _wait(quota: int, window: int, hits: tuple[int, float, int, float]) -> float:
    """Return the seconds after which one more request is allowed.

    The weight of the window before falls evenly; who has used up the present one waits
    until it becomes the one before, and begins to fall.
    """
    previous, previous_left, current, current_left = hits
    if current >= quota:
        return max(0.0, current_left - window)
    if not previous:
        return 0.0
    return max(0.0, previous_left - (quota - current) * window / previous)
