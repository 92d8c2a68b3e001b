import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from objects_app.access.presigned import (
    MAX_SECONDS,
    Issuer,
    Presigned,
    is_presigned,
    read,
    sign,
)
from objects_app.access.sealing import derive
from objects_app.errors import InvalidArgument, InvalidPresigned, PresignedExpired
from objects_app.http.paths import query, raw_path
from tests.access.keys import OLD, rotate
from tests.client import _environ

NOW = 1_800_000_000
PATH = b"/buckets/test/objects/a/b.txt"
WITHOUT_KEY = b"/buckets/test/objects"
ALICE = Issuer(user_id=7, key_id="AK1")
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


@pytest.fixture(autouse=True)
def _before_the_change(settings: Settings) -> None:
    settings.SECRET_KEY = OLD
    settings.SECRET_KEY_FALLBACKS = []


def make_query(**changed: Any) -> str:
    """Sign a GET for alice, good for ten minutes from NOW on."""
    options: dict[str, Any] = {
        "method": "GET",
        "path": PATH,
        "issuer": ALICE,
        "expires_at": NOW + 600,
    }
    return sign(**options | changed)


def make_upload(**changed: Any) -> str:
    """Sign a PUT with every constraint there is."""
    options: dict[str, Any] = {
        "method": "PUT",
        "content_type": "text/plain; charset=utf-8",
        "max_bytes": 1024,
        "sha256": SHA256,
    }
    return make_query(**options | changed)


def read_query(
    query_string: str, *, method: str = "GET", path: bytes = PATH, now: float = NOW
) -> Presigned:
    return read(method=method, path=path, query_string=query_string, now=now)


def assert_refused(query_string: str, **request: Any) -> None:
    """Every defect is told alike, whatever else is wrong."""
    with pytest.raises(InvalidPresigned, match="not as it was signed"):
        read_query(query_string, **request)


@given(
    path=st.binary(max_size=80),
    user_id=st.integers(1, 2**63 - 1),
    key_id=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=40),
    lifetime=st.integers(1, MAX_SECONDS),
    content_type=st.none() | texts,
    max_bytes=st.none() | st.integers(0, 2**50),
    sha256=st.none() | st.just(SHA256),
)
def test_every_upload_is_read_as_it_was_signed(
    path: bytes,
    user_id: int,
    key_id: str,
    lifetime: int,
    content_type: str | None,
    max_bytes: int | None,
    sha256: str | None,
) -> None:
    expected = Presigned(
        issuer=Issuer(user_id, key_id),
        expires_at=NOW + lifetime,
        content_type=content_type,
        max_bytes=max_bytes,
        sha256=sha256,
        filename=None,
    )
    signed = sign(
        method="PUT",
        path=path,
        issuer=expected.issuer,
        expires_at=expected.expires_at,
        content_type=content_type,
        max_bytes=max_bytes,
        sha256=sha256,
    )

    assert is_presigned(signed)
    assert read_query(signed, method="PUT", path=path) == expected


@given(texts)
def test_every_file_name_comes_back(filename: str) -> None:
    assert read_query(make_query(filename=filename)).filename == filename


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_key_comes_as_a_parameter(key: str) -> None:
    signed = make_query(path=WITHOUT_KEY, key=key)

    assert read_query(signed, path=WITHOUT_KEY).issuer == ALICE
    assert parse_qsl(signed)[0] == ("key", key)


def test_the_store_finds_the_key_where_the_signature_has_it() -> None:
    key = "../new & old+100%?#/ü.txt"
    target = f"{WITHOUT_KEY.decode()}?{make_query(path=WITHOUT_KEY, key=key)}"
    environ = _environ("GET", target, None, chunked=False)

    assert query(environ)["key"] == key
    assert read_query(environ["QUERY_STRING"], path=raw_path(environ))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_it_is_for_one_method_alone(method: str) -> None:
    signed = make_query(method=method)

    assert read_query(signed, method=method).issuer == ALICE
    for other in {"GET", "HEAD", "PUT", "DELETE", "POST", "get", ""} - {method}:
        assert_refused(signed, method=other)


@pytest.mark.parametrize(
    "path",
    [
        b"/buckets/test/objects/a/c.txt",
        b"/buckets/other/objects/a/b.txt",
        b"/buckets/test/objects/a/b.txt/",
        b"/buckets/test/objects/a//b.txt",
        b"//buckets/test/objects/a/b.txt",
        b"/buckets/test/objects/a/b.tx",
        b"/buckets/test/objects/a/B.txt",
        b"/buckets/test/objects/a%2Fb.txt",
        b"/buckets/test/objects/a/b.txt\n",
        b"/buckets/test/objects/a/b.txt\0",
        b"/buckets/test/objects",
        b"",
    ],
)
def test_it_is_for_one_path_alone(path: bytes) -> None:
    assert_refused(make_query(), path=path)


