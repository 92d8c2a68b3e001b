"""What people write into forms."""

import pytest

from objects_app.errors import InvalidArgument
from objects_app.templatetags.console import exact_size
from objects_app.web.forms import number_of, size_of


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("", None),
        ("  ", None),
        ("500", 500),
        ("12 B", 12),
        ("1k", 1024),
        ("1 KB", 1000),
        ("1 KiB", 1024),
        ("1.5 GiB", 3 * 2**29),
        ("2mb", 2_000_000),
        ("1,000", 1000),
        ("9999999 PiB", 2**63 - 1),
    ],
)
def test_a_size_is_read_as_people_write_it(text: str, size: int | None) -> None:
    assert size_of(text) == size


@pytest.mark.parametrize("text", ["much", "-1", "1 XB", "1e3", "٣", "9" * 40, "1.5.2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no size"):
        size_of(text)


@pytest.mark.parametrize(
    ("text", "number"), [("", None), ("1,000", 1000), ("9" * 19, 2**63 - 1)]
)
def test_a_number_is_read_as_people_write_it(text: str, number: int | None) -> None:
    assert number_of(text) == number


@pytest.mark.parametrize("text", ["many", "-1", "1.5", "٣", "9" * 5000])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="is no whole number"):
        number_of(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0 B"), (1000, "1000 B"), (1536, "1536 B"), (3 * 2**30, "3 GiB")],
)
def test_a_size_in_a_form_is_exact(count: int | None, text: str) -> None:
    assert exact_size(count) == text
    assert size_of(text) == count
