"""What a caller who asks too often gets, and what all others are told."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.access import rates
from objects_app.middleware import rates as middleware
from tests.access.people import Caller, make_key, with_key
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

POLICY = re.compile(r'"[a-z]+";q=[0-9]+;w=[1-9][0-9]*')
STANDING = re.compile(r'"[a-z]+";r=[0-9]+;t=[0-9]+')

Limit = Callable[..., None]


@pytest.fixture
def limit(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Limit]:
    """Start the data plane anew with these limits, as `limit(read="3/minute")`."""
    from objectstore import wsgi  # noqa: PLC0415 Django is set up by now

    def start(**limits: str) -> None:
        settings.RATE_LIMITS = limits
        rates.rates.cache_clear()
        monkeypatch.setattr(wsgi, "_data_plane", wsgi.DataPlaneHandler())

    yield start
    rates.rates.cache_clear()


def test_one_request_too_many_is_refused_and_told_when_to_come_again(
    limit: Limit, data_plane: DataPlane
) -> None:
    limit(write="2/minute")
    for number in range(2):
        assert data_plane.put(f"/buckets/photos/objects/{number}", b"x").status == 201

    answer = data_plane.put("/buckets/photos/objects/2", b"x")

    told = assert_problem(answer, 429, "rate_limited")
    assert "More than 2 write requests in 60 s" in told["detail"]
    assert answer.headers["RateLimit"] == f'"write";r=0;t={wait(answer)}'
    assert answer.headers["RateLimit-Policy"] == '"write";q=2;w=60'
    assert 59 <= wait(answer) <= 61
    assert data_plane.get("/buckets/photos/objects/2").status == 404


def wait(answer: Any) -> int:
    return int(answer.headers["Retry-After"])


def test_each_answer_of_a_limited_class_tells_the_rest(
    limit: Limit, data_plane: DataPlane
) -> None:
    limit(read="10/second")
    data_plane.put("/buckets/photos/objects/a", b"x")

    for rest in (9, 8):
        answer = data_plane.get("/buckets/photos/objects/a")
        assert answer.headers["RateLimit-Policy"] == '"read";q=10;w=1'
        assert answer.headers["RateLimit"].startswith(f'"read";r={rest};t=')


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/buckets/photos/objects/missing", 404),
        ("/buckets/A", 400),
        ("/nothing/here", 404),
    ],
)
def test_refusals_of_other_kinds_tell_it_as_well(
    limit: Limit, data_plane: DataPlane, target: str, status: int
) -> None:
    limit(read="10/minute")
    answer = data_plane.get(target)
    assert answer.status == status
    assert STANDING.fullmatch(answer.headers["RateLimit"])
    assert POLICY.fullmatch(answer.headers["RateLimit-Policy"])


def test_classes_are_counted_apart(limit: Limit, data_plane: DataPlane) -> None:
    limit(read="1/minute", list="1/minute")
    data_plane.put("/buckets/photos/objects/a", b"x")
    assert data_plane.get("/buckets/photos/objects/a").status == 200
    assert data_plane.get("/buckets/photos/objects/a").status == 429
    assert data_plane.get("/objects?bucket=photos").status == 200
    assert data_plane.get("/buckets").status == 429


def test_addresses_are_counted_apart(limit: Limit, data_plane: DataPlane) -> None:
    limit(list="1/minute")
    first, second = ({"REMOTE_ADDR": f"192.0.2.{number}"} for number in (1, 2))
    assert data_plane.get("/buckets", environ=first).status == 200
    assert data_plane.get("/buckets", environ=first).status == 429
    assert data_plane.get("/buckets", environ=second).status == 200


def test_a_class_without_a_limit_tells_nothing(
    limit: Limit, data_plane: DataPlane
) -> None:
    limit(write="1/minute")
    for _ in range(5):
        answer = data_plane.get("/buckets")
        assert answer.status == 200
        assert "RateLimit" not in answer.headers
        assert "RateLimit-Policy" not in answer.headers


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_never_limited(
    limit: Limit, data_plane: DataPlane, path: str
) -> None:
    limit(read="1/minute")
    for _ in range(5):
        assert data_plane.get(path).status == 200


def test_only_paths_of_authentication_are_limited_by_default(
    limit: Limit, data_plane: DataPlane
) -> None:
    limit(read="", write="", list="", auth="1/minute")
    for _ in range(3):
        assert "RateLimit" not in data_plane.get("/buckets").headers
    assert data_plane.get("/auth/nothing").status == 404
    assert data_plane.get("/auth/nothing").status == 429


def test_where_nothing_is_limited_the_middleware_is_not_there(limit: Limit) -> None:
    limit(read="", write="")

    def inner(_: Any) -> Any:
        raise NotImplementedError

    assert middleware(inner) is inner


def test_wrong_keys_are_limited_by_address_and_right_ones_are_not(
    limit: Limit, data_plane: DataPlane, alice: User
) -> None:
    limit(auth="3/minute")
    right = with_key(make_key(alice))
    wrong = Caller({"Authorization": "Bearer nobody.knows"})
    for _ in range(3):
        answer = wrong.ask(data_plane, "GET", "/buckets")
        assert_problem(answer, 401, "invalid_credentials")

    answer = wrong.ask(data_plane, "GET", "/buckets")

    told = assert_problem(answer, 429, "rate_limited")
    assert "wrong credentials" in told["detail"]
    assert 59 <= wait(answer) <= 61
    assert right.ask(data_plane, "GET", "/buckets").status == 200


def test_keys_of_one_address_are_counted_apart(
    limit: Limit, data_plane: DataPlane, alice: User
) -> None:
    limit(list="1/minute")
    first, second = (with_key(make_key(alice)) for _ in range(2))
    assert first.ask(data_plane, "GET", "/buckets").status == 200
    assert first.ask(data_plane, "GET", "/buckets").status == 429
    assert second.ask(data_plane, "GET", "/buckets").status == 200