@pytest.mark.parametrize(
    "path",
    [
        b"/buckets/test/objects/x/../a/b.txt",
        b"/buckets/test/objects/./a/b.txt",
        b"/buckets/other/../test/objects/a/b.txt",
        b"/buckets/test/objects/a/b.txt/.",
        b"/buckets/test/objects/a/b.txt/..",
    ],
)
def test_dot_segments_lead_nowhere(path: bytes) -> None:
    assert_refused(make_query(), path=path)


def test_a_url_signed_with_dot_segments_is_not_for_what_they_lead_to() -> None:
    signed = make_query(path=b"/buckets/test/objects/a/../secret.txt")

    assert_refused(signed, path=b"/buckets/test/objects/secret.txt")


def sent(target: str) -> bytes:
    """Return what the store gets of a path on the request line."""
    return raw_path(_environ("GET", target, None, chunked=False))


def test_a_slash_of_the_key_may_be_encoded_for_it_is_the_same_key() -> None:
    for same in ("a/b.txt", "a%2Fb.txt", "a%2fb.txt", "%61/b%2Etxt"):
        path = sent(f"/buckets/test/objects/{same}")
        assert read_query(make_query(), path=path).issuer == ALICE


@pytest.mark.parametrize(
    "other",
    ["a%252Fb.txt", "a%5Cb.txt", "a%2F%2Fb.txt", "%2e%2e/a/b.txt", "a/b.txt%00"],
)
def test_what_is_encoded_as_another_key_is_refused(other: str) -> None:
    assert_refused(make_query(), path=sent(f"/buckets/test/objects/{other}"))


def test_nothing_moves_from_the_path_into_the_query_or_back() -> None:
    """A line end in a path is possible (%0A), and separates what is signed."""
    signed, _, signature = make_query().rpartition("&")
    path = PATH + b"\n" + signed.encode()

    assert_refused(signature, path=path)
    assert_refused(f"X-Store-Expires={NOW + 600}&{signature}", path=path)


def test_a_signed_key_may_not_be_changed_dropped_or_added() -> None:
    signed = make_query(path=WITHOUT_KEY, key="mine")
    key, _, rest = signed.partition("&")

    assert_refused(rest, path=WITHOUT_KEY)
    assert_refused(signed.replace("key=mine", "key=other"), path=WITHOUT_KEY)
    assert_refused(f"key=other&{signed}", path=WITHOUT_KEY)
    assert_refused(f"{key}&key=other&{rest}", path=WITHOUT_KEY)
    assert_refused(f"{signed}&key=other", path=WITHOUT_KEY)
    assert_refused(f"k%65y=other&{signed}", path=WITHOUT_KEY)
    assert_refused(f"{key}&{make_query(path=WITHOUT_KEY)}", path=WITHOUT_KEY)


def test_no_parameter_may_be_dropped() -> None:
    parts = make_upload().split("&")

    for at in range(len(parts)):
        assert_refused("&".join(parts[:at] + parts[at + 1 :]), method="PUT")


def test_no_parameter_may_be_repeated() -> None:
    parts = make_upload().split("&")

    for part in parts:
        assert_refused("&".join([part, *parts]), method="PUT")
        assert_refused("&".join([*parts, part]), method="PUT")
        repeated = [copy for each in parts for copy in [each] * (1 + (each == part))]
        assert_refused("&".join(repeated), method="PUT")


def test_no_two_parameters_may_change_places() -> None:
    parts = make_upload().split("&")

    for at in range(len(parts) - 1):
        moved = [*parts[:at], parts[at + 1], parts[at], *parts[at + 2 :]]
        assert_refused("&".join(moved), method="PUT")
    assert_refused("&".join(reversed(parts)), method="PUT")


