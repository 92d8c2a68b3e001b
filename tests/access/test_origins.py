"""What pages of other sites make browsers send is refused, whoever the browser's is."""

from collections.abc import Mapping

import pytest
from pytest_django import Settings

from objects_app.models import Bucket
from tests.access.people import (
    Caller,
    make_key,
    make_user,
    session,
    with_csrf,
    with_key,
    with_token,
    with_url,
)
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PATH = "/buckets/test/objects/a"
APP = "https://app.example.com"

FOREIGN: list[Mapping[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "testserver"},
    {"Origin": "//testserver/"},
    {"Origin": "http://testserver:8000"},
    {"Origin": "http://testserver.evil.example"},
    {"Origin": "http://user@testserver"},
    {"Origin": "http://evil.example/testserver"},
    {"Origin": "http://[::1"},
    {"Origin": "http://testserver, https://evil.example"},
    {"Origin": APP},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://evil.example", "Host": "localhost"},
]
OWN: list[Mapping[str, str]] = [
    {},
    {"Origin": "http://testserver"},
    {"Origin": "https://testserver"},
    {"Origin": "HTTP://TESTSERVER"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost:8000", "Host": "localhost:8000"},
    {"Origin": "http://[::1]:8000", "Host": "[::1]:8000"},
]


@pytest.fixture
def callers(settings: Settings, nothing_for_anybody: None) -> dict[str, Caller]:
    """Everybody who may write the object, by PUT for the URL's sake."""
    settings.ANONYMOUS_ACCESS = "write"
    Bucket.objects.create(name="test")
    chief = make_user("chief", is_superuser=True)
    return {
        "anonymous": Caller(),
        "key": with_key(make_key(chief)),
        "token": with_token(chief),
        "session": with_csrf(session(chief)),
        "url": with_url(chief, PATH, method="PUT"),
    }


def put(data_plane: DataPlane, caller: Caller, headers: Mapping[str, str]) -> Answer:
    return caller.ask(data_plane, "PUT", PATH, body=b"x", headers=headers)


def test_no_caller_writes_from_another_origin(
    data_plane: DataPlane, callers: dict[str, Caller]
) -> None:
    for caller in callers.values():
        for headers in FOREIGN:
            answer = put(data_plane, caller, headers)
            assert_problem(answer, 403, "foreign_origin")
    assert data_plane.get("/objects").json()["objects"] == []


def test_every_caller_writes_from_our_own_origin_or_none(
    data_plane: DataPlane, callers: dict[str, Caller]
) -> None:
    for caller in callers.values():
        for headers in OWN:
            answer = put(data_plane, caller, headers)
            assert answer.status in {200, 201}, (headers, answer.body)


@pytest.mark.usefixtures("callers")
def test_every_method_but_the_safe_ones_is_refused_on_every_path(
    data_plane: DataPlane,
) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "BREW", "TRACE"):
        for path in ("/auth/token", "/buckets/test", "/nowhere", "/"):
            answer = data_plane.request(method, path, headers=FOREIGN[0])
            assert_problem(answer, 403, "foreign_origin")


@pytest.mark.usefixtures("callers")
def test_reading_is_for_the_browser_to_keep_apart(data_plane: DataPlane) -> None:
    data_plane.put(PATH, b"x")
    for headers in FOREIGN:
        assert data_plane.get(PATH, headers=headers).status == 200
        assert data_plane.head(PATH, headers=headers).status == 200
        told = data_plane.get(PATH, headers=headers).headers
        assert "Access-Control-Allow-Origin" not in told


def test_a_refusal_tells_nothing_about_credentials_that_came_with_it(
    data_plane: DataPlane, callers: dict[str, Caller]
) -> None:
    wrong = Caller({"Authorization": "Bearer OSUNKNOWN.secret"})
    answers = [
        put(data_plane, caller, FOREIGN[0]).json() | {"request_id": ""}
        for caller in (wrong, callers["key"])
    ]
    assert answers[0] == answers[1]


def test_the_origins_of_the_setting_may_write_with_credentials_of_their_own(
    data_plane: DataPlane, callers: dict[str, Caller], settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    from_app = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    for caller in callers.values():
        assert put(data_plane, caller, from_app).status in {200, 201}
        for other in ("null", "https://app.example.com.evil.example", f"{APP}:444"):
            answer = put(data_plane, caller, {**from_app, "Origin": other})
            assert_problem(answer, 403, "foreign_origin")


def test_an_allowed_origin_does_not_write_with_a_cookie_alone(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.CORS_ALLOWED_ORIGINS = [APP]
    signed_in = session(make_user("chief", is_superuser=True))
    answer = put(data_plane, signed_in, {"Origin": APP})
    assert_problem(answer, 403, "csrf_required")
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_star_lets_every_origin_write(
    data_plane: DataPlane, callers: dict[str, Caller], settings: Settings
) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = True
    for caller in callers.values():
        assert put(data_plane, caller, FOREIGN[0]).status in {200, 201}


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "127.1"])
def test_a_name_that_was_pointed_at_us_is_no_origin_of_ours(
    data_plane: DataPlane, callers: dict[str, Caller], host: str
) -> None:
    """DNS rebinding: to the browser it is the same origin, so Host has to tell."""
    rebound = {
        "Host": host,
        "Origin": f"http://{host}",
        "Sec-Fetch-Site": "same-origin",
    }
    for caller in callers.values():
        assert_problem(put(data_plane, caller, rebound), 400, "bad_host")
        answer = caller.ask(data_plane, "GET", "/auth/me", headers=rebound)
        assert_problem(answer, 400, "bad_host")
