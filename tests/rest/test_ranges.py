"""Ranges over REST (RFC 9110 14): a slice, the whole, or 416."""

import pytest

from tests.blobs.bodies import random_body
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

PATH = "/buckets/test/objects/data"
SIZE = 200_000
BODY = random_body(SIZE)


def ranged(data_plane: DataPlane, value: str, **headers: str) -> Answer:
    others = {name.replace("_", "-"): text for name, text in headers.items()}
    return data_plane.get(PATH, headers={"Range": value, **others})


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=1000-1999", 1000, 1999),
        ("bytes=0-", 0, SIZE - 1),
        ("bytes=100000-", 100_000, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-70000", SIZE - 70_000, SIZE - 1),
        ("bytes=-999999", 0, SIZE - 1),
        ("bytes=199999-999999", SIZE - 1, SIZE - 1),
        ("BYTES=5-6", 5, 6),
        ("bytes=,5-6,", 5, 6),
    ],
)
def test_one_range_gives_that_slice(
    data_plane: DataPlane, value: str, first: int, last: int
) -> None:
    data_plane.put(PATH, BODY)
    part = ranged(data_plane, value)
    assert part.status == 206
    assert part.body == BODY[first : last + 1]
    assert part.headers["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert part.headers["Content-Length"] == str(last - first + 1)
    assert part.headers["ETag"] == data_plane.head(PATH).headers["ETag"]


@pytest.mark.parametrize(
    "value",
    [
        "bytes=0-1,5-6",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=-",
        "bytes",
        "bytes=",
        "bytes 0-1",
        "bytes=0x1-2",
        "items=0-1",
        "bytes=1",
    ],
)
def test_several_ranges_or_a_malformed_one_give_the_whole_object(
    data_plane: DataPlane, value: str
) -> None:
    data_plane.put(PATH, BODY)
    whole = ranged(data_plane, value)
    assert whole.status == 200
    assert whole.body == BODY
    assert "Content-Range" not in whole.headers


@pytest.mark.parametrize(
    "value", [f"bytes={SIZE}-", "bytes=999999999999999999999-", "bytes=-0"]
)
def test_a_range_beyond_the_end_is_416_and_says_the_size(
    data_plane: DataPlane, value: str
) -> None:
    data_plane.put(PATH, BODY)
    answer = ranged(data_plane, value)
    assert_problem(answer, 416, "range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{SIZE}"


def test_no_byte_of_an_empty_object_can_be_asked_for(data_plane: DataPlane) -> None:
    data_plane.put(PATH, b"")
    assert_problem(ranged(data_plane, "bytes=0-0"), 416, "range_not_satisfiable")
    assert ranged(data_plane, "bytes=-5").status == 200


def test_head_ignores_a_range(data_plane: DataPlane) -> None:
    data_plane.put(PATH, BODY)
    for value in ("bytes=0-1", f"bytes={SIZE}-"):
        described = data_plane.head(PATH, headers={"Range": value})
        assert described.status == 200
        assert described.headers["Content-Length"] == str(SIZE)
        assert "Content-Range" not in described.headers


def test_if_range_with_the_present_version_gives_the_part(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, BODY)
    now = data_plane.head(PATH).headers
    for value in (now["ETag"], now["Last-Modified"]):
        assert ranged(data_plane, "bytes=0-9", If_Range=value).status == 206


@pytest.mark.parametrize("weak", [False, True])
def test_if_range_with_another_version_gives_the_whole(
    data_plane: DataPlane, weak: bool
) -> None:
    data_plane.put(PATH, BODY)
    etag = f"W/{data_plane.head(PATH).headers['ETag']}" if weak else '"another"'
    whole = ranged(data_plane, "bytes=0-9", If_Range=etag)
    assert (whole.status, whole.body) == (200, BODY)
    old = "Wed, 21 Oct 2015 07:28:00 GMT"
    assert ranged(data_plane, "bytes=0-9", If_Range=old).status == 200


def test_if_range_with_another_version_spares_the_416(data_plane: DataPlane) -> None:
    data_plane.put(PATH, BODY)
    whole = ranged(data_plane, f"bytes={SIZE}-", If_Range='"another"')
    assert whole.status == 200


def test_conditions_come_before_the_range(data_plane: DataPlane) -> None:
    data_plane.put(PATH, BODY)
    etag = data_plane.head(PATH).headers["ETag"]
    assert ranged(data_plane, "bytes=0-9", If_None_Match=etag).status == 304
    assert ranged(data_plane, f"bytes={SIZE}-", If_Match='"x"').status == 412


def test_a_body_put_with_a_range_is_not_taken_for_the_whole(
    data_plane: DataPlane,
) -> None:
    data_plane.put(PATH, BODY)
    answer = data_plane.put(PATH, b"part", headers={"Content-Range": "bytes 0-3/9"})
    assert_problem(answer, 400, "invalid_argument")
    assert data_plane.get(PATH).body == BODY
