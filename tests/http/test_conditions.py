from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.utils.http import http_date
from hypothesis import given
from hypothesis import strategies as st

from objects_app.errors import InvalidArgument
from objects_app.http.conditions import (
    Outcome,
    evaluate,
    range_applies,
    write_preconditions,
)
from objects_app.queries.rows import ANYTHING, Preconditions

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ETAG = "9a61081e"
MODIFIED = datetime(2024, 5, 17, 10, 30, 15, 999_999, tzinfo=UTC)
DATE = "Fri, 17 May 2024 10:30:15 GMT"
EARLIER = "Fri, 17 May 2024 10:30:14 GMT"
LATER = "Fri, 17 May 2024 10:30:16 GMT"
BAD_DATES = ["", "yesterday", "2024-05-17T10:30:15Z", f"{EARLIER}, {EARLIER}", "0"]
BAD_TAGS = [
    "abc",
    '"abc',
    'abc"',
    "",
    ",",
    '"a" "b"',
    '"a";"b"',
    'w/"a"',
    'W/ "a"',
    '*, "a"',
    "*,*",
    '"a\x7f"',
    '"a b"',
    "W/*",
]

opaque = st.text(
    alphabet=st.characters(
        min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'
    )
).filter(lambda text: text != "*")
tag_lists = st.lists(st.tuples(st.booleans(), opaque), min_size=1, max_size=5)


def written(tags: list[tuple[bool, str]], separator: str = ", ") -> str:
    return separator.join(f'{"W/" if weak else ""}"{tag}"' for weak, tag in tags)


def outcome(method: str = "GET", **headers: str) -> Outcome:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return evaluate(named, ETAG, MODIFIED, method)


def test_a_read_without_conditions_proceeds() -> None:
    assert outcome() is Outcome.PROCEED


@pytest.mark.parametrize("value", [f'"{ETAG}"', f'"x", "{ETAG}"', f',"{ETAG}" ,', "*"])
def test_if_match_that_names_the_object_proceeds(value: str) -> None:
    assert outcome(if_match=value) is Outcome.PROCEED


@pytest.mark.parametrize("value", ['"other"', f'W/"{ETAG}"', '"*"', *BAD_TAGS])
def test_if_match_that_does_not_strongly_name_the_object_fails(value: str) -> None:
    assert outcome(if_match=value) is Outcome.FAILED


@pytest.mark.parametrize("value", [f'"{ETAG}"', f'W/"{ETAG}"', f'"x",W/"{ETAG}"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_if_none_match_that_names_the_object_is_not_modified(
    method: str, value: str
) -> None:
    assert outcome(method, if_none_match=value) is Outcome.NOT_MODIFIED


def test_if_none_match_that_names_the_object_fails_other_methods() -> None:
    assert outcome("DELETE", if_none_match=f'"{ETAG}"') is Outcome.FAILED


@pytest.mark.parametrize("value", ['"other"', '"*"', *BAD_TAGS])
def test_if_none_match_that_does_not_name_the_object_proceeds(value: str) -> None:
    assert outcome(if_none_match=value) is Outcome.PROCEED


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (EARLIER, Outcome.PROCEED),
        (DATE, Outcome.NOT_MODIFIED),
        (LATER, Outcome.NOT_MODIFIED),
        ("Friday, 17-May-24 10:30:15 GMT", Outcome.NOT_MODIFIED),
        ("Fri May 17 10:30:15 2024", Outcome.NOT_MODIFIED),
        *((bad, Outcome.PROCEED) for bad in BAD_DATES),
    ],
)
def test_if_modified_since_compares_whole_seconds(date: str, expected: Outcome) -> None:
    assert outcome(if_modified_since=date) is expected


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (EARLIER, Outcome.FAILED),
        (DATE, Outcome.PROCEED),
        (LATER, Outcome.PROCEED),
        *((bad, Outcome.PROCEED) for bad in BAD_DATES),
    ],
)
def test_if_unmodified_since_compares_whole_seconds(
    date: str, expected: Outcome
) -> None:
    assert outcome(if_unmodified_since=date) is expected


def test_if_modified_since_is_for_get_and_head_only() -> None:
    assert outcome("DELETE", if_modified_since=LATER) is Outcome.PROCEED


def by_the_letter(truths: tuple[bool | None, ...], method: str) -> Outcome:
    """RFC 9110 13.2.2, steps 1 to 4; None for a condition that was not sent."""
    match, unmodified, none_match, modified = truths
    safe = method in {"GET", "HEAD"}
    first = match if match is not None else unmodified
    if first is False:
        return Outcome.FAILED
    if none_match is False:
        return Outcome.NOT_MODIFIED if safe else Outcome.FAILED
    if none_match is None and modified is False and safe:
        return Outcome.NOT_MODIFIED
    return Outcome.PROCEED


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_conditions_are_decided_in_the_order_of_rfc_9110_13_2_2(method: str) -> None:
    own, other = f'"{ETAG}"', '"other"'
    values = {
        "If-Match": {None: None, True: own, False: other},
        "If-Unmodified-Since": {None: None, True: DATE, False: EARLIER},
        "If-None-Match": {None: None, True: other, False: own},
        "If-Modified-Since": {None: None, True: EARLIER, False: DATE},
    }
    for truths in product((None, True, False), repeat=4):
        pairs = zip(values.items(), truths, strict=True)
        sent = {name: by_truth[truth] for (name, by_truth), truth in pairs}
        headers = {name: value for name, value in sent.items() if value is not None}
        found = evaluate(headers, ETAG, MODIFIED, method)
        assert found is by_the_letter(truths, method), headers


