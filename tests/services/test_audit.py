"""The journal as a record: who, with which key, from where; and `manage.py audit`."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django import DjangoAssertNumQueries

from objects_app.access.keys import NewKey
from objects_app.models import Bucket, JournalEntry
from objects_app.queries.rows import Actor
from objects_app.services import audit
from tests.access.people import Caller, make_key, make_user, with_key
from tests.client import DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

Run = Callable[..., list[str]]


@pytest.fixture
def key() -> NewKey:
    key = make_key(make_user("chief", is_superuser=True))
    JournalEntry.objects.all().delete()
    return key


@pytest.fixture
def lines() -> Run:
    """Run `manage.py audit` and return its lines, the count last."""

    def run(*words: str) -> list[str]:
        out = io.StringIO()
        call_command("audit", *words, stdout=out)
        return out.getvalue().splitlines()

    return run


def write(
    operation: str = "put", *, bucket: str = "photos", key: str = "", **columns: str
) -> JournalEntry:
    told = {"actor": "olga", "node_id": "n", "request_id": "r", **columns}
    return JournalEntry.objects.create(
        operation=operation, bucket_id=1, bucket_name=bucket, key=key, **told
    )


def test_every_change_over_rest_says_who_with_which_key_and_from_where(
    data_plane: DataPlane, key: NewKey
) -> None:
    caller = with_key(key)
    for method, path in (
        ("PUT", "/buckets/photos"),
        ("PUT", "/buckets/photos/objects/a"),
        ("PUT", "/buckets/fresh/objects/a"),
        ("DELETE", "/buckets/photos/objects/a"),
        ("DELETE", "/buckets/photos"),
    ):
        answer = caller.ask(data_plane, method, path, body=b"x")
        assert answer.status < 300, answer.body
        entry = JournalEntry.objects.latest("id")
        assert entry.request_id == answer.headers["X-Request-Id"]
    found = JournalEntry.objects.order_by("id")
    assert [(e.operation, e.bucket_name, e.key) for e in found] == [
        ("create_bucket", "photos", ""),
        ("put", "photos", "a"),
        ("create_bucket", "fresh", ""),
        ("put", "fresh", "a"),
        ("delete", "photos", "a"),
        ("delete_bucket", "photos", ""),
    ]
    who = {(e.actor, e.key_id, e.address, e.node_id) for e in found}
    assert who == {("chief", key.row.key_id, "192.0.2.1", "test-node")}


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_an_address_is_written_in_one_form(
    data_plane: DataPlane, key: NewKey, sent: str, written: str
) -> None:
    data_plane.put(
        "/buckets/photos",
        headers=with_key(key).headers,
        environ={"REMOTE_ADDR": sent},
    )
    assert JournalEntry.objects.get().address == written


def test_what_is_refused_leaves_no_entry(data_plane: DataPlane, key: NewKey) -> None:
    Bucket.objects.create(name="photos", owner=make_user("olga"))
    charlie = with_key(make_key(make_user("charlie")))
    JournalEntry.objects.all().delete()
    for caller in (Caller(), charlie):
        for method in ("PUT", "DELETE"):
            caller.ask(data_plane, method, "/buckets/photos/objects/a", body=b"x")
            caller.ask(data_plane, method, "/buckets/photos")
    assert not JournalEntry.objects.exists()


def test_an_entry_holds_any_detail(key: NewKey) -> None:
    by = Actor(label="x", node_id="n", request_id="r")
    operation = JournalEntry.Operation.LOGIN_FAILED
    audit.record(operation=operation, by=by, detail="a\0b" + "é" * 2000)
    assert JournalEntry.objects.get().detail == "ab" + "é" * 998


# Pages


def pages(wanted: audit.Filter, *, limit: int = 2) -> list[list[str]]:
    """Return the keys of each page, to the last."""
    found, after = [], None
    while True:
        page = audit.page(wanted=wanted, after=after, limit=limit)
        found.append([entry.key for entry in page.entries])
        after = page.next
        if after is None:
            return found


def test_pages_hold_every_entry_once_whatever_their_times() -> None:
    same = Now()
    for key in "abcde":
        write(key=key)
    JournalEntry.objects.filter(key__in="bcd").update(created_at=same)
    JournalEntry.objects.filter(key="a").update(created_at=same + timedelta(hours=1))
    assert pages(audit.Filter()) == [["a", "d"], ["c", "b"], ["e"]]


@pytest.mark.parametrize(
    "wanted",
    [
        audit.Filter(actor="bob", prefix="w"),
        audit.Filter(actor="bob", operation=["put"], prefix="w"),
        audit.Filter(bucket="photos", actor="bob", prefix="w", bucket_id=1),
        audit.Filter(operation=["put", "delete"], prefix="w"),
        audit.Filter(prefix="w"),
        audit.Filter(prefix="w", address="192.0.2.1"),
    ],
)
def test_what_is_rare_is_found_step_by_step(
    monkeypatch: pytest.MonkeyPatch, wanted: audit.Filter
) -> None:
    monkeypatch.setattr(audit, "_LOOKED_AT", 3)
    for key in ("w1", *"abcdefg", "w2", "w3", "h", "w4"):
        write(key=key, actor="bob", address="192.0.2.1")
    first = audit.page(wanted=wanted, limit=2)
    assert [entry.key for entry in first.entries] == ["w4", "w3"]
    second = audit.page(wanted=wanted, after=first.next, limit=2)
    assert [entry.key for entry in second.entries] == ["w2"]
    assert second.reached is not None
    assert [key for page in pages(wanted) for key in page] == ["w4", "w3", "w2", "w1"]
    entries = audit.entries(wanted=wanted, limit=3)
    assert [entry.key for entry in entries] == ["w4", "w3", "w2"]


def test_who_owns_a_bucket_learns_nothing_of_former_ones_of_its_name() -> None:
    write(key="now")
    JournalEntry.objects.update(bucket_id=2)
    write(key="then")
    [entry] = audit.page(wanted=audit.Filter(bucket="photos", bucket_id=2)).entries
    assert entry.key == "now"


def test_texts_that_no_database_holds_are_of_no_entry() -> None:
    write(actor="a")
    for wanted in (audit.Filter(actor="a\0"), audit.Filter(prefix="\ud800")):
        assert audit.page(wanted=wanted) == ([], None, None)


def test_a_place_that_is_no_entrys_is_the_end() -> None:
    write()
    assert audit.page(wanted=audit.Filter(), after=2**40).entries == []


# manage.py audit


def test_entries_are_printed_newest_first_and_counted(lines: Run) -> None:
    write(key="first", key_id="OSKEY", address="192.0.2.1")
    write("delete", key="second")
    second, first, count = lines()
    assert second.split() == [
        *second.split()[:2],
        *("delete", "olga", "-", "-", "photos/second"),
    ]
    assert first.split()[2:] == [
        *("put", "olga", "OSKEY", "192.0.2.1", "photos/first"),
    ]
    moment = datetime.fromisoformat(" ".join(first.split()[:2])).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - moment) < timedelta(minutes=1)
    assert count == "2 entries."


FILTERS = [
    (("--actor", "bob"), {"actor": "bob"}),
    (("--key-id", "OSKEY"), {"key_id": "OSKEY"}),
    (("--address", "192.0.2.9"), {"address": "192.0.2.9"}),
    (("--bucket", "other"), {"bucket": "other"}),
    (("--prefix", "in/"), {"key": "in/a"}),
    (("--prefix", "%"), {"key": "%a"}),
    (("--prefix", "\U0010ffff"), {"key": "\U0010ffffa"}),
    (("--operation", "login"), {"operation": "login"}),
    (("--bucket", "other", "--prefix", "in/"), {"bucket": "other", "key": "in/b"}),
]


@pytest.mark.parametrize(("words", "columns"), FILTERS)
def test_a_filter_leaves_what_it_names(
    lines: Run, words: tuple[str, ...], columns: dict[str, str]
) -> None:
    for others in ({}, {"key": "in"}, {"key": "out/a"}, {"bucket": "others"}):
        write(**others)
    wanted = write(**columns, request_id="wanted")
    assert lines(*words)[-1] == "1 entries."
    wanted.delete()
    assert lines(*words) == ["0 entries."]


def test_several_operations_are_asked_for_one_by_one(lines: Run) -> None:
    for operation in ("put", "delete", "grant"):
        write(operation)
    words = ("--operation", "put", "--operation", "grant")
    assert [line.split()[2] for line in lines(*words)[:-1]] == ["grant", "put"]


def test_since_is_included_and_until_is_not(lines: Run) -> None:
    for day in (1, 2, 3):
        moment = datetime(2026, 5, day, tzinfo=UTC)
        entry = write(key=str(day))
        JournalEntry.objects.filter(pk=entry.pk).update(created_at=moment)
    for words, expected in (
        (("--since", "2026-05-02"), "32"),
        (("--since", "2026-05-02T00:00:00"), "32"),
        (("--since", "2026-05-02 02:00:00+02:00"), "32"),
        (("--since", "2026-05-02T00:00:01Z"), "3"),
        (("--until", "2026-05-02"), "1"),
        (("--since", "2026-05-02", "--until", "2026-05-03"), "2"),
    ):
        printed = [line.rpartition("/")[2] for line in lines(*words)[:-1]]
        assert "".join(printed) == expected


def test_so_many_entries_are_printed_as_are_asked_for(lines: Run) -> None:
    for _ in range(101):
        write()
    assert lines()[-1] == "100 entries."
    assert lines("--limit", "2")[-1] == "2 entries."
    assert lines("--limit", "1000")[-1] == "101 entries."


def test_what_a_terminal_would_obey_is_printed_harmlessly(lines: Run) -> None:
    write(key="a\x1b[2J\n\r\u202eb", actor="x\x1b]0;evil\x07")
    write("grant", detail="to user \x1b[31m\n2026-01-01  forged")
    printed = lines()
    assert len(printed) == 3
    assert all(line.isprintable() for line in printed)


def test_one_row_a_line_for_what_belongs_to_no_bucket(lines: Run) -> None:
    write("login", bucket="", detail="by password")
    assert lines()[0].endswith("  by password")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--limit", "0"), "--limit is a number"),
        (("--limit", "-5"), "--limit is a number"),
        (("--limit", "x"), "--limit"),
        (("--limit", "1" + "0" * 30), "--limit is a number"),
        (("--since", "yesterday"), "ISO 8601"),
        (("--since", "2026-13-01"), "ISO 8601"),
        (("--since", ""), "ISO 8601"),
        (("--until", "2026-02-30T00:00:00"), "ISO 8601"),
        (("--until", "0001-01-01T00:00:00+14:00"), "ISO 8601"),
        (("--until", "9999-12-31T23:59:59-14:00"), "ISO 8601"),
        (("--operation", "fly"), "invalid choice"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(
    lines: Run, words: tuple[str, ...], told: str
) -> None:
    with pytest.raises(CommandError) as refused:
        lines(*words)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "_moment" not in str(refused.value)


def test_a_listing_reads_no_more_than_it_prints(
    lines: Run, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write()
    with django_assert_num_queries(1):
        lines()
    assert JournalEntry.objects.filter(created_at__lte=Now()).count() == 1
