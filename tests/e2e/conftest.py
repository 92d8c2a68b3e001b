"""One running store for the tests that do not stop it."""

import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.wire import Wire
from tests.servers.store import Server, store

MAX_UPLOAD_BYTES = 6 * 1024 * 1024
BODY_TIMEOUT_SECONDS = 1


@pytest.fixture(scope="session", autouse=True)
def _static_files(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Collect the console's files once: all workers' stores have the same folder."""
    ours = shared = tmp_path_factory.getbasetemp()
    if hasattr(pytestconfig, "workerinput"):
        shared = ours.parent
    with (shared / "static-files").open("a") as told:
        fcntl.flock(told, fcntl.LOCK_EX)
        if told.tell() == 0:
            collected = Server(ours, {}).manage("collectstatic", "--no-input")
            assert collected.returncode == 0, collected.stderr
            told.write(collected.stdout)


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