@pytest.mark.parametrize(
    "more",
    [
        "max_bytes=1",
        "X-Store-Max-Bytes=999999",
        "x-store-max-bytes=999999",
        "X%2DStore-Max-Bytes=999999",
        "response-content-type=text/html",
        "",
        "=",
    ],
)
def test_nothing_may_be_added_anywhere(more: str) -> None:
    parts = make_upload(max_bytes=None).split("&")

    for at in range(len(parts) + 1):
        assert_refused("&".join([*parts[:at], more, *parts[at:]]), method="PUT")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"Expires={NOW + 600}", f"Expires={NOW + 601}"),
        (f"Expires={NOW + 600}", f"Expires=0{NOW + 600}"),
        (f"Expires={NOW + 600}", f"Expires=%31{str(NOW + 600)[1:]}"),
        ("User=7", "User=1"),
        ("Access-Key=AK1", "Access-Key=AK2"),
        ("&X-Store-Access-Key=AK1", ""),
        ("Content-Type=text%2Fplain", "Content-Type=text%2Fhtml"),
        ("Content-Type=text%2Fplain", "Content-Type=text%2fplain"),
        ("Content-Type=text%2Fplain", "Content-Type=text/plain"),
        ("Max-Bytes=1024", "Max-Bytes=10240"),
        ("Max-Bytes=1024", "Max-Bytes="),
        (SHA256, "0" * 64),
        (SHA256, SHA256.upper()),
        ("X-Store-Max-Bytes", "X-Store-max-bytes"),
        ("&X-Store-User", ";X-Store-User"),
        ("&X-Store-User", "&&X-Store-User"),
        ("&X-Store-User", "&amp;X-Store-User"),
        ("X-Store-SHA256", "X-Store-Filename"),
    ],
)
def test_no_value_or_name_may_be_changed(before: str, after: str) -> None:
    signed = make_upload()
    assert before in signed

    assert_refused(signed.replace(before, after, 1), method="PUT")


@pytest.mark.parametrize("digit", ["\u0667", "\uff17"])
def test_digits_of_other_scripts_are_refused(digit: str) -> None:
    assert_refused(make_query().replace("User=7", f"User={digit}"))


def test_no_character_of_it_may_be_another() -> None:
    signed = make_upload()

    for at, character in enumerate(signed):
        other = "B" if character == "A" else "A"
        assert_refused(signed[:at] + other + signed[at + 1 :], method="PUT")


def test_a_cut_or_lengthened_signature_is_refused() -> None:
    signed = make_query()

    for length in range(len(signed)):
        assert_refused(signed[:length])
    for more in ("A", "=", "&", "%3D", " ", "\n", "#"):
        assert_refused(signed + more)


def test_bits_that_base64_ignores_are_not_ignored() -> None:
    """43 characters hold 258 bits; the last two of them are nobody's."""
    signed = make_query()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    neighbour = alphabet[alphabet.index(signed[-1]) + 1]

    assert_refused(signed[:-1] + neighbour)


def test_a_signature_of_one_url_is_not_one_of_another() -> None:
    signed = make_upload().rpartition("=")[0]
    other = make_upload(max_bytes=10**9).rpartition("=")[2]

    assert_refused(f"{signed}={other}", method="PUT")


@pytest.mark.parametrize("purpose", ["token", "access key"])
def test_a_key_of_another_purpose_does_not_count(purpose: str) -> None:
    kid = derive("presign")[0].kid

    assert_refused(make_query().replace(kid, derive(purpose)[0].kid))


@pytest.mark.parametrize(
    "query_string",
    ["", "X-Store-", "X-Store-Signature=", "key=a", "&", "\0", "é", "\ud800"],
)
def test_what_is_not_presigned_is_refused(query_string: str) -> None:
    assert_refused(query_string)


@given(st.text())
def test_no_text_is_a_signed_query(text: str) -> None:
    assert_refused(text)
    assert_refused(make_query() + text if text else text)


def test_it_works_until_the_second_it_expires() -> None:
    signed = make_query(expires_at=NOW + 600)

    assert read_query(signed, now=NOW + 599.9).expires_at == NOW + 600
    for now in (NOW + 600, NOW + 10**9):
        with pytest.raises(PresignedExpired, match="ask for a new one"):
            read_query(signed, now=now)


def test_an_expired_one_that_was_changed_is_not_told_expired() -> None:
    signed = make_query(expires_at=NOW - 1)

    assert_refused(signed, method="DELETE")


def test_it_works_for_seven_days_at_most() -> None:
    assert MAX_SECONDS == 7 * 24 * 60 * 60
    assert read_query(make_query(expires_at=NOW + MAX_SECONDS)).issuer == ALICE
    assert_refused(make_query(expires_at=NOW + MAX_SECONDS + 3600))


def test_the_clock_of_the_node_that_signed_may_be_a_little_ahead() -> None:
    signed = make_query(expires_at=NOW + MAX_SECONDS)

    assert read_query(signed, now=NOW - 5).issuer == ALICE


def test_one_under_the_former_key_is_still_read(settings: Settings) -> None:
    signed = make_query()

    rotate(settings)

    assert read_query(signed).issuer == ALICE


