"""Who is counted as whom, for what, where, and what is told."""

import logging
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from objects_app.access import rates
from objects_app.access.principals import Principal
from objects_app.access.rates import Rates
from objects_app.errors import RateLimited
from tests.servers.redis import Redis, find_redis, redis_server

WINDOW_SECONDS = 1
PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def redis_process() -> Iterator[Redis]:
    if find_redis() is None:
        pytest.skip("there is no Redis for this platform")
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(redis_process: Redis) -> Redis:
    redis_process.client.flushall()
    return redis_process


@pytest.fixture
def guesses(settings: Settings) -> Iterator[None]:
    """Three wrong credentials a minute."""
    settings.RATE_LIMITS = {"auth": "3/minute"}
    rates.rates.cache_clear()
    yield
    rates.rates.cache_clear()


def allowed(limits: Rates, tries: int, who: str = "user:1") -> int:
    return sum(limits.hit("read", who).allowed for _ in range(tries))


@pytest.mark.parametrize(
    ("method", "path", "class_"),
    [
        ("GET", "/buckets/photos/objects/a", "read"),
        ("HEAD", "/buckets/photos/objects/a", "read"),
        ("GET", "/buckets/photos", "read"),
        ("PUT", "/buckets/photos/objects/a", "write"),
        ("DELETE", "/buckets/photos/objects/a", "write"),
        ("PATCH", "/buckets/photos", "write"),
        ("PUT", "/buckets/photos", "write"),
        ("POST", "/presign", "write"),
        ("PUT", "/buckets/photos/grants", "write"),
        ("GET", "/objects", "list"),
        ("HEAD", "/objects", "list"),
        ("GET", "/buckets", "list"),
        ("GET", "/search", "list"),
        ("GET", "/buckets/photos/grants", "list"),
        ("GET", "/buckets/photos/objects/grants", "read"),
        ("GET", "/buckets/photos/objects/a/grants", "read"),
        ("POST", "/auth/token", "auth"),
        ("GET", "/auth/me", "auth"),
        ("DELETE", "/auth/keys/abc", "auth"),
        ("GET", "/authors", "read"),
        ("GET", "/healthz", None),
        ("GET", "/readyz", None),
        ("GET", "/", None),
        ("OPTIONS", "/objects", None),
        ("OPTIONS", "/auth/token", None),
    ],
)
def test_each_request_is_of_one_class(
    method: str, path: str, class_: str | None
) -> None:
    assert rates.class_of(method, path) == class_


@pytest.mark.parametrize(
    ("principal", "who"),
    [
        (Principal("alice", "192.0.2.1", False, user_id=7, key_id="K1"), "key:K1"),
        (Principal("alice", "192.0.2.1", False, user_id=7), "user:7"),
        (Principal("anonymous", "192.0.2.1", False), "address:192.0.2.1"),
    ],
)
def test_a_caller_is_the_key_else_the_user_else_the_address(
    principal: Principal, who: str
) -> None:
    assert rates.who(principal) == who


def test_addresses_of_one_ipv6_network_are_one_caller() -> None:
    def who(address: str) -> str:
        return rates.who(Principal("anonymous", address, False))

    assert who("2001:db8:1:2::1") == who("2001:db8:1:2:ffff::9")
    assert who("2001:db8:1:2::1") != who("2001:db8:1:3::1")
    assert who("::ffff:192.0.2.1") == who("192.0.2.1")
    assert who("") == "address:"


def test_only_classes_with_a_limit_are_counted() -> None:
    limits = Rates({"read": "5/minute", "write": ""}, redis_url=None)
    assert limits.classes == {"read"}


def test_the_rest_of_quota_and_window_are_told() -> None:
    limits = Rates({"read": "5/minute"}, redis_url=None)
    limits.hit("read", "user:1")
    assert limits.hit("read", "user:1").fields() == {
        "RateLimit-Policy": '"read";q=5;w=60',
        "RateLimit": '"read";r=3;t=60',
    }


