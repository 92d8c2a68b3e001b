from datetime import UTC, datetime

import pytest
from django.http import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from objects_app.errors import InvalidArgument
from objects_app.http.headers import (
    not_modified_headers,
    object_headers,
    read_stored_headers,
)
from objects_app.queries.rows import ObjectRow


def make_object(
    *,
    content_type: str = "text/plain",
    headers: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    sha256: str = "00" * 32,
) -> ObjectRow:
    return ObjectRow(
        id=1,
        bucket_id=1,
        key="hello.txt",
        version_id="null",
        blob_id=1,
        sha256=sha256,
        size=5,
        etag="abc",
        content_type=content_type,
        headers=headers or {},
        tags={},
        metadata=metadata or {},
        node_id="node",
        created_at=datetime(2024, 5, 17, 10, 30, 15, 999_999, tzinfo=UTC),
    )


def test_the_headers_that_are_kept_are_those_that_describe_the_object() -> None:
    sent = {
        "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="a.txt"',
        "Content-Encoding": "gzip",
        "Content-Language": "de",
        "Expires": "0",
        "Content-Type": "text/plain",
        "X-Other": "x",
    }
    assert read_stored_headers(sent) == {
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="a.txt"',
        "content-encoding": "gzip",
        "content-language": "de",
        "expires": "0",
    }


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("aws-chunked", {}),
        ("AWS-Chunked", {}),
        ("aws-chunked, gzip", {"content-encoding": "gzip"}),
        ("br,aws-chunked,gzip", {"content-encoding": "br, gzip"}),
        ("", {}),
    ],
)
def test_the_coding_of_the_transfer_is_not_kept(
    sent: str, stored: dict[str, str]
) -> None:
    assert read_stored_headers({"Content-Encoding": sent}) == stored


@pytest.mark.parametrize("character", ["\0", "\x01", "\n", "\r", "\x7f", "\u0100"])
def test_a_header_that_could_not_be_served_is_refused(character: str) -> None:
    with pytest.raises(InvalidArgument, match="Cache-Control"):
        read_stored_headers({"Cache-Control": f"a{character}b"})


def test_what_an_object_is_served_with() -> None:
    row = make_object(
        headers={"cache-control": "no-store", "content-disposition": "inline"},
        metadata={"color": "grün"},
    )
    assert object_headers(row) == {
        "Content-Type": "text/plain",
        "ETag": '"abc"',
        "Last-Modified": "Fri, 17 May 2024 10:30:15 GMT",
        "Accept-Ranges": "bytes",
        "X-Version-Id": "null",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Repr-Digest": "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:",
        "Cache-Control": "no-store",
        "Content-Disposition": "inline",
        "X-Object-Meta-color": "UTF-8''gr%C3%BCn",
    }


def test_an_object_without_a_digest_of_its_own_claims_none() -> None:
    assert "Repr-Digest" not in object_headers(make_object(sha256=""))


def test_not_modified_carries_what_caches_go_by() -> None:
    row = make_object(headers={"cache-control": "no-cache", "content-language": "de"})
    assert not_modified_headers(row) == {
        "ETag": '"abc"',
        "Cache-Control": "no-cache",
        "Last-Modified": "Fri, 17 May 2024 10:30:15 GMT",
    }


@pytest.mark.parametrize(
    ("stored", "served"),
    [
        (None, "attachment"),
        ("inline", "attachment"),
        ("attachment", "attachment"),
        ('inline; filename="a \\"b.svg"', 'attachment; filename="a \\"b.svg"'),
        ("INLINE ;filename=a.svg", "attachment ;filename=a.svg"),
        (
            "inline; filename*=UTF-8''gr%C3%BCn",
            "attachment; filename*=UTF-8''gr%C3%BCn",
        ),
        ("inline; filename=a; size=3 ;", "attachment; filename=a; size=3"),
        ("form-data; name=x", "attachment; name=x"),
        ("; filename=x", "attachment"),
        ("filename=x", "attachment"),
        ('inline; filename="x', "attachment"),
        ("inline, attachment", "attachment"),
    ],
)
def test_an_active_document_is_a_download_under_its_name(
    stored: str | None, served: str
) -> None:
    headers = {} if stored is None else {"content-disposition": stored}
    row = make_object(content_type="image/svg+xml", headers=headers)
    assert object_headers(row)["Content-Disposition"] == served


@given(st.text(alphabet=st.characters(max_codepoint=0xFF), max_size=40))
def test_no_stored_disposition_keeps_an_active_document_on_our_origin(
    text: str,
) -> None:
    try:
        headers = read_stored_headers({"Content-Disposition": text})
    except InvalidArgument:
        return
    row = make_object(content_type="text/html", headers=headers)
    response = HttpResponse(headers=object_headers(row))
    value = response["Content-Disposition"]
    assert value.partition(";")[0].strip() == "attachment"
