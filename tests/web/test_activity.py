"""The journal on the screen, and as CSV."""

import csv
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import islice
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from objects_app.models import Bucket, Grant, JournalEntry, Role
from objects_app.services import audit
from objects_app.web import activity
from objects_app.web.sentences import KINDS
from tests.access.people import make_user
from tests.web.people import at_browser, chief_at_browser, words

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]


@pytest.fixture
def chief() -> Client:
    return chief_at_browser()


@pytest.fixture
def photos() -> Bucket:
    return Bucket.objects.create(name="photos", owner=make_user("olga"))


def write(operation: str = "put", **columns: Any) -> JournalEntry:
    told = {"bucket_id": 1, "bucket_name": "photos", "actor": "olga", "node_id": "n"}
    return JournalEntry.objects.create(
        operation=operation, **{**told, "request_id": "r", **columns}
    )


def rows(client: Client, **query: str) -> list[list[str]]:
    answer = client.get("/ui/activity/activity.csv", query)
    assert answer.status_code == 200
    text = answer.getvalue().decode()
    return list(csv.reader(StringIO(text)))


def test_every_operation_has_a_sentence_that_escapes_what_people_wrote(
    chief: Client,
) -> None:
    assert set(KINDS) == set(JournalEntry.Operation.values)
    for operation in KINDS:
        write(operation, key="<b>&", actor="<i>", detail="<u>")
    page = words(chief, "/ui/activity/")
    assert page.count('class="event"') == len(KINDS)
    for tag in ("<b>", "<i>", "<u>"):
        assert tag not in page


def test_an_entry_reads_as_a_sentence(chief: Client) -> None:
    write(key="a b.jpg", bytes_delta=1_258_291, key_id="OSAB12", address="192.0.2.1")
    page = words(chief, "/ui/activity/")
    assert "<strong>olga</strong> uploaded <a href=" in page
    assert 'href="/ui/buckets/photos/object?key=a+b.jpg">photos/a b.jpg</a>' in page
    assert "+1.2 MiB" in page
    assert "OSAB12" in page


@pytest.mark.parametrize(
    ("query", "columns"),
    [
        ({"actor": "bob"}, {"actor": "bob"}),
        ({"operation": "grant"}, {"operation": "grant"}),
        ({"bucket": "other"}, {"bucket_name": "other"}),
        ({"prefix": "in/"}, {"key": "in/a"}),
        ({"key_id": "OSAB12"}, {"key_id": "OSAB12"}),
        ({"address": "192.0.2.1"}, {"address": "192.0.2.1"}),
    ],
)
def test_a_filter_leaves_what_it_names(
    chief: Client, query: dict[str, str], columns: dict[str, str]
) -> None:
    write()
    write(**columns, request_id="wanted")
    page = words(chief, "/ui/activity/", **query)
    assert page.count('class="event"') == 1
    assert [row[-1] for row in rows(chief, **query)[1:-1]] == ["wanted"]


def test_times_are_read_in_utc(chief: Client) -> None:
    entry = write()
    when = datetime(2026, 5, 2, 12, 30, tzinfo=UTC)
    JournalEntry.objects.filter(pk=entry.pk).update(created_at=when)
    shown = {"since": "2026-05-02T12:30", "until": "2026-05-02T12:31"}
    assert words(chief, "/ui/activity/", **shown).count('class="event"') == 1
    hidden = {"since": "2026-05-02T12:31:00+00:00"}
    assert "Nothing of the kind" in words(chief, "/ui/activity/", **hidden)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"since": "yesterday"}, "yesterday is no time"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "is no time"),
        ({"operation": "fly"}, "no such operation"),
        ({"after": "x"}, "no whole number"),
    ],
)
def test_what_cannot_be_asked_is_said_on_the_page(
    chief: Client, query: dict[str, str], told: str
) -> None:
    answer = chief.get("/ui/activity/", query)
    assert answer.status_code == 400
    assert told in answer.content.decode()


def test_earlier_entries_come_as_one_scrolls(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 2)
    for key in "abc":
        write(key=key, actor="bob & co")
    first = audit.page(wanted=audit.Filter(), limit=2)
    url = f"/ui/activity/?actor=bob+%26+co&after={first.next}"
    part = chief.get(url, headers={"hx-request": "true"}).content.decode()
    assert "<html" not in part
    assert "photos/a<" in part
    assert "photos/b<" not in part


def test_the_first_page_names_the_next(chief: Client) -> None:
    for number in range(101):
        write(key=str(number))
    page = words(chief, "/ui/activity/", bucket="photos")
    assert re.search(r'hx-get="/ui/activity/\?bucket=photos&amp;after=\d+"', page)
    assert page.count('class="event"') == 100