def test_what_is_signed_anew_is_signed_with_the_present_key(
    settings: Settings,
) -> None:
    former = make_query()
    rotate(settings)

    present = make_query()

    assert present != former
    assert f"X-Store-Kid={derive('presign')[0].kid}&" in present
    rotate(settings, keep_old=False)
    assert read_query(present).issuer == ALICE
    assert_refused(former)


def test_a_former_signature_does_not_pass_under_the_present_kid(
    settings: Settings,
) -> None:
    former = make_query()
    old_kid = derive("presign")[0].kid
    rotate(settings)

    assert_refused(former.replace(old_kid, derive("presign")[0].kid))


@given(content_type=texts, key=texts)
def test_nothing_in_it_is_left_to_be_encoded(content_type: str, key: str) -> None:
    """Unreserved characters, `%XX`, `=` and `&` pass everywhere as they are."""
    signed = make_upload(path=WITHOUT_KEY, key=key, content_type=content_type)

    assert re.fullmatch(r"(?:[A-Za-z0-9._~=&-]|%[0-9A-F]{2})+", signed)


CLIENTS: list[Callable[[str], str]] = [
    str,
    lambda signed: urlsplit(f"http://localhost/?{signed}").query,
    lambda signed: quote(signed, safe="=&%-._~"),
    # The URL standard's set for queries, as browsers have it.
    lambda signed: "".join(
        f"%{ord(c):02X}" if c in " \"#<>'" or not "\x20" < c < "\x7f" else c
        for c in signed
    ),
    # A client that takes the query to pieces and puts it together again.
    lambda signed: "&".join(
        f"{quote(unquote(name), safe='')}={quote(unquote_plus(value), safe='')}"
        for name, _, value in (part.partition("=") for part in signed.split("&"))
    ),
]


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_send_it_as_it_was_signed(client: Callable[[str], str]) -> None:
    name = "Übersicht 2026 (final) + 'draft' [v1]; ~100%.pdf"
    signed = make_query(filename=name)

    assert read_query(client(signed)).filename == name


@pytest.mark.parametrize(
    ("query_string", "presigned"),
    [
        ("", False),
        ("key=X-Store-Signature", False),
        ("prefix=X-Store-&limit=2", False),
        ("key=a%26X-Store-Signature", False),
        ("X-Store-Expires=1", True),
        ("key=a&X-Store-Signature=b", True),
        ("a=b&X-Store-Anything", True),
    ],
)
def test_any_parameter_of_its_kind_makes_a_query_presigned(
    query_string: str, presigned: bool
) -> None:
    assert is_presigned(query_string) is presigned


def test_one_that_lost_its_signature_still_counts_as_presigned() -> None:
    assert is_presigned(make_query().rpartition("&")[0])


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        ({"method": "POST"}, "GET, HEAD, PUT or DELETE"),
        ({"method": "get"}, "GET, HEAD, PUT or DELETE"),
        ({"method": "GET", "content_type": "text/plain"}, "PUT alone"),
        ({"method": "DELETE", "max_bytes": 0}, "PUT alone"),
        ({"method": "HEAD", "sha256": SHA256}, "PUT alone"),
        ({"method": "PUT", "filename": "a"}, "GET and HEAD alone"),
        ({"method": "PUT", "max_bytes": -1}, "max_bytes"),
        ({"method": "PUT", "max_bytes": 10**30}, "max_bytes"),
        ({"method": "PUT", "sha256": SHA256.upper()}, "sha256"),
        ({"method": "PUT", "sha256": f"{SHA256}\n"}, "sha256"),
        ({"method": "PUT", "content_type": ""}, "content_type"),
        ({"method": "PUT", "content_type": "text/plain\r\nSet-Cookie: a"}, "control"),
        ({"filename": "a\r\nSet-Cookie: b"}, "control"),
        ({"filename": "a\0"}, "control"),
        ({"filename": ""}, "filename"),
        ({"filename": "é" * 128}, "255 bytes"),
        ({"filename": "\ud800"}, "half a character"),
    ],
)
def test_what_no_request_could_keep_is_not_signed(
    constraint: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidArgument, match=told):
        make_query(**constraint)


def test_the_longest_url_fits_into_a_request_line() -> None:
    signed = make_upload(
        path=WITHOUT_KEY,
        key="\n" * 1024,
        content_type="é" * 127,
        issuer=Issuer(2**63 - 1, "A" * 40),
    )

    assert len(signed) < 8190 - 200


def test_expiry_is_in_seconds_since_1970() -> None:
    signed = make_query(expires_at=int(time.time()) + 60)

    assert read_query(signed, now=time.time()).issuer == ALICE
