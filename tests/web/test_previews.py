"""How objects are shown, by their type, their key and their size."""

import pytest

from objects_app.web.previews import MOST_IMAGE_BYTES, kind_of


@pytest.mark.parametrize(
    ("content_type", "key", "kind"),
    [
        ("image/png", "a.png", "image"),
        ("image/svg+xml", "a.svg", "image"),
        ("IMAGE/PNG; a=b", "a", "image"),
        ("image/tiff", "a.tiff", ""),
        ("video/webm", "a", "video"),
        ("video/mp2t", "a.ts", "text"),
        ("audio/mpeg", "a", "audio"),
        ("application/pdf", "a", "pdf"),
        ("text/markdown", "a", "markdown"),
        ("text/csv; charset=utf-8", "a", "csv"),
        ("application/json", "a", "json"),
        ("application/problem+json", "a", "text"),
        ("text/html", "a.html", "text"),
        ("application/xhtml+xml", "a", "text"),
        ("application/x-sh", "a.sh", "text"),
        ("application/zip", "a.zip", ""),
        ("application/octet-stream", "a.pdf", "pdf"),
        ("application/octet-stream", "a", "text"),
        ("application/octet-stream", "a.zip", ""),
    ],
)
def test_the_type_decides_and_the_key_where_the_type_says_nothing(
    content_type: str, key: str, kind: str
) -> None:
    assert kind_of(content_type=content_type, key=key, size=1) == kind


def test_nothing_is_shown_of_what_is_empty_or_a_picture_too_large() -> None:
    assert kind_of(content_type="text/plain", key="a", size=0) == ""
    for size, kind in ((MOST_IMAGE_BYTES, "image"), (MOST_IMAGE_BYTES + 1, "")):
        assert kind_of(content_type="image/png", key="a", size=size) == kind
