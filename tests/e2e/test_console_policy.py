"""The console's pages in a real browser, under their Content-Security-Policy."""

import ssl
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.wire import Wire
from tests.servers.certificate import Certificate, make_certificate
from tests.servers.store import Server, store

PASSWORD = "correct-horse-battery"
OBJECTS = "/buckets/policy/objects"

pytestmark = [pytest.mark.e2e, pytest.mark.once]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, certificate: Certificate
) -> Iterator[Server]:
    """A store over HTTPS with an administrator and some objects."""
    folder = tmp_path_factory.mktemp("store")
    variables = {
        **certificate.variables,
        "ANONYMOUS_ACCESS": "write",
        "SECURE_COOKIES": "true",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    with store(folder, **variables) as running:
        made = running.manage(
            *("createsuperuser", "--no-input"),
            *("--username=admin", "--email=admin@example.com"),
        )
        assert made.returncode == 0, made.stderr
        with Wire(running.port, tls=certificate.trusting()) as wire:
            for key in ("a", "b"):
                put = wire.ask("PUT", f"{OBJECTS}/{key}", body=b"x").hear()
                assert put.status == 201
        yield running


class Visitor:
    """A page of a browser that notes what its console complains about."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page = page
        self.complaints: list[str] = []
        self._origin = f"https://localhost:{server.port}"
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self._note("error", str(error)))

    def open(self, path: str) -> None:
        """Open a page and wait for all that it loads."""
        answer = self.page.goto(f"{self._origin}{path}")
        self.page.wait_for_load_state("networkidle")
        assert answer is not None
        assert answer.status == 200
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {text}")


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    context = browser.new_context(ignore_https_errors=True)
    yield Visitor(context.new_page(), server)
    context.close()


def log_in(visitor: Visitor) -> None:
    visitor.open("/admin/login/?next=/admin/")
    visitor.page.fill("input[name=username]", "admin")
    visitor.page.fill("input[name=password]", PASSWORD)
    visitor.page.press("input[name=password]", "Enter")
    visitor.page.wait_for_url("**/admin/")


@pytest.mark.parametrize("path", ["/ui/", "/admin/login/"])
def test_a_page_for_everybody_breaks_no_rule(visitor: Visitor, path: str) -> None:
    visitor.open(path)

    assert visitor.complaints == []


def test_the_pages_of_the_admin_break_no_rule(visitor: Visitor) -> None:
    log_in(visitor)
    for path in (
        "/admin/",
        "/admin/auth/user/",
        "/admin/auth/user/add/",
        "/admin/auth/user/1/change/",
        "/admin/auth/user/1/password/",
        "/admin/auth/user/1/history/",
        "/admin/auth/group/add/",
        "/admin/password_change/",
        "/admin/objects_app/",
        "/admin/objects_app/bucket/",
        "/admin/objects_app/storedobject/?q=a",
    ):
        visitor.open(path)

    assert visitor.complaints == []


def test_what_a_page_did_not_bring_itself_does_not_run(visitor: Visitor) -> None:
    """An attacker that gets markup into a page gets no script and no style from it."""
    visitor.open("/ui/")
    visitor.page.evaluate(
        """() => {
            document.body.insertAdjacentHTML('beforeend',
                '<img src=x onerror="window.ran = 1"><p id=styled style="top: 7px">');
            const script = document.createElement('script');
            script.textContent = 'window.ran = 2';
            document.body.append(script);
        }"""
    )
    visitor.page.wait_for_timeout(300)

    assert visitor.page.evaluate("window.ran") is None
    assert visitor.page.evaluate("styled.style.top") == ""
    assert len(visitor.complaints) >= 3


def test_cookies_are_for_https_alone(visitor: Visitor) -> None:
    log_in(visitor)

    cookies = visitor.page.context.cookies()
    assert {cookie["name"] for cookie in cookies} >= {"sessionid", "csrftoken"}
    assert all(cookie["secure"] for cookie in cookies)
    assert all(cookie["sameSite"] == "Lax" for cookie in cookies)
    assert visitor.complaints == []


def test_a_form_from_another_site_is_refused(
    server: Server, certificate: Certificate
) -> None:
    with Wire(server.port, tls=certificate.trusting()) as wire:
        form = b"username=admin&password=x"
        heard = wire.ask(
            "POST",
            "/admin/login/",
            "Content-Type: application/x-www-form-urlencoded",
            "Origin: https://evil.example",
            body=form,
        ).hear()

    assert heard.status == 403


def test_production_over_https_tells_browsers_to_stay_with_it(
    server: Server, certificate: Certificate
) -> None:
    tls, paths = certificate.trusting(), ("/ui/", "/objects", "/nowhere")
    twin = server.twin(
        "node-2",
        S3_BUCKET_NAME="not-asked-here",
        S3_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="key",
        AWS_SECRET_ACCESS_KEY="secret",
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS="localhost,127.0.0.1",
        TRUSTED_PROXIES="127.0.0.2",
    )
    twin.start()
    try:
        told = {path: ask(twin, tls, path) for path in paths}
        plain = [ask(twin, tls, path, "X-Forwarded-Proto: http") for path in paths]
    finally:
        twin.kill()

    assert told == dict.fromkeys(paths, "max-age=31536000")
    assert plain == [None] * len(paths)


def ask(server: Server, tls: ssl.SSLContext, path: str, *headers: str) -> str | None:
    """Return what is said about HTTPS; a header makes it a trusted proxy's request."""
    source = "127.0.0.2" if headers else None
    with Wire(server.port, tls=tls, source=source) as wire:
        answer = wire.ask("GET", path, *headers).hear()
        return answer.headers.get("Strict-Transport-Security")
