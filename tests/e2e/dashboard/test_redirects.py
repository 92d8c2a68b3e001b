"""A store that sends downloads to S3: pages show and save what comes from here.

Their policy knows this origin alone, and a link to another one is opened, not saved.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.pictures import pdf
from tests.e2e.dashboard.test_browser import archive, row
from tests.e2e.dashboard.test_object import FILM, HTML, SVG, at, put, seek
from tests.e2e.dashboard.uploads import Uploads
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.s3 import given_variables
from tests.servers.store import Server, store_with_administrator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgresql_only,
    pytest.mark.skipif(not given_variables(), reason="there is no S3 server"),
]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A store that sends every whole download to S3."""
    with store_with_administrator(
        tmp_path_factory.mktemp("console"),
        PASSWORD,
        ANONYMOUS_ACCESS="none",
        DOWNLOAD_MODE="redirect",
        REDIRECT_MIN_BYTES="1",
    ) as running:
        yield running


def download(visitor: Visitor, key: str) -> bytes:
    """Return what the button of an object's page saves, under its name."""
    page = visitor.open(at(key))
    with page.expect_download() as saved:
        page.locator("a[download]").first.click()
    assert saved.value.suggested_filename == key
    return saved.value.path().read_bytes()


def test_what_a_page_shows_and_saves_comes_from_here(chief: Visitor) -> None:
    files = {"film.webm": FILM, "report.pdf": pdf(2), "a.html": HTML, "a.svg": SVG}
    for key, body in files.items():
        put(chief, key, body)
    page = chief.open(at("film.webm"))
    assert seek(chief, "video", 7) == [10, 7]
    chief.open(at("report.pdf"))
    expect(page.locator("canvas").first).to_have_attribute("data-drawn", "")
    chief.open(at("a.svg"))
    assert page.locator(".preview img").evaluate("(image) => image.naturalWidth") == 40
    chief.open(at("a.html"))
    expect(page.locator(".preview")).to_contain_text("window.ran = 6")
    assert page.evaluate("window.ran") is None
    for key, body in files.items():
        assert download(chief, key) == body

    page = chief.open("/ui/buckets/shelf/")
    for key in ("a.html", "a.svg"):
        row(page, key).get_by_role("checkbox").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="ZIP").click()
    assert archive(saved.value) == {"a.html": HTML.decode(), "a.svg": SVG.decode()}


def test_an_upload_whose_answer_was_lost_is_looked_at_here(
    chief: Visitor, tmp_path: Path
) -> None:
    uploads = Uploads(chief, "lost")
    (tmp_path / "small").write_bytes(b"content")
    lost: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method != "PUT" or lost:
            route.fallback()
            return
        lost.append(route.request.url)
        route.fetch(post_data=b"content")  # of a file it knows no bytes
        route.abort()

    chief.page.route("**/objects/small", lose)
    uploads.pick(tmp_path / "small")
    uploads.expect_title("1 uploaded")
    assert lost
    chief.forgive("ERR_FAILED")
    chief.forgive("412")