def test_who_is_refused_is_told_when_to_come_again() -> None:
    limits = Rates({"read": "5/minute"}, redis_url=None)
    assert allowed(limits, 5) == 5
    standing = limits.hit("read", "user:1")
    assert not standing.allowed
    assert standing.remaining == 0
    assert standing.refusal().retry_after == standing.seconds
    assert 59 <= standing.seconds <= 61


@pytest.mark.parametrize(
    ("hits", "seconds"),
    [
        ((0, 0.0, 10, 100.0), 40.0),  # this window is used up: until it ends
        ((10, 60.0, 0, 120.0), 0.0),
        ((10, 54.1, 1, 114.1), 0.1),  # the weight before is just over 9
        ((20, 45.0, 0, 105.0), 15.0),
        ((0, 0.0, 3, 90.0), 0.0),
    ],
)
def test_the_wait_is_until_one_more_fits(
    hits: tuple[int, float, int, float], seconds: float
) -> None:
    assert rates._wait(10, 60, hits) == pytest.approx(seconds)


@pytest.mark.parametrize("in_redis", [False, True])
def test_what_retry_after_says_is_long_enough(in_redis: bool, redis: Redis) -> None:
    url = redis.url if in_redis else None
    limits = Rates({"read": f"3/{WINDOW_SECONDS} second"}, redis_url=url)
    allowed(limits, 3)
    refused = limits.hit("read", "user:1")
    again = time.monotonic() + refused.seconds

    while time.monotonic() < again:
        time.sleep(0.01)

    assert not refused.allowed
    assert limits.hit("read", "user:1").allowed


def test_nodes_with_one_redis_share_their_counters(redis: Redis) -> None:
    nodes = [Rates({"read": "10/minute"}, redis_url=redis.url) for _ in range(2)]
    assert sum(allowed(node, 8) for node in nodes) == 10


def test_what_is_told_from_redis_has_the_same_form(redis: Redis) -> None:
    limits = Rates({"read": "5/minute"}, redis_url=redis.url)
    limits.hit("read", "user:1")
    assert limits.hit("read", "user:1").fields() == {
        "RateLimit-Policy": '"read";q=5;w=60',
        "RateLimit": '"read";r=3;t=60',
    }


def test_without_its_redis_a_node_counts_by_itself_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    if find_redis() is None:
        pytest.skip("there is no Redis for this platform")
    with redis_server() as server:
        limits = Rates({"read": "5/minute"}, redis_url=server.url)
        assert allowed(limits, 2) == 2
    with caplog.at_level(logging.WARNING):
        assert allowed(limits, 20) == 5
    assert [record.message for record in caplog.records] == [
        "Redis (rate limits) does not answer: asked again every 10 s"
    ]


def test_a_redis_that_hangs_delays_no_request_for_long() -> None:
    if find_redis() is None:
        pytest.skip("there is no Redis for this platform")
    with redis_server() as server:
        limits = Rates({"read": "1000/minute"}, redis_url=server.url)
        limits.hit("read", "user:1")
        server.process.send_signal(19)  # SIGSTOP
        begun = time.monotonic()
        assert allowed(limits, 100) == 100
        assert time.monotonic() - begun < PATIENCE_SECONDS / 4


@pytest.mark.usefixtures("guesses")
def test_an_address_that_sent_too_many_wrong_credentials_is_told_when_to_go_on() -> (
    None
):
    for _ in range(3):
        rates.count_failure("192.0.2.1")
    with pytest.raises(RateLimited, match="wrong credentials") as refusal:
        rates.count_failure("192.0.2.1")
    assert 59 <= refusal.value.retry_after <= 61
    rates.count_failure("192.0.2.2")


@pytest.mark.usefixtures("guesses")
def test_failures_of_an_address_do_not_use_up_its_requests() -> None:
    limits = rates.rates()
    assert limits is not None
    for _ in range(3):
        rates.count_failure("192.0.2.1")
    assert limits.hit("auth", "address:192.0.2.1").allowed


def test_without_limits_nobody_is_counted(settings: Settings) -> None:
    settings.RATE_LIMITS = {"read": "", "auth": ""}
    rates.rates.cache_clear()
    assert rates.rates() is None
    for _ in range(100):
        rates.count_failure("192.0.2.1")
    rates.rates.cache_clear()
