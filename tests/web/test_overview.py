"""The overview: administrators' alone, empty or full, quick whatever there is."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from objects_app.models import Lease, Node, RequestCount, SweepHold
from objects_app.services import chores, figures, sweep
from objects_app.web.overview import SPANS
from tests.services.store import Store
from tests.stored import take_storage_away

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PAGE = "/ui/overview/"
HEALTH = "/ui/overview/health/"


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief"))
    return client


@pytest.fixture
def store() -> Store:
    return Store()


def text(client: Client, path: str = PAGE) -> str:
    """Return what a page says, its white space made one."""
    answer = client.get(path)
    assert answer.status_code == 200
    plain = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", plain)


@pytest.mark.parametrize("path", [PAGE, HEALTH])
def test_it_is_for_administrators(client: Client, alice: User, path: str) -> None:
    assert client.get(path)["Location"] == f"/ui/login/?next={path}"
    client.force_login(alice)
    answer = client.get(path)
    assert answer.status_code == 403
    assert "Only administrators" in answer.content.decode()


def test_the_menu_leads_there_for_who_may_see_it(chief: Client, alice: User) -> None:
    assert PAGE in chief.get("/ui/").content.decode()
    chief.force_login(alice)
    assert PAGE not in chief.get("/ui/").content.decode()


def test_an_empty_store_that_was_measured_is_shown(chief: Client) -> None:
    figures.measure()
    assert "Overview" in text(chief)


def test_an_empty_store_says_what_will_be_there(chief: Client) -> None:
    page = text(chief)
    for told in (
        "not measured yet",
        "Nothing to show yet",
        "No requests in this time",
        "There are no buckets yet",
        "Nothing is stored for more than one object",
        "No node has said yet",
        "none runs",
        "The journal is added up",
        "There was none yet",
        "there is no backup",
    ):
        assert told in page


def fill(store: Store, alice: User) -> None:
    """Let there be something of everything."""
    store.put("a & b", b"x" * 3072, bucket=store.bucket("photos", owner=alice))
    for number in range(3):
        store.put(f"{number}", b"x" * 3072, bucket=store.bucket("logs", owner=alice))
    store.delete("0", bucket=store.bucket("logs", owner=alice))
    figures.measure()
    now = datetime.now(UTC)
    RequestCount.objects.create(
        hour=now.replace(minute=0, second=0, microsecond=0),
        node_id="one",
        requests=2000,
        refused=300,
        errors=5,
    )
    for name, age in (("one", 0), ("two", 3600)):
        Node.objects.create(
            node_id=name, version="1.2.3", seen_at=now - timedelta(seconds=age)
        )
    Lease.objects.create(
        name="worker", holder="one:7:abc", expires_at=now + timedelta(hours=1)
    )
    SweepHold.objects.create(id=1, since=now, backup="nightly.gz")
    done = sweep.Swept(removed=12, bytes=5120, failed=3, held_bytes=2048)
    chores.record(sweep.CHORE, done._asdict())


def test_a_full_store_is_told_in_figures_and_lists(
    chief: Client, store: Store, alice: User
) -> None:
    fill(store, alice)
    page = text(chief)
    for told in (
        "Objects 3",
        "Named by objects 9.0 KiB",
        "Stored 3.0 KiB",
        "Saved 6.0 KiB",
        "66.7 % by deduplication",
        "Requests 2,000",
        "Error rate 0.25 %",
        "5 errors in 24 hours",
        "alive of 2 seen this week",
        "one alive 1.2.3",
        "two silent",
        "leads on one",
        "changes of the journal are to be added, the oldest made",
        "removed 12 contents, 5.0 KiB",
        "3 could not be removed",
        "2.0 KiB for the backup nightly.gz",
    ):
        assert told in page


def test_names_lead_to_what_they_name(chief: Client, store: Store, alice: User) -> None:
    fill(store, alice)
    page = chief.get(PAGE).content.decode()
    assert '<a href="/ui/buckets/photos/">photos</a>' in page
    links = re.findall(r'href="(/ui/buckets/\w+/object\?[^"]*)"', page)
    assert links
    for link in links:
        assert chief.get(link.replace("&amp;", "&")).status_code == 200
    [holders] = re.findall(r'href="(/admin/[^"]*/storedobject/\?q=\w{64})"', page)
    found = chief.get(holders).context["cl"].result_list
    assert {row.bucket.name for row in found} == {"photos", "logs"}


def test_the_data_of_a_chart_is_a_table(
    chief: Client, store: Store, alice: User
) -> None:
    fill(store, alice)
    page = chief.get(PAGE).content.decode()
    rows = re.findall(r'data-value="(\d*)"', page)
    assert len(rows) == 24 * (2 + 2 + 3)
    assert rows[-3:] == ["1695", "300", "5"]
    assert rows[:2] == ["", ""]


@pytest.mark.parametrize("name", SPANS)
def test_each_span_has_its_steps(
    chief: Client, store: Store, alice: User, name: str
) -> None:
    fill(store, alice)
    page = chief.get(f"{PAGE}?range={name}").content.decode()
    table = page.partition('id="requests-table"')[2].partition("</table>")[0]
    assert table.count("<tr>") == 1 + SPANS[name].steps
    current = re.search(r'href="\?range=(\w+)"\s+aria-current', page)
    assert current is not None
    assert current[1] == name


def test_a_span_that_there_is_not_is_a_day(chief: Client) -> None:
    page = chief.get(f"{PAGE}?range=aeon").content.decode()
    assert re.search(r'href="\?range=day"\s+aria-current', page)


@pytest.mark.parametrize("name", SPANS)
def test_a_page_takes_few_statements(
    chief: Client, store: Store, alice: User, name: str
) -> None:
    fill(store, alice)
    with CaptureQueriesContext(connection) as statements:
        chief.get(f"{PAGE}?range={name}")
    assert len(statements) <= 10


# Health


def test_a_part_says_that_all_answers(chief: Client) -> None:
    answer = chief.get(HEALTH, headers={"HX-Request": "true"})
    page = answer.content.decode()
    assert page.count("answers") == 2
    assert "<html" not in page


def test_without_a_script_it_is_a_page(chief: Client) -> None:
    assert "<html" in chief.get(HEALTH).content.decode()


def test_what_does_not_answer_is_named(chief: Client, data_dir: Path) -> None:
    chief.get(HEALTH)
    take_storage_away()
    page = text(chief, HEALTH)
    assert re.search("Storage does not answer", page)
    assert re.search("Database answers", page)
