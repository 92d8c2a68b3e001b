"""One running store for the tests that do not stop it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.wire import Wire
from tests.servers.store import Server, store

MAX_UPLOAD_BYTES = 6 * 1024 * 1024
BODY_TIMEOUT_SECONDS = 1


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A store that loses patience after a second and takes 6 MiB at most."""
    with store(
        tmp_path_factory.mktemp("store"),
        MAX_UPLOAD_BYTES=str(MAX_UPLOAD_BYTES),
        BODY_TIMEOUT_SECONDS=str(BODY_TIMEOUT_SECONDS),
    ) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser without a screen.

    Not for longer than a module: Django asks no database in a thread that has
    Playwright's event loop.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    """A connection to it."""
    with Wire(server.port) as connection:
        yield connection


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A folder for a store of the test's own."""
    return tmp_path
