"""A store, and people with browsers who note what goes wrong."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.dashboard.visitor import Visitor
from tests.servers.store import Server, store_with_administrator

PASSWORD = "correct-horse-battery"

expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A store with the administrator `chief`; nobody writes without signing in."""
    folder = tmp_path_factory.mktemp("console")
    with store_with_administrator(folder, PASSWORD, ANONYMOUS_ACCESS="none") as running:
        yield running


@pytest.fixture
def visit(browser: Browser, console: Server) -> Iterator[Callable[..., Visitor]]:
    """Return somebody with a browser; `visit(javascript=False, phone=True)` and so on.

    At the end all must have found nothing to complain about.
    """
    visitors: list[Visitor] = []

    def come(**how: bool) -> Visitor:
        visitors.append(Visitor(browser, console.url, **how))
        return visitors[-1]

    yield come
    for visitor in visitors:
        visitor.leave()


@pytest.fixture
def chief(visit: Callable[..., Visitor]) -> Visitor:
    """The administrator, signed in."""
    visitor = visit()
    visitor.sign_in("chief", PASSWORD)
    return visitor