def test_a_long_search_says_how_far_it_looked(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_LOOKED_AT", 2)
    for key in ("in/a", "b", "c"):
        write(key=key)
    page = words(chief, "/ui/activity/", prefix="in/")
    assert "Looked back to" in page
    [url] = re.findall(r'hx-get="(/ui/activity/[^"]+)"', page)
    rest = chief.get(url.replace("&amp;", "&"), headers={"hx-request": "true"})
    assert "photos/in/a" in rest.content.decode()


def test_an_owner_sees_what_happened_in_their_bucket_and_no_other(
    photos: Bucket,
) -> None:
    write(bucket_id=photos.pk, key="mine")
    write(bucket_id=photos.pk + 1, key="of-a-former-bucket")
    write(bucket_name="other", bucket_id=7, key="others")
    olga = at_browser("olga")
    page = words(olga, "/ui/activity/", bucket="photos")
    assert re.findall(r"photos/([\w-]+)<", page) == ["mine"]
    assert [row[6] for row in rows(olga, bucket="photos")[1:-1]] == ["mine"]
    assert "Name a bucket that you own" in words(olga, "/ui/activity/")
    assert olga.get("/ui/activity/activity.csv").status_code == 400


@pytest.mark.parametrize("role", [None, Role.READER, Role.WRITER])
def test_whoever_owns_it_not_sees_nothing_of_it(
    photos: Bucket, charlie: User, role: Role | None
) -> None:
    write(bucket_id=photos.pk, key="secret")
    if role is not None:
        Grant.objects.create(bucket=photos, user=charlie, role=role)
    browser = at_browser(charlie)
    for path in ("/ui/activity/", "/ui/activity/activity.csv"):
        answers = [
            browser.get(path, {"bucket": name}) for name in ("photos", "nothing")
        ]
        assert [a.status_code for a in answers] == [404 if role is None else 403, 404]
        assert all(b"secret" not in a.content for a in answers)


def test_administrators_see_what_happened_in_buckets_that_are_gone(
    chief: Client,
) -> None:
    write("delete_bucket", bucket_name="gone")
    write("delete_bucket", bucket_name="A b")
    for name in ("gone", "A b"):
        assert "deleted bucket" in words(chief, "/ui/activity/", bucket=name)


def test_a_bucket_of_ones_own_has_its_other_screens_beside_it(photos: Bucket) -> None:
    page = words(at_browser("olga"), "/ui/activity/", bucket="photos")
    assert "<h1>photos</h1>" in page
    assert 'href="/ui/buckets/photos/"' in page


def test_the_file_says_all_and_that_it_is_all(chief: Client) -> None:
    write(key='a,"b"\n', detail="ü")
    [head, entry, end] = rows(chief)
    assert head[:3] == ["created_at", "operation", "actor"]
    assert datetime.fromisoformat(entry[0]) <= now()
    assert entry[1:3] == ["put", "olga"]
    assert 'a,"b"\n' in entry
    assert end == ["The end: 1 entries."]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_of_the_file_is_a_formula(chief: Client, text: str) -> None:
    write(key=text, actor=text, detail=text, bytes_delta=-1)
    [_, entry, _] = rows(chief)
    assert entry.count(f"'{text}") == 3
    assert "-1" in entry


def test_the_file_ends_with_where_to_go_on(
    chief: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "EXPORT_ROWS", 2)
    first = write(key="0")
    for seconds, key in enumerate("123"):  # SQLite's clock has milliseconds only
        write(key=key, created_at=now() + timedelta(seconds=seconds))
    found = rows(chief)
    assert [row[6] for row in found[1:-1]] == ["3", "2"]
    told = found[-1][0]
    [until] = re.findall(r"until (\S+)\.$", told)
    assert "Stopped after 2 entries" in told
    JournalEntry.objects.filter(pk=first.pk).update(
        created_at=now() - timedelta(days=1)
    )
    assert [row[6] for row in rows(chief, until=until)[1:-1]][-2:] == ["1", "0"]


def test_the_file_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "EXPORT_SECONDS", -1.0)
    write()
    lines = list(activity.rows(audit.Filter()))
    assert len(lines) == 2
    assert "Stopped after 0 entries" in lines[-1]


def test_the_file_is_read_page_by_page(
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(audit, "_EXPORT_PAGE", 2)
    for _ in range(6):
        write()
    with django_assert_num_queries(1):
        list(islice(activity.rows(audit.Filter()), 3))
