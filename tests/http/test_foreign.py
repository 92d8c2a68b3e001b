"""What another store says of an object is kept by this one's rules."""

import pytest

from objects_app.errors import InvalidArgument, InvalidMetadata
from objects_app.http.foreign import describe


def test_headers_and_metadata_are_taken_and_the_rest_is_left() -> None:
    found = describe(
        {
            "content-type": "image/png",
            "cache-control": "no-store",
            "expires": "Thu, 01 Jan 2026 00:00:00 GMT",
            "content-encoding": "aws-chunked,gzip",
            "x-amz-meta-Author": "Ada",
            "etag": '"e"',
            "server": "another",
        },
        "a.png",
    )

    assert found.content_type == "image/png"
    assert found.headers == {
        "cache-control": "no-store",
        "expires": "Thu, 01 Jan 2026 00:00:00 GMT",
        "content-encoding": "gzip",
    }
    assert found.metadata == {"author": "Ada"}


@pytest.mark.parametrize("sent", ["", "nonsense", "text/", "a/b" * 100])
def test_a_type_that_is_none_is_guessed(sent: str) -> None:
    assert describe({"content-type": sent}, "a.jpg").content_type == "image/jpeg"


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("plain", "plain"),
        ("=?UTF-8?Q?J=C3=BCrgen?=", "Jürgen"),
        ("=?UTF-8?B?SsO8cmdlbg==?=", "Jürgen"),
        ("Jürgen".encode().decode("latin-1"), "Jürgen"),
        ("J\xfcrgen", "Jürgen"),
        ("a=?b", "a=?b"),
        ("=?no-such-charset?Q?x?=", "=?no-such-charset?Q?x?="),
        ("UTF-8''literal", "UTF-8''literal"),
    ],
)
def test_other_text_than_ascii_is_read_as_stores_send_it(sent: str, meant: str) -> None:
    assert describe({"x-amz-meta-name": sent}, "k").metadata == {"name": meant}


def test_too_much_metadata_is_refused() -> None:
    with pytest.raises(InvalidMetadata, match="2048"):
        describe({"x-amz-meta-a": "x" * 2048}, "k")


def test_control_characters_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="control"):
        describe({"cache-control": "a\x01"}, "k")
