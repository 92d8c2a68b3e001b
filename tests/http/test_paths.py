import pytest
from django.core.handlers.wsgi import WSGIRequest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.errors import InvalidArgument
from objects_app.http.paths import object_path, query, raw_path, url_path
from tests.client import _environ

KEYS = [
    "hello.txt",
    "with space",
    "plus+plus",
    "100%",
    "%41",
    "%2F",
    "a//b",
    "//",
    "/",
    "/leading",
    "trailing/",
    ".",
    "..",
    "a/./b",
    "../../etc/passwd",
    "new\nline",
    "🎉",
    "é",
    "e\u0301",
    "?a=b&c#d",
    "objects/objects/",
    '";<>&',
    "\x7f\x01",
]
keys = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=40,
)


def environ_of(target: str) -> dict[str, object]:
    return _environ("GET", target, None, chunked=False)


def key_of(target: str) -> bytes:
    return object_path(raw_path(environ_of(target)))[1]


def followed(target: str) -> bytes:
    """What a server takes the key of a URL to be, in the path or in the query."""
    if "?" in target:
        return query(environ_of(target))["key"].encode()
    return key_of(target)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_survives_the_way_into_a_url_and_back(key: str) -> None:
    assert followed(url_path("test", key)) == key.encode()


@given(keys)
def test_every_key_survives_the_way_into_a_url_and_back(key: str) -> None:
    target = url_path("test", key)
    assert target.isascii()
    assert target.isprintable()
    assert " " not in target
    assert followed(target) == key.encode()


@pytest.mark.parametrize("key", [".", "..", "a/../b", "../x", "x/.", "./"])
def test_a_key_with_dot_segments_has_none_in_its_path(key: str) -> None:
    path = url_path("test", key).partition("?")[0]
    assert path == "/buckets/test/objects"


@pytest.mark.parametrize("key", ["...", ".hidden", "a..b/c"])
def test_dots_inside_of_names_stay_in_the_path(key: str) -> None:
    assert url_path("test", key) == f"/buckets/test/objects/{key}"


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("a%20b", b"a b"),
        ("a+b", b"a+b"),
        ("a%2Bb", b"a+b"),
        ("%25", b"%"),
        ("%25FF", b"%FF"),
        ("%FF", b"\xff"),
        ("%00", b"\0"),
        ("a%2Fb", b"a/b"),
        ("/a//b/", b"/a//b/"),
        ("./a/..", b"./a/.."),
        ("a%0Ab", b"a\nb"),
        ("%F0%9F%8E%89", "🎉".encode()),
        ("100%zz", b"100%zz"),
        ("", b""),
    ],
)
def test_a_key_is_the_bytes_that_percent_encoding_stands_for(
    encoded: str, key: bytes
) -> None:
    assert key_of(f"/buckets/test/objects/{encoded}") == key


def test_an_invalid_byte_and_its_percent_encoding_are_two_keys() -> None:
    prefix = "/buckets/test/objects/"
    assert key_of(f"{prefix}%FF") != key_of(f"{prefix}%25FF")


@pytest.mark.parametrize("encoded", ["%FF", "%25FF", "%C3%A9", "%F0%9F%8E%89"])
def test_the_raw_path_outlives_djangos_decoding(encoded: str) -> None:
    environ = environ_of(f"/buckets/test/objects/{encoded}")
    before = raw_path(environ)
    WSGIRequest(environ)
    assert raw_path(environ) == before


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"/",
        b"/buckets/test",
        b"/buckets/test/objects",
        b"/buckets//objects/a",
        b"/buckets/test/object/a",
        b"/x/buckets/test/objects/a",
        b"buckets/test/objects/a",
        b"/buckets/a/b/objects/c",
    ],
)
def test_other_paths_are_no_objects(raw: bytes) -> None:
    with pytest.raises(InvalidArgument):
        object_path(raw)


def test_the_bucket_is_the_one_segment_before_objects() -> None:
    assert object_path(b"/buckets/\xff/objects/a") == (b"\xff", b"a")


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("", {}),
        ("bucket=test&prefix=", {"bucket": "test", "prefix": ""}),
        ("key", {"key": ""}),
        ("&&a=1&", {"a": "1"}),
        ("key=a+b%2Bc%20d", {"key": "a b+c d"}),
        ("key=a=b", {"key": "a=b"}),
        ("key=..%2F.", {"key": "../."}),
        ("key=%25FF%0A", {"key": "%FF\n"}),
        ("key=%F0%9F%8E%89", {"key": "🎉"}),
        ("key=\xc3\xa9", {"key": "é"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("=x", {"": "x"}),
    ],
)
def test_query_strings(text: str, parameters: dict[str, str]) -> None:
    assert query({"QUERY_STRING": text}) == parameters


@pytest.mark.parametrize(
    "text",
    ["a=1&a=1", "a=1&%61=2", "a&a", "key=%FF", "%FF=1", "key=\xff", "key=%00", "%00"],
)
def test_query_strings_that_could_be_misread_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        query({"QUERY_STRING": text})
