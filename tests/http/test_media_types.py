import mimetypes

import pytest
from django.test import RequestFactory

from objects_app.errors import InvalidArgument
from objects_app.http.media_types import content_type, guess, is_active


def type_of(sent: str, key: str = "photo.jpg") -> str:
    request = RequestFactory().generic("PUT", "/")
    request.META["CONTENT_TYPE"] = sent
    return content_type(request, key)


@pytest.mark.parametrize(
    "sent",
    [
        "text/plain",
        "text/plain; charset=utf-8",
        "Text/Plain;charset=UTF-8",
        'text/plain ; a="x; \\" y" ;; b=c ;',
        "application/vnd.api+json",
        "a/" + "b" * 253,
    ],
)
def test_a_media_type_is_kept_as_sent(sent: str) -> None:
    assert type_of(sent) == sent


@pytest.mark.parametrize(
    "sent",
    [
        "text",
        "text/",
        "/plain",
        "text/plain/x",
        "text / plain",
        "text/plain; charset",
        "text/plain; charset =utf-8",
        'text/plain; a="x',
        'text/plain; a="\x01"',
        "text/plain\r\nX: y",
        "text/plain, text/html",
        "text/pl\xe4in",
        "a/" + "b" * 254,
        "text/plain" + "; " * 110 + "x y",
    ],
)
def test_what_is_no_media_type_is_refused(sent: str) -> None:
    with pytest.raises(InvalidArgument, match="media type"):
        type_of(sent)


@pytest.mark.parametrize(
    "sent",
    [
        "",
        " ",
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-Urlencoded; charset=utf-8",
    ],
)
def test_no_type_and_curls_default_mean_a_guess(sent: str) -> None:
    assert type_of(sent) == "image/jpeg"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("hello.txt", "text/plain"),
        ("PHOTO.JPG", "image/jpeg"),
        ("a/b.c/notes.md", "text/markdown"),
        ("backup.tar.gz", "application/gzip"),
        ("app.js", "text/javascript"),
        ("x.csv?y=1#z", "application/octet-stream"),
        ("page.html", "text/html"),
        ("https://[x/page.html", "text/html"),
        ("data:text/html,x", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("a.html/", "application/octet-stream"),
        ("Makefile", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_last_extension_of_the_key_tells(key: str, expected: str) -> None:
    assert guess(key) == expected


def test_the_machines_own_types_do_not_count() -> None:
    mimetypes.add_type("text/html", ".objectstore")
    assert guess("a.objectstore") == "application/octet-stream"


@pytest.mark.parametrize(
    "media_type",
    [
        "text/html",
        "TEXT/HTML ; charset=utf-8",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "application/rss+xml;x=y",
        "text/xsl",
        "text/javascript",
        "application/x-javascript",
        "text/javascript1.5",
        "application/ecmascript",
        "multipart/x-mixed-replace; boundary=x",
        "message/rfc822",
    ],
)
def test_types_that_a_browser_would_run_are_active(media_type: str) -> None:
    assert is_active(media_type)


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "image/png", "application/json", "video/mp4", "application/pdf"],
)
def test_types_that_a_browser_only_shows_are_not(media_type: str) -> None:
    assert not is_active(media_type)
