import pytest
from hypothesis import given
from hypothesis import strategies as st

from objects_app.http.ranges import Range, Unsatisfiable, parse_range

SIZES = st.integers(min_value=1, max_value=10**13)
POSITIONS = st.integers(min_value=0, max_value=10**14)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("bytes=0-0", Range(0, 1)),
        ("bytes=0-499", Range(0, 100)),
        ("bytes=99-99", Range(99, 1)),
        ("bytes=40-", Range(40, 60)),
        ("bytes=-1", Range(99, 1)),
        ("bytes=-100", Range(0, 100)),
        ("bytes=-101", Range(0, 100)),
        ("BYTES=1-2", Range(1, 2)),
        ("bytes=0001-0002", Range(1, 2)),
        ("bytes=1-2,", Range(1, 2)),
        ("bytes=, ,1-2 ,\t", Range(1, 2)),
        ("bytes=1-" + "9" * 5000, Range(1, 99)),
        ("bytes=-" + "9" * 5000, Range(0, 100)),
    ],
)
def test_one_range_of_a_hundred_bytes(header: str, expected: Range) -> None:
    assert parse_range(header, 100) == expected


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=,",
        "bytes=a-b",
        "bytes=5-1",
        "bytes=1 - 2",
        "bytes= 1-2",
        "bytes= 1-2,",
        "bytes =1-2",
        "bytes=+1-2",
        "bytes=1-2-3",
        "bytes=--2",
        "bytes=1-2;",
        "bytes=\N{SUPERSCRIPT TWO}-3",
        "bytes=\N{ARABIC-INDIC DIGIT ONE}-",
        "items=0-1",
        "bytes=0-1,3-4",
        "bytes=0-1,500-600",
        "bytes=0-1,x",
    ],
)
def test_malformed_several_or_no_ranges_mean_the_whole_object(
    header: str | None,
) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5000 + "-"]
)
def test_a_range_without_a_byte_of_the_object_is_unsatisfiable(header: str) -> None:
    with pytest.raises(Unsatisfiable) as raised:
        parse_range(header, 100)
    assert raised.value.size == 100


@pytest.mark.parametrize("header", ["bytes=0-", "bytes=0-0", "bytes=-0"])
def test_an_empty_object_has_no_first_byte(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 0)


def test_the_last_bytes_of_an_empty_object_are_the_whole_object() -> None:
    assert parse_range("bytes=-5", 0) is None


def test_content_range_names_the_last_byte_and_the_size() -> None:
    assert Range(2, 3).content_range(10) == "bytes 2-4/10"


@given(POSITIONS, POSITIONS, SIZES)
def test_a_closed_range_gives_the_slice_that_python_gives(
    first: int, length: int, size: int
) -> None:
    wanted = range(size)[first : first + length + 1]
    header = f"bytes={first}-{first + length}"
    if not wanted:
        with pytest.raises(Unsatisfiable):
            parse_range(header, size)
    else:
        assert parse_range(header, size) == Range(wanted[0], len(wanted))


@given(st.integers(min_value=1, max_value=10**14), SIZES)
def test_a_suffix_gives_the_last_bytes(length: int, size: int) -> None:
    wanted = range(size)[-length:]
    assert parse_range(f"bytes=-{length}", size) == Range(wanted[0], len(wanted))


@given(
    st.text(alphabet=st.sampled_from("bytes=0123456789-, \t"), max_size=30),
    st.integers(min_value=0, max_value=50),
)
def test_whatever_is_asked_lies_inside_the_object(text: str, size: int) -> None:
    try:
        part = parse_range(f"bytes={text}", size)
    except Unsatisfiable:
        return
    if part is not None:
        assert part.start >= 0
        assert part.length >= 1
        assert part.start + part.length <= size
