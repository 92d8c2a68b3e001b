"""Signing in to a real store, by password and by a real identity provider."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.servers.issuer import Provider
from tests.servers.store import Server, store_with_administrator

pytestmark = [pytest.mark.e2e, pytest.mark.once]

PASSWORD = "correct-horse-battery"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@pytest.fixture(scope="module")
def issuer() -> Iterator[Provider]:
    """The identity provider."""
    with Provider().running() as running:
        running.user("u-1", preferred_username="ann", groups=["chiefs"])
        yield running


@pytest.fixture(scope="module")
def signed_on(
    tmp_path_factory: pytest.TempPathFactory, issuer: Provider
) -> Iterator[Server]:
    """A store that knows the provider, with an administrator of its own."""
    folder: Path = tmp_path_factory.mktemp("store")
    variables = {**issuer.settings, "OIDC_ADMIN_GROUP": "chiefs"}
    with store_with_administrator(folder, PASSWORD, **variables) as running:
        yield running


def post(browser: requests.Session, url: str, **fields: str) -> requests.Response:
    """Load the page of a form, and send the form as a browser does."""
    found = _TOKEN.search(browser.get(url, timeout=10).text)
    assert found
    data = {"csrfmiddlewaretoken": found[1], **fields}
    headers = {"Referer": url, "Origin": url.partition("/ui/")[0]}
    return browser.post(url, data=data, headers=headers, timeout=10)


def test_a_password_opens_console_and_admin(signed_on: Server) -> None:
    with requests.Session() as browser:
        url = f"{signed_on.url}/ui/login/"
        page = post(browser, url, username="chief", password=PASSWORD)
        assert page.url == f"{signed_on.url}/ui/"
        assert "Signed in as chief" in page.text
        assert browser.get(f"{signed_on.url}/admin/", timeout=10).url.endswith(
            "/admin/"
        )


def test_a_lock_holds_in_the_next_process_too(signed_on: Server) -> None:
    url = f"{signed_on.url}/ui/login/"
    for _ in range(5):
        with requests.Session() as browser:
            page = post(browser, url, username="nobody", password="wrong")
    assert page.status_code == 429
    assert 840 < int(page.headers["Retry-After"]) <= 900
    signed_on.kill()
    signed_on.start()
    with requests.Session() as browser:
        page = post(browser, url, username="nobody", password="wrong")
    assert page.status_code == 429


def test_the_provider_opens_console_and_admin(
    signed_on: Server, issuer: Provider
) -> None:
    with requests.Session() as browser:
        begin = f"{signed_on.url}/ui/oidc/?next=/admin/"
        there = browser.get(begin, allow_redirects=False, timeout=10)
        back = issuer.agree(there.headers["Location"], "u-1")
        page = browser.get(back, timeout=10)
        assert page.url == f"{signed_on.url}/admin/"
        assert "ann" in page.text


def test_a_token_of_the_provider_is_a_bearer_token(
    signed_on: Server, issuer: Provider
) -> None:
    def me(token: str) -> requests.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return requests.get(f"{signed_on.url}/auth/me", headers=headers, timeout=10)

    answer = me(issuer.token(sub="u-1"))
    assert answer.status_code == 200, answer.text
    assert "ann" in answer.text
    assert me(issuer.token(sub="u-1", exp=1)).status_code == 401
    assert me(issuer.token(sub="u-1", kid="unknown")).status_code == 401
