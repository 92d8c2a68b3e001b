"""Signing in with a real browser: cookies across sites, and no inline code needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.servers.issuer import Provider
from tests.servers.store import Server, store_with_administrator

pytestmark = [pytest.mark.e2e, pytest.mark.once]

PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    """A provider at localhost: another site than the store's 127.0.0.1."""
    with Provider().running() as running:
        running.user("u-1", preferred_username="ann")
        yield running


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, issuer: Provider
) -> Iterator[Server]:
    """A store with an administrator, that knows the provider."""
    folder: Path = tmp_path_factory.mktemp("store")
    with store_with_administrator(folder, PASSWORD, **issuer.settings) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A page of a browser that has never been here; it complains of none of ours."""
    context = browser.new_context()
    opened = context.new_page()
    said: list[tuple[str, str]] = []
    opened.on("console", lambda m: said.append((m.location["url"], m.text)))
    yield opened
    context.close()
    assert [(url, text) for url, text in said if url.startswith(server.url)] == []


def test_a_person_signs_in_and_out_by_password(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/ui/login/?next=/ui/password/")
    page.get_by_label("Username").fill("chief")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{server.url}/ui/password/"
    page.get_by_title("Signed in as chief").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.url == f"{server.url}/ui/"
    assert page.get_by_role("link", name="Sign in").count() == 1


def test_a_person_signs_in_at_the_provider(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/ui/login/?next=/ui/password/")
    page.get_by_role("button", name="Use single sign-on").click()
    page.locator("input[name=sub]").fill("u-1")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(f"{server.url}/ui/password/")
    assert page.get_by_text("your identity provider").count() == 1
    assert page.get_by_title("Signed in as ann").count() == 1