@given(tag_lists, opaque, st.sampled_from([",", ", ", " ,\t", ",, ,"]))
def test_lists_of_etags_match_as_sets(
    tags: list[tuple[bool, str]], etag: str, separator: str
) -> None:
    value = written(tags, separator)
    strong = evaluate({"If-Match": value}, etag, MODIFIED, "GET")
    weak = evaluate({"If-None-Match": value}, etag, MODIFIED, "GET")
    assert (strong is Outcome.PROCEED) == ((False, etag) in tags)
    assert (weak is Outcome.NOT_MODIFIED) == (etag in {tag for _, tag in tags})


@given(st.text(alphabet=st.sampled_from('"W/*, ab\t'), max_size=12))
def test_a_guard_on_a_write_is_refused_or_kept_but_never_ignored(value: str) -> None:
    for name, field in (("If-Match", "if_match"), ("If-None-Match", "if_none_match")):
        try:
            conditions = write_preconditions({name: value})
        except InvalidArgument:
            continue
        assert getattr(conditions, field) is not None


def test_a_write_without_conditions_has_none() -> None:
    assert write_preconditions({"If-Modified-Since": LATER}) == ANYTHING


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"If-Match": "*"}, Preconditions(if_match=("*",))),
        ({"If-Match": '"a", "b,c"'}, Preconditions(if_match=("a", "b,c"))),
        ({"If-Match": 'W/"a", "b"'}, Preconditions(if_match=("b",))),
        ({"If-Match": 'W/"a"'}, Preconditions(if_match=())),
        ({"If-Match": '"*"'}, Preconditions(if_match=())),
        ({"If-None-Match": "*"}, Preconditions(if_none_match=("*",))),
        ({"If-None-Match": 'W/"a","b"'}, Preconditions(if_none_match=("a", "b"))),
        ({"If-None-Match": '"*"'}, Preconditions(if_none_match=())),
        (
            {"If-Match": '"a"', "If-None-Match": '"b"'},
            Preconditions(if_match=("a",), if_none_match=("b",)),
        ),
        (
            {"If-Unmodified-Since": DATE},
            Preconditions(if_unmodified_since=MODIFIED.replace(microsecond=0)),
        ),
        (
            {"If-Match": '"a"', "If-Unmodified-Since": DATE},
            Preconditions(if_match=("a",)),
        ),
    ],
)
def test_what_a_write_demands(headers: dict[str, str], expected: Preconditions) -> None:
    assert write_preconditions(headers) == expected


@pytest.mark.parametrize("value", BAD_TAGS)
@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
def test_a_malformed_guard_on_a_write_is_refused(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        write_preconditions({name: value})


@pytest.mark.parametrize("date", BAD_DATES)
def test_a_date_that_is_none_is_ignored_on_a_write(date: str) -> None:
    assert write_preconditions({"If-Unmodified-Since": date}) == ANYTHING


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
)
def test_a_write_carries_the_second_that_the_date_names(moment: datetime) -> None:
    seconds = (moment - EPOCH) // timedelta(seconds=1)  # a float would round up
    found = write_preconditions({"If-Unmodified-Since": http_date(seconds)})
    assert found.if_unmodified_since == moment.replace(microsecond=0)


@given(st.integers(min_value=-3, max_value=3))
def test_reads_and_writes_agree_on_if_unmodified_since(seconds: int) -> None:
    date = http_date(int((MODIFIED + timedelta(seconds=seconds)).timestamp()))
    headers = {"If-Unmodified-Since": date}
    read = evaluate(headers, ETAG, MODIFIED, "GET") is Outcome.PROCEED
    assert write_preconditions(headers).hold(etag=ETAG, modified=MODIFIED) is read


def test_a_long_list_that_is_malformed_at_its_end_is_refused_quickly() -> None:
    with pytest.raises(InvalidArgument):
        write_preconditions({"If-Match": '"a"' + " , ,\t" * 1600 + "x"})


@pytest.mark.parametrize("value", [f'"{ETAG}"', DATE])
def test_if_range_lets_a_range_count_for_the_same_object(value: str) -> None:
    assert range_applies({"If-Range": value}, ETAG, MODIFIED)


def test_a_range_counts_without_if_range() -> None:
    assert range_applies({}, ETAG, MODIFIED)


@pytest.mark.parametrize(
    "value",
    ['"other"', f'W/"{ETAG}"', f'"{ETAG}", "x"', "*", ETAG, EARLIER, LATER, *BAD_DATES],
)
def test_any_other_if_range_means_the_whole_object(value: str) -> None:
    assert not range_applies({"If-Range": value}, ETAG, MODIFIED)
