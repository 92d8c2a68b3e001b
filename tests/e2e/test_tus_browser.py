"""Resumable uploads from a page, by tus-js-client in a real browser."""

import contextlib
import threading
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.blobs.bodies import digest
from tests.e2e.store import ROOT
from tests.servers.cutting import cutting_proxy
from tests.servers.store import Server, store_with_administrator

pytestmark = [pytest.mark.e2e, pytest.mark.once]

MIB = 1024 * 1024
SIZE = 40 * MIB
PASSWORD = "correct-horse-battery"
LIBRARY = "vendor/tus-js-client"

# Uploads a file of bytes 0 to 250, over and over; answers with what the client saw.
UPLOAD = """
async ({endpoint, size, options, headers}) => {
  const bytes = new Uint8Array(size);
  for (let i = 0; i < size; i++) bytes[i] = i % 251;
  const file = new File([bytes], "film.mp4", {type: "video/mp4"});
  const seen = {offsets: [], statuses: []};
  await new Promise((resolve, reject) => {
    new tus.Upload(file, {
      endpoint, headers, retryDelays: Array(9).fill(0),
      metadata: {bucket: "film", filename: file.name, filetype: file.type},
      onAfterResponse: (request, response) => {
        seen.statuses.push(`${request.getMethod()} ${response.getStatus()}`);
        if (request.getMethod() === "HEAD")
          seen.offsets.push(Number(response.getHeader("Upload-Offset")));
      },
      onSuccess: resolve, onError: reject, ...options,
    }).start();
  });
  return seen;
}
"""


def content(size: int) -> bytes:
    """Return the bytes of the file that the page makes."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


@contextlib.contextmanager
def another_origin(pages: Callable[..., BaseRequestHandler]) -> Iterator[str]:
    """Yield the origin of a server with these pages, on another port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), pages) as elsewhere:
        thread = threading.Thread(target=elsewhere.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{elsewhere.server_port}"
        finally:
            elsewhere.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A store that everybody may write to; so may pages of one other origin."""
    folder: Path = tmp_path_factory.mktemp("store")
    library = partial(SimpleHTTPRequestHandler, directory=ROOT / "static" / LIBRARY)
    with (
        another_origin(library) as origin,
        store_with_administrator(
            folder, PASSWORD, CORS_ALLOWED_ORIGINS=origin, ANONYMOUS_ACCESS="write"
        ) as running,
    ):
        bucket = urllib.request.Request(f"{running.url}/buckets/film", method="PUT")
        urllib.request.urlopen(bucket).close()
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a browser that has never been here."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def sign_in(page: Page, url: str) -> str:
    """Sign in as the administrator; return the CSRF token."""
    page.goto(f"{url}/ui/login/?next=/ui/password/")
    page.get_by_label("Username").fill("chief")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{url}/ui/password/"
    page.add_script_tag(url=f"/static/{LIBRARY}/tus.min.js")
    cookies = page.context.cookies()
    [token] = [c["value"] for c in cookies if c["name"] == "csrftoken"]
    return token


def upload(page: Page, endpoint: str, size: int = SIZE, **given: Any) -> dict[str, Any]:
    """Upload a file from the page; return what its client saw."""
    seen: dict[str, Any] = page.evaluate(
        UPLOAD,
        {"endpoint": endpoint, "size": size, "options": {}, "headers": {}, **given},
    )
    return seen


def stored(server: Server) -> str:
    """Return the SHA-256 of what was stored, and remove it."""
    url = f"{server.url}/buckets/film/objects/film.mp4"
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        found = digest(answer.read())
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE")).close()
    return found


def test_who_is_signed_in_uploads_from_a_page_of_the_console(
    page: Page, server: Server
) -> None:
    token = sign_in(page, server.url)

    seen = upload(page, "/tus/", headers={"X-CSRFToken": token})

    assert seen["statuses"] == ["POST 201", "PATCH 204"]
    assert stored(server) == digest(content(SIZE))


def test_an_upload_goes_on_where_the_line_broke(page: Page, server: Server) -> None:
    with cutting_proxy(server.url, of_requests=True) as proxy:
        token = sign_in(page, proxy.url)
        proxy.after, proxy.cuts = 9 * MIB, 4

        seen = upload(page, "/tus/", headers={"X-CSRFToken": token})

    assert seen["offsets"] == sorted(seen["offsets"])
    assert 8 * MIB < seen["offsets"][-1] < SIZE
    assert stored(server) == digest(content(SIZE))


@pytest.mark.parametrize(
    "options",
    [
        {"chunkSize": 3 * MIB},
        {"uploadDataDuringCreation": True},
        {"uploadDataDuringCreation": True, "chunkSize": 3 * MIB},
        {"overridePatchMethod": True},
    ],
    ids=str,
)
def test_each_way_of_the_client_to_upload_works(
    page: Page, server: Server, options: dict[str, Any]
) -> None:
    token = sign_in(page, server.url)
    size = 10 * MIB + 1

    upload(page, "/tus/", size, headers={"X-CSRFToken": token}, options=options)

    assert stored(server) == digest(content(size))


def test_a_page_of_an_allowed_origin_uploads(page: Page, server: Server) -> None:
    page.goto(server.variables["CORS_ALLOWED_ORIGINS"])
    page.add_script_tag(url="/tus.min.js")

    seen = upload(page, f"{server.url}/tus/", MIB)

    assert seen["statuses"] == ["POST 201", "PATCH 204"]
    assert stored(server) == digest(content(MIB))
