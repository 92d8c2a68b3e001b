"""What a search's query string asks for, and what it may not say."""

from datetime import UTC, datetime

import pytest

from objects_app.errors import InvalidArgument, InvalidKey
from objects_app.http.searches import read_search
from objects_app.queries import globs
from objects_app.queries.search import Order
from objects_app.queries.search_conditions import Wanted


def test_an_empty_query_asks_for_everything_by_key() -> None:
    asked = read_search({"QUERY_STRING": ""})
    assert asked.wanted == Wanted()
    assert asked.order == Order("key", descending=False)
    assert (asked.bucket, asked.prefix, asked.cursor, asked.limit) == (
        "",
        "",
        None,
        100,
    )


def test_every_parameter_is_read() -> None:
    asked = read_search(
        {
            "QUERY_STRING": "q=a%25b&glob=*.txt&content_type=Image/*"
            "&min_size=0&max_size=9"
            "&after=2026-01-02T03:04:05Z&before=2026-01-02T03:04:05%2B01:00&tag.a=1"
            "&tag.b=&meta.Camera=D850&sort=size&order=desc&bucket=photos&prefix=x/"
            "&limit=7&cursor=abc"
        }
    )
    assert asked.wanted == Wanted(
        text="a%b",
        glob=globs.parse("*.txt"),
        content_type="image/",
        min_size=0,
        max_size=9,
        after=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        before=datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC),
        tags={"a": "1", "b": ""},
        metadata={"camera": "D850"},
    )
    assert asked.order == Order("size", descending=True)
    assert (asked.bucket, asked.prefix) == ("photos", "x/")
    assert (asked.cursor, asked.limit) == ("abc", 7)


def test_cursor_and_page_size_are_no_part_of_what_is_asked() -> None:
    one = read_search({"QUERY_STRING": "q=a&bucket=b&limit=3"})
    other = read_search({"QUERY_STRING": "bucket=b&q=a&cursor=x"})
    assert one.query == other.query
    assert one.query != read_search({"QUERY_STRING": "q=a"}).query


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("quest=a", "Unknown parameter 'quest'"),
        ("tag.=a", "Put a name behind tag."),
        ("meta.=a", "Put a name behind meta."),
        ("min_size=-1", "min_size is a number of bytes"),
        ("max_size=1e3", "max_size is a number of bytes"),
        ("min_size=2&max_size=1", "min_size is more than max_size"),
        ("after=yesterday", "after is no time"),
        ("before=2026-02-30T00:00:00Z", "before is no time"),
        ("sort=name", "sort is one of key, created_at, size"),
        ("order=up", "order is one of asc, desc"),
        ("limit=0", "limit is a number from 1 to 1000"),
        ("limit=1001", "limit is a number from 1 to 1000"),
        ("limit=%C2%B2", "limit is a number from 1 to 1000"),
        ("content_type=image", "content_type is a media type"),
        ("content_type=*/*", "content_type is a media type"),
        ("content_type=text/plain;charset=utf-8", "content_type is a media type"),
        ("glob=" + "*" * 33, "at most 1024 characters and 32 stars"),
        ("q=a&q=b", "given twice"),
        ("q=%00", "NUL"),
    ],
)
def test_what_cannot_be_understood_is_refused(query: str, told: str) -> None:
    with pytest.raises(InvalidArgument, match=told):
        read_search({"QUERY_STRING": query})


def test_a_prefix_that_no_key_can_have_is_refused() -> None:
    with pytest.raises(InvalidKey):
        read_search({"QUERY_STRING": f"prefix={'a' * 1025}"})


def test_a_size_beyond_all_sizes_is_the_largest() -> None:
    asked = read_search({"QUERY_STRING": f"max_size={'9' * 19}"})
    assert asked.wanted.max_size == 2**63 - 1
