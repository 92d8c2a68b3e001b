import re

import pytest
from django.http import HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from objects_app.errors import InvalidMetadata
from objects_app.http.metadata import metadata_headers, read_metadata

NAMES = st.text(
    alphabet="abcdefghijklmnopqrstuvwxyz0123456789-.!#$%&'*+^`|~",
    min_size=1,
    max_size=20,
)
VALUES = st.text(
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    max_size=60,
) | st.from_regex(r"\A[uU][tT][fF]-8'[a-z%]{0,3}'[%0-9a-fA-F'\r\n ]{0,12}\Z")


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_metadata_comes_back_as_it_was_and_never_splits_a_response(
    metadata: dict[str, str],
) -> None:
    headers = metadata_headers(metadata)
    response = HttpResponse(headers=headers)
    for name, value in headers.items():
        assert re.fullmatch(r"[\x21-\x7e](.*[\x21-\x7e])?|", value), value
        assert value.isascii()
        assert response[name] == value
    received = {name.title(): value.strip(" \t") for name, value in headers.items()}
    assert read_metadata(received) == metadata


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("plain text, with 100% of it", "plain text, with 100% of it"),
        ("", ""),
        ("a\tb", "a\tb"),
        ("UTF-8''%E2%82%AC%20rates", "€ rates"),
        ("utf-8'de'gr%c3%bcn", "grün"),
        ("UTF-8''", ""),
        ("ISO-8859-1''%A3", "ISO-8859-1''%A3"),
        ("it's 'quoted'", "it's 'quoted'"),
    ],
)
def test_a_value_is_plain_ascii_or_an_ext_value(sent: str, stored: str) -> None:
    assert read_metadata({"X-Object-Meta-Note": sent}) == {"note": stored}


@pytest.mark.parametrize(
    "value",
    [
        "grün",
        "a\x01b",
        "\x7f",
        "UTF-8''%FF",
        "UTF-8''%ED%A0%80",
        "UTF-8''%00",
        "UTF-8''%4",
        "UTF-8''a b",
        "UTF-8''a,UTF-8''b",
        "UTF-8'?'a",
    ],
)
def test_other_values_are_refused_by_name(value: str) -> None:
    with pytest.raises(InvalidMetadata, match="X-Object-Meta-note"):
        read_metadata({"X-Object-Meta-Note": value})


@pytest.mark.parametrize("name", ["", "Gr\xfcn", "A B"])
def test_names_that_no_header_can_have_are_refused(name: str) -> None:
    with pytest.raises(InvalidMetadata):
        read_metadata({f"X-Object-Meta-{name}": "x"})


def test_other_headers_are_no_metadata() -> None:
    assert read_metadata({"X-Object": "a", "X-Objects-Meta-A": "b"}) == {}


def test_names_and_values_may_have_2_kib_in_all() -> None:
    headers = {"X-Object-Meta-Aa": "x" * 1022, "X-Object-Meta-Bb": "x" * 1022}
    assert len(read_metadata(headers)) == 2
    headers["X-Object-Meta-Bb"] += "x"
    with pytest.raises(InvalidMetadata, match="2049"):
        read_metadata(headers)


def test_the_size_is_that_of_the_decoded_text() -> None:
    value = "UTF-8''" + "%F0%9F%8C%8D" * 511
    assert read_metadata({"X-Object-Meta-Abcd": value}) == {"abcd": "🌍" * 511}
    with pytest.raises(InvalidMetadata, match="2049"):
        read_metadata({"X-Object-Meta-Abcde": value})
