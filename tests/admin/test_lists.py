"""Lists are quick whatever is in them: by key, nothing counted, nothing scanned."""

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from objects_app.admin import activity, base
from objects_app.models import Blob, Bucket, JournalEntry, StoredObject
from tests.admin.pages import NAMES, change, changelist
from tests.services.store import Store
from tests.services.uploading import upload_whole

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

DIGEST = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"
MOST_STATEMENTS = 10
ELSEWHERE = "192.0.2.9"
# Tables of a handful of rows may be read whole.
SMALL = {"node", "lease", "sweep_hold", "journal_watermark"}
SEARCHES = [
    ("bucket", "pho"),
    ("storedobject", "test/a/"),
    ("storedobject", DIGEST),
    ("blob", DIGEST),
    ("blob", DIGEST[:4]),
    ("segment", DIGEST),
    ("segment", "17"),
    ("upload", "test/a/"),
    ("upload", "0" * 32),
    ("uploadpart", DIGEST),
    ("uploadpart", "0" * 32),
    ("importedobject", "test/a/"),
    ("journalentry", "test/a/"),
    ("journalentry", "test/"),
    ("journalentry", "alice"),
    ("journalentry", "OSAAAAAAAAAAAAAAAA"),
    ("journalentry", ELSEWHERE),
    ("journalentry", "0" * 32),
    ("journalentry", DIGEST),
    ("buckettotals", "test"),
    ("job", "alice"),
    ("accesskey", "alice"),
    ("grant", "test"),
    ("allowance", "alice"),
    ("oidcidentity", "alice"),
    ("axes_accessattempt", "alice"),
    ("axes_accessattempt", "192.0.2.1"),
    ("objects_app_consolesession", "alice"),
    ("auth_user", "ali"),
    ("auth_group", "rea"),
]
FILTERS = [
    ("storedobject", {"digest": "missing"}),
    ("blob", {"sweep": "condemned"}),
    ("job", {"jobs": "unfinished"}),
]
ADDRESSES = [
    *(changelist(name) for name in NAMES),
    *(changelist(name, term) for name, term in SEARCHES),
    *(changelist(name, "", **chosen) for name, chosen in FILTERS),
]


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base.StoreAdmin, "list_per_page", 2)


def keys(page: Any) -> list[str]:
    return [row.key for row in page.context["cl"].result_list]


def turn(page: Any, to: str) -> dict[str, str]:
    """Return the parameters of the link to the previous or the next page."""
    link = re.search(rf'<a href="([^"]*)" rel="{to}"', page.content.decode())
    if link is None:
        return {}
    query = parse_qs(urlsplit(unescape(link[1])).query)
    return {name: values[0] for name, values in query.items()}


def walk(client: Client, name: str, query: str, to: str, **start: str) -> list[Any]:
    """Return the pages from a place on, each by the link of the one before."""
    pages = [client.get(changelist(name, query, **start))]
    while parameters := turn(pages[-1], to):
        pages.append(client.get(changelist(name, "", **parameters)))
    return pages


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_list_takes_few_statements_and_counts_nothing(
    chief: Client, address: str
) -> None:
    upload_whole(Store(), "a/1", b"b")

    with CaptureQueriesContext(connection) as seen:
        assert chief.get(address).status_code == 200

    assert len(seen) <= MOST_STATEMENTS
    statements = [query["sql"] for query in seen.captured_queries]
    assert [s for s in statements if "COUNT(" in s or "OFFSET" in s] == []


