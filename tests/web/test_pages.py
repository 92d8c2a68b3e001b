"""What every page of the console has, and who answers which path."""

import re

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from objects_app import errors
from objects_app.errors import StoreError
from objects_app.rest.problems import TABLE
from objects_app.web import refusals
from tests.client import DataPlane

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _everybody_on_this_machine(settings: Settings) -> None:
    settings.ANONYMOUS_ACCESS = None
    settings.LOCAL_MODE = True


def test_an_empty_store_shows_a_curl_line_for_the_address_it_was_reached_at(
    client: Client,
) -> None:
    page = client.get("/ui/", HTTP_HOST="localhost:9000").content.decode()
    assert "http://localhost:9000/buckets/test/objects/README.md" in page


def test_who_must_sign_in_comes_back_to_the_page_they_wanted(client: Client) -> None:
    answer = client.get("/ui/buckets/photos/?prefix=a%2F", REMOTE_ADDR="192.0.2.1")
    assert answer.status_code == 302
    wanted = "/ui/login/?next=/ui/buckets/photos/%3Fprefix%3Da%252F"
    assert answer["Location"] == wanted


def test_a_part_of_a_page_sends_the_whole_page_to_the_login(client: Client) -> None:
    answer = client.get(
        "/ui/buckets/photos/?cursor=x",
        REMOTE_ADDR="192.0.2.1",
        headers={
            "HX-Request": "true",
            "HX-Current-URL": "http://testserver/ui/buckets/photos/?prefix=a/",
        },
    )
    assert answer.status_code == 204
    wanted = "/ui/login/?next=/ui/buckets/photos/%3Fprefix%3Da/"
    assert answer["HX-Redirect"] == wanted


def test_a_refusal_is_a_page_that_says_why(client: Client) -> None:
    answer = client.get("/ui/buckets/nothing/")
    assert answer.status_code == 404
    assert "There is no bucket nothing" in answer.content.decode()


def test_a_part_that_is_refused_is_the_sentence_alone(client: Client) -> None:
    answer = client.get("/ui/buckets/nothing/", headers={"HX-Request": "true"})
    assert answer.status_code == 404
    assert answer["Content-Type"] == "text/plain"
    assert answer.content.decode().startswith("There is no bucket nothing")


def test_an_address_of_no_page_leads_back(client: Client) -> None:
    answer = client.get("/ui/nothing")
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is no page of this address" in page
    assert 'href="/ui/"' in page


def test_a_form_that_is_too_large_is_told_so() -> None:
    too_many = {f"field{number}": "" for number in range(1001)}
    client = Client(enforce_csrf_checks=True)
    token = client.get("/ui/login/").cookies["csrftoken"].value
    answer = client.post("/ui/login/", {**too_many, "csrfmiddlewaretoken": token})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "send less of it" in page
    assert 'href="/ui/"' in page


@pytest.mark.parametrize("path", ["/ui/", "/ui/login/", "/ui/password/"])
def test_no_page_is_kept_by_a_cache(client: Client, path: str) -> None:
    assert "no-store" in client.get(path)["Cache-Control"]


@pytest.mark.parametrize(
    ("cookie", "written"), [("dark", True), ("light", True), ('" onload="x', False)]
)
def test_a_page_comes_in_the_reader_s_colours(
    client: Client, cookie: str, written: bool
) -> None:
    client.cookies["theme"] = cookie
    page = client.get("/ui/").content.decode()
    assert (f'<html lang="en" data-theme="{cookie}">' in page) is written


def test_a_refusal_has_the_status_that_the_rest_api_gives_it() -> None:
    rest = {error: problem.status for error, problem in TABLE.items()}
    listed = {
        error: status for status, them in refusals.STATUS.items() for error in them
    }
    not_found = {errors.DeleteMarker}  # 405 there, for a method that is no page's
    sign_on = {errors.InvalidCredentials}  # 401 there, for what a header shows
    same = set(listed) - not_found - sign_on
    assert {error: listed[error] for error in same} == {e: rest[e] for e in same}
    unlisted = {e for e in rest if rest[e] >= 500 and issubclass(e, StoreError)}
    assert unlisted <= set(listed)


def test_every_icon_that_a_template_names_is_there() -> None:
    sprite = (django_settings.BASE_DIR / "static/vendor/lucide/icons.svg").read_text()
    named = {
        name
        for path in (django_settings.BASE_DIR / "templates").rglob("*.html")
        for name in re.findall(r'{% icon "([^"]+)"', path.read_text())
    }
    assert named
    assert not {name for name in named if f'<symbol id="{name}"' not in sprite}


def test_the_texts_of_the_scripts_are_a_script(client: Client) -> None:
    answer = client.get("/ui/texts.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "gettext" in answer.content.decode()


def test_the_first_page_is_safe_only(client: Client) -> None:
    assert client.post("/ui/").status_code == 405


@pytest.mark.parametrize("path", ["/ui", "/admin"])
def test_a_console_path_without_its_slash_is_sent_on(
    data_plane: DataPlane, path: str
) -> None:
    answer = data_plane.get(path)
    assert (answer.status, answer.headers["Location"]) == (301, f"{path}/")


@pytest.mark.parametrize("path", ["/ui/", "/ui/login/"])
def test_console_pages_cannot_be_framed_or_sniffed(
    data_plane: DataPlane, path: str
) -> None:
    answer = data_plane.get(path)
    assert answer.status == 200
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_path_that_only_begins_like_the_console_is_the_data_planes(
    data_plane: DataPlane,
) -> None:
    assert data_plane.get("/uix/").json()["code"] == "no_such_path"
