"""The page a browser sees first, and who answers which path."""

import pytest
from django.test import Client

from tests.client import DataPlane

pytestmark = pytest.mark.django_db


def test_the_first_page_shows_curl_lines_for_the_address_it_was_reached_at(
    client: Client,
) -> None:
    page = client.get("/ui/", HTTP_HOST="localhost:9000").content.decode()
    assert "http://localhost:9000/buckets/test/objects/hello.txt" in page


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
