"""Times as clients write them."""

from datetime import UTC, datetime

import pytest

from objects_app.errors import InvalidArgument
from objects_app.http.moments import read_chosen_moment, read_moment

HALF_PAST = datetime(2026, 5, 2, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-02T10:30:00Z",
        "2026-05-02t10:30:00z",
        "2026-05-02 10:30:00Z",
        "2026-05-02T12:30:00+02:00",
        "2026-05-02T12:30:00 02:00",  # a + that nobody encoded
        "2026-05-02T05:00:00-05:30",
        "2026-05-02T10:30:00.0Z",
        "2026-05-02T10:30:00.0000009Z",
    ],
)
def test_one_moment_has_many_spellings(text: str) -> None:
    assert read_moment("at", text) == HALF_PAST


def test_fractions_count_to_the_microsecond() -> None:
    found = read_moment("at", "2026-05-02T10:30:00.1234567Z")
    assert found == HALF_PAST.replace(microsecond=123456)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-05-02",
        "2026-05-02T10:30:00",
        "2026-05-02T10:30Z",
        "20260502T103000Z",
        "2026-W18-6T10:30:00Z",
        "2026-02-30T10:30:00Z",
        "2026-05-02T24:00:00Z",
        "2026-05-02T10:30:60Z",
        "2026-05-02T10:30:00+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\u0662026-05-02T10:30:00Z",
        "2026-05-02T10:30:00.Z",
        "now",
    ],
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(InvalidArgument, match="at is no time"):
        read_moment("at", text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-02T10:30",
        "2026-05-02T10:30:00",
        "2026-05-02T10:30:00.000",
        "2026-05-02T12:30:00+02:00",
    ],
)
def test_a_moment_chosen_in_a_browser_needs_no_zone(text: str) -> None:
    assert read_chosen_moment("at", text) == HALF_PAST


@pytest.mark.parametrize("text", ["", "2026-05-02", "2026-13-02T10:30"])
def test_what_no_browser_sends_is_no_chosen_moment(text: str) -> None:
    with pytest.raises(InvalidArgument):
        read_chosen_moment("at", text)
