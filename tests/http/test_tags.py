"""Tags as headers carry them, within S3's limits."""

from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.errors import InvalidTags
from objects_app.http.tags import HEADER, check_tags, read_tags

LETTERS = st.characters(
    categories=["L", "N", "Zs"], include_characters="_.:/=+-@", exclude_characters="A"
)
TAGS = st.dictionaries(
    st.text(LETTERS, min_size=1, max_size=128),
    st.text(LETTERS, max_size=256),
    max_size=10,
)


@given(TAGS)
def test_tags_come_as_a_query_string_in_either_encoding(tags: dict[str, str]) -> None:
    assert read_tags({HEADER: urlencode(tags)}) == tags
    assert read_tags({HEADER: urlencode(tags, quote_via=quote)}) == tags


def test_no_header_is_no_tags() -> None:
    assert read_tags({}) == read_tags({HEADER: ""}) == {}


def test_ten_tags_may_be_and_eleven_may_not() -> None:
    tags = {str(number): "" for number in range(10)}
    assert check_tags(tags) == tags
    with pytest.raises(InvalidTags, match="11 tags; at most 10"):
        check_tags(tags | {"10": ""})


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ({"": "x"}, "1 to 128 characters"),
        ({"k" * 129: ""}, "one here has 129"),
        ({"k": "v" * 257}, "at most 256"),
        ({"AWS:name": "x"}, "reserved"),
        ({"a&b": "x"}, "neither a letter"),
        ({"a": "\n"}, "neither a letter"),
        ({"a": "\0"}, "neither a letter"),
        ({"a": "\ud800"}, "neither a letter"),
        ({"a": "😀"}, "neither a letter"),
    ],
)
def test_what_s3_would_not_take_is_refused(tags: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidTags, match=told):
        check_tags(tags)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("a", "is a list such as"),
        ("a=1&a=2", "'a' is given twice"),
        ("a=%FF", "percent-encode"),
        ("a=\xe9", "percent-encode"),
    ],
)
def test_what_is_no_list_of_tags_is_refused(header: str, told: str) -> None:
    with pytest.raises(InvalidTags, match=told):
        read_tags({HEADER: header})
