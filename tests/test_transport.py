"""What both handlers do about transport: HTTPS, the host, unreadable forms."""

import io
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.test import Client, RequestFactory
from pytest_django import Settings

from objects_app.http.pace import Crowded
from objects_app.middleware import unreadable_bodies
from tests.client import DataPlane

HSTS = "Strict-Transport-Security"


@pytest.fixture
def data_plane() -> DataPlane:
    return DataPlane()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("scheme", "seconds", "told"),
    [("https", 60, "max-age=60"), ("http", 60, None), ("https", 0, None)],
)
def test_browsers_are_told_over_https_alone(
    data_plane: DataPlane,
    settings: Settings,
    scheme: str,
    seconds: int,
    told: str | None,
) -> None:
    settings.SECURE_HSTS_SECONDS = seconds

    answer = data_plane.get("/nowhere", environ={"wsgi.url_scheme": scheme})

    assert answer.headers.get(HSTS) == told


@pytest.mark.django_db
def test_a_trusted_proxys_https_is_https(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.SECURE_HSTS_SECONDS = 60
    settings.TRUSTED_PROXIES = ("192.0.2.1",)
    said = {"X-Forwarded-Proto": "https"}

    def told(peer: str) -> str | None:
        environ = {"REMOTE_ADDR": peer}
        answer = data_plane.get("/nowhere", headers=said, environ=environ)
        return answer.headers.get(HSTS)

    assert told("192.0.2.1") == "max-age=60"
    assert told("192.0.2.2") is None


@pytest.mark.django_db
def test_http_1_1_without_a_host_is_refused(data_plane: DataPlane) -> None:
    environ = RequestFactory().get("/objects").environ
    assert "HTTP_HOST" not in environ
    from objectstore.wsgi import application  # noqa: PLC0415 it needs Django set up

    statuses: list[str] = []

    def start_response(status: str, *_: Any) -> Any:
        statuses.append(status)

    for version in ("HTTP/1.1", "HTTP/1.0"):
        application(
            environ | {"SERVER_PROTOCOL": version, "SERVER_NAME": "testserver"},
            start_response,
        )

    assert statuses[0].startswith("400")
    assert not statuses[1].startswith("400")


class Unreadable(io.BytesIO):
    """A body that never comes."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def read(self, *_: Any) -> bytes:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status"), [(TimeoutError(), 408), (Crowded(), 503), (OSError(), 408)]
)
def test_a_form_that_does_not_come_is_no_fault_of_the_server(
    error: OSError, status: int
) -> None:
    request = RequestFactory().post("/ui/login/", {"a": "b"})
    request._stream = Unreadable(error)

    def read(request: HttpRequest) -> HttpResponse:
        return HttpResponse(request.POST["a"])

    middleware: Any = unreadable_bodies(read)
    with pytest.raises(UnreadablePostError) as unreadable:
        middleware(request)
    answer = middleware.process_exception(request, unreadable.value)

    assert answer.status_code == status
    assert ("Retry-After" in answer) == (status == 503)
    assert middleware.process_exception(request, ValueError()) is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "charset", "status"),
    [
        ("application/x-www-form-urlencoded", "latin-1", 415),
        ("application/x-www-form-urlencoded", "UTF-8", 200),
        ("multipart/form-data; boundary=b", "base64", 415),
        ("multipart/form-data; boundary=b", "none-that-there-is", 200),
    ],
)
def test_a_form_in_another_encoding_is_no_fault_of_the_server(
    client: Client, form: str, charset: str, status: int
) -> None:
    body = '--b\r\nContent-Disposition: form-data; name="username"\r\n\r\nann\r\n--b--'
    content_type = f"{form}; charset={charset}"
    answer = client.generic("POST", "/ui/login/", body, content_type)
    assert answer.status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ui/", "/admin/login/"])
def test_pages_may_load_only_what_the_store_brings(client: Client, path: str) -> None:
    policy = client.get(path, follow=True)["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