@pytest.mark.postgresql_only
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_list_scans_no_table(chief: Client, address: str) -> None:
    """What an index can give is not read from the table, nor sorted: an empty table is,
    so the planner is told not to where it can."""
    upload_whole(Store(), "a/1", b"b")
    with CaptureQueriesContext(connection) as seen:
        chief.get(address)
    statements = [query["sql"] for query in seen.captured_queries]

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        for statement in statements:
            if not statement.startswith("SELECT") or " LIMIT " not in statement:
                continue
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= SMALL, plan
            sorts = re.search("(?<!Incremental )Sort  ", plan)
            few = " IN (" in statement or SMALL & set(re.findall(r"\w+", plan))
            assert few or not sorts, f"{statement}\n{plan}"


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("query", ["", "test/"])
def test_all_pages_together_show_each_row_once_in_both_directions(
    chief: Client, query: str
) -> None:
    store = Store()
    for key in "cadbe":
        store.put(key, key.encode())

    forward = walk(chief, "storedobject", query, "next")
    start = turn(forward[-1], "prev")
    backward = walk(chief, "storedobject", "", "prev", **start)

    assert [keys(page) for page in forward] == (
        [["a", "b"], ["c", "d"], ["e"]] if query else [["e", "b"], ["d", "a"], ["c"]]
    )
    assert [keys(page) for page in reversed(backward)] == [
        keys(page) for page in forward[:-1]
    ]
    assert not turn(forward[0], "prev")


@pytest.mark.usefixtures("short_pages")
def test_condemned_blobs_come_in_the_order_in_which_they_go(chief: Client) -> None:
    times = ["2026-01-03", "2026-01-01", "2026-01-02", None]
    for number, time in enumerate(times):
        when = time and f"{time}T00:00:00.000{number}Z"
        Blob.objects.create(sha256=f"{number:064}", size=1, condemned_at=when)

    pages = walk(chief, "blob", "", "next", sweep="condemned")

    shown = [[row.sha256[-1] for row in p.context["cl"].result_list] for p in pages]
    assert shown == [["1", "2"], ["0"]]


@pytest.mark.parametrize(
    "after",
    ["1", "[]", "[1, 2]", "x", "[null]", '["x"]', "{}", '["' + "9" * 30 + '"]'],
)
def test_a_place_that_is_none_leads_to_the_first_page(
    chief: Client, after: str
) -> None:
    page = chief.get(changelist("storedobject", after=after), follow=True)
    assert page.status_code == 200


def test_a_place_with_a_nul_leads_to_the_first_page(chief: Client) -> None:
    place = '["\\u0000", "null"]'
    address = changelist("storedobject", "test/a", after=place)
    assert chief.get(address, follow=True).status_code == 200


@pytest.mark.parametrize("name", NAMES)
def test_a_search_or_an_id_that_nothing_has_finds_nothing(
    chief: Client, name: str
) -> None:
    assert chief.get(changelist(name, "none-that-there-is")).status_code == 200
    answer = chief.get(reverse(f"admin:{name}_change", args=["a\0b"]))
    assert answer.status_code == 302  # to the admin's first page, which says so


@pytest.mark.parametrize("lookup", ["size__gt", "key__icontains", "blob__size", "o"])
def test_the_address_neither_filters_nor_orders_by_what_has_no_index(
    chief: Client, lookup: str
) -> None:
    Store().put("a", b"a")
    with CaptureQueriesContext(connection) as seen:
        page = chief.get(changelist("storedobject", **{lookup: "1"}))
    assert page.status_code == (200 if lookup == "o" else 400)
    ordered = [q["sql"] for q in seen if "ORDER BY" in q["sql"]]
    assert all('"stored_object"."id" DESC' in s for s in ordered if '"key"' in s)


def test_an_object_is_found_by_the_digest_of_all_its_parts(chief: Client) -> None:
    upload_whole(Store(), "a", b"b")
    StoredObject.objects.filter(key="a").update(sha256=DIGEST)
    assert keys(chief.get(changelist("storedobject", DIGEST))) == ["a"]


