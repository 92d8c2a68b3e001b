"""OPTIONS and CORS: origins from a setting, everything a web page needs to see."""

import pytest
from pytest_django import Settings

from tests.client import DataPlane

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/a"
ORIGIN = "https://app.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "PUT",
    "Access-Control-Request-Headers": "content-type,if-match,x-object-meta-a",
}


@pytest.fixture
def one_origin(settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = [ORIGIN]


@pytest.mark.usefixtures("one_origin")
@pytest.mark.parametrize("path", [PATH, "/objects", "/buckets/test/objects/a%0Ab"])
def test_a_preflight_of_that_origin_is_allowed_all_the_store_can_do(
    data_plane: DataPlane, path: str
) -> None:
    answer = data_plane.request("OPTIONS", path, headers=PREFLIGHT)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    methods = answer.headers["Access-Control-Allow-Methods"].split(", ")
    assert set(methods) == {
        *("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS")
    }
    assert answer.headers["Access-Control-Allow-Headers"] == "*, Authorization"
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.usefixtures("one_origin")
def test_a_page_of_that_origin_sees_answers_and_errors(data_plane: DataPlane) -> None:
    headers = {"Origin": ORIGIN}
    for answer in (
        data_plane.put(PATH, b"x", headers=headers),
        data_plane.get(PATH, headers=headers),
        data_plane.get("/buckets/none", headers=headers),
        data_plane.get("/nowhere", headers=headers),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "origin" in answer.headers["Vary"].lower()
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"*", "ETag", "Content-Range", "X-Request-Id"} <= set(exposed)


@pytest.mark.usefixtures("one_origin")
def test_another_origin_is_told_nothing(data_plane: DataPlane) -> None:
    for origin in ("https://evil.example", "null", "https://app.example.com.evil.ex"):
        answer = data_plane.request(
            "OPTIONS", PATH, headers={**PREFLIGHT, "Origin": origin}
        )
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_without_the_setting_no_origin_is_allowed(data_plane: DataPlane) -> None:
    answer = data_plane.request("OPTIONS", PATH, headers=PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_star_allows_every_origin(data_plane: DataPlane, settings: Settings) -> None:
    settings.CORS_ALLOW_ALL_ORIGINS = True
    answer = data_plane.get("/objects", headers={"Origin": "https://any.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", "GET, HEAD, OPTIONS"),
        ("/objects", "GET, HEAD, OPTIONS"),
        ("/buckets", "GET, HEAD, OPTIONS"),
        ("/buckets/test", "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
        (PATH, "DELETE, GET, HEAD, OPTIONS, PATCH, PUT"),
    ],
)
def test_options_without_an_origin_says_what_is_allowed(
    data_plane: DataPlane, path: str, allowed: str
) -> None:
    answer = data_plane.request("OPTIONS", path)
    assert answer.status == 204
    assert answer.headers["Allow"] == allowed