def test_blobs_are_found_by_the_beginning_of_their_digest(chief: Client) -> None:
    for start in ("0a", "0a9", "0b", "9f", "f0"):
        Blob.objects.create(sha256=start.ljust(64, "0"), size=1)

    def found(term: str) -> list[str]:
        page = chief.get(changelist("blob", term))
        return [row.sha256.rstrip("0") for row in page.context["cl"].result_list]

    assert found("0A") == ["0a", "0a9"]
    assert found("9") == ["9f"]
    assert found("f") == ["f"]
    assert found("no digest") == []


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ten entries, looked through four at a time; two are from elsewhere."""
    monkeypatch.setattr(activity, "LOOKED_THROUGH", 4)
    store = Store()
    for number in range(9):
        store.put(f"a/{number}", b"x")
    entries = list(JournalEntry.objects.order_by("pk").values_list("pk", flat=True))
    JournalEntry.objects.filter(pk__in=(entries[0], entries[7])).update(
        address=ELSEWHERE
    )
    return entries


def test_a_search_of_the_journal_goes_on_where_it_stopped(
    chief: Client, journal: list[int]
) -> None:
    pages = walk(chief, "journalentry", ELSEWHERE, "next")
    shown = [[row.pk for row in p.context["cl"].result_list] for p in pages]
    assert shown[0] == [journal[7]]
    assert [row for page in shown for row in page] == [journal[7], journal[0]]
    assert "Looked through entries" in pages[0].content.decode()

    start = turn(pages[-1], "prev")
    back = walk(chief, "journalentry", "", "prev", **start)
    assert [row.pk for p in back for row in p.context["cl"].result_list] == [journal[7]]


@pytest.mark.usefixtures("short_pages")
def test_a_search_of_the_journal_turns_pages_within_what_it_looked_through(
    chief: Client, journal: list[int]
) -> None:
    pages = walk(chief, "journalentry", "test/a/", "next")
    shown = [row.key for page in pages for row in page.context["cl"].result_list]
    assert shown == [f"a/{number}" for number in reversed(range(9))]
    start = turn(pages[-1], "prev")
    back = walk(chief, "journalentry", "", "prev", **start)
    assert {row.key for page in back for row in page.context["cl"].result_list} >= set(
        shown[:6]
    )


@pytest.mark.usefixtures("short_pages")
@pytest.mark.parametrize("term", ["test/", "tester"])
def test_the_journal_of_a_bucket_or_a_user_is_found_whole(
    chief: Client, journal: list[int], term: str
) -> None:
    pages = walk(chief, "journalentry", term, "next")
    shown = [row.pk for page in pages for row in page.context["cl"].result_list]
    assert sorted(shown) == journal
    assert "Looked through" not in pages[0].content.decode()


def test_an_empty_journal_has_nothing_to_search(chief: Client) -> None:
    JournalEntry.objects.all().delete()
    page = chief.get(changelist("journalentry", ELSEWHERE))
    assert not turn(page, "next")
    assert not turn(page, "prev")


@pytest.mark.parametrize("name", ["storedobject", "blob", "bucket", "upload"])
def test_the_page_of_a_row_takes_few_statements(chief: Client, name: str) -> None:
    upload_whole(Store(), "a/1", b"b")
    [row, *_] = chief.get(changelist(name)).context["cl"].result_list
    with CaptureQueriesContext(connection) as seen:
        assert chief.get(change(row)).status_code == 200
    assert len(seen) <= MOST_STATEMENTS


def test_a_row_links_to_its_place_in_the_dashboard(chief: Client) -> None:
    store = Store()
    store.put("a b/ü?", b"1")
    row = StoredObject.objects.get()

    page = chief.get(change(row)).content.decode()
    assert 'href="/ui/buckets/test/object?key=a+b%2F%C3%BC%3F"' in page

    StoredObject.objects.update(is_latest=False)
    assert "&amp;version=null" in chief.get(change(row)).content.decode()
    bucket = chief.get(change(Bucket.objects.get())).content.decode()
    assert 'href="/ui/buckets/test/"' in bucket


def test_the_owner_of_a_bucket_is_chosen_by_the_beginning_of_a_name(
    chief: Client, alice: User, bob: User
) -> None:
    asked = {
        "app_label": "objects_app",
        "model_name": "bucket",
        "field_name": "owner",
        "term": "al",
    }
    with CaptureQueriesContext(connection) as seen:
        answer = chief.get("/admin/autocomplete/", asked)
    assert [found["text"] for found in answer.json()["results"]] == ["alice"]
    counts = [q["sql"] for q in seen if "COUNT(" in q["sql"]]
    assert all("LIMIT" in statement for statement in counts)
