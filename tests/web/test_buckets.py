"""The first screen: buckets, new ones, and the first steps."""

import re
from datetime import UTC, datetime

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from objects_app.access import keys
from objects_app.access.keys import Limits
from objects_app.models import Bucket, BucketFigures, JournalEntry, Role
from objects_app.services import audit
from tests.access.people import grant, make_user
from tests.services.store import ACTOR, Store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

PART = {"HX-Request": "true"}


@pytest.fixture
def olga(client: Client) -> User:
    """Somebody who may create buckets, signed in at another machine."""
    user = make_user("olga")
    user.user_permissions.add(Permission.objects.get(codename="add_bucket"))
    client.force_login(user)
    client.defaults["REMOTE_ADDR"] = "192.0.2.1"
    return user


def page(client: Client, path: str = "/ui/", **headers: str) -> str:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def test_a_bucket_shows_what_is_in_it_whose_it_is_and_who_may_read(
    client: Client, olga: User
) -> None:
    store = Store()
    row = store.bucket("photos", owner=olga)
    store.put("a", b"x" * 2048, bucket=row)
    Bucket.objects.update(visibility="public-list", versioning="enabled")
    shown = page(client)
    for part in (">1<", "2.0 KiB", "Public bucket", "Versions", "<td", "olga"):
        assert part in shown


def test_what_is_saved_is_shown_with_the_time_it_was_measured_at(
    client: Client, olga: User
) -> None:
    row = Store().bucket("photos", owner=olga)
    assert "Not measured yet" in page(client)
    BucketFigures.objects.create(
        bucket_id=row.id,
        objects_total=1,
        named_bytes=5000,
        stored_bytes=904,
        measured_at=datetime(2026, 5, 2, 10, 30, tzinfo=UTC),
    )
    shown = page(client)
    assert "4.0 KiB" in shown
    assert 'datetime="2026-05-02T10:30:00.000Z"' in shown


def test_the_page_takes_six_statements(
    client: Client,
    olga: User,
    settings: LazySettings,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.ACCESS_CACHE_SECONDS = 5
    store = Store()
    for number in range(20):
        store.put(bucket=store.bucket(f"bucket-{number}", owner=olga))
    make_user("marie")
    Bucket.objects.create(name="hers", owner=make_user("marie"))
    grant(olga, Role.READER, "in/", bucket="hers")
    page(client)
    with django_assert_num_queries(6):
        shown = page(client)
    assert "hers/in/" in shown


def test_fifty_buckets_are_a_page_and_more_come_by_themselves(
    client: Client, olga: User
) -> None:
    Bucket.objects.bulk_create(
        Bucket(name=f"bucket-{number:03}", owner=olga) for number in range(51)
    )
    first = page(client, "/ui/?name=bucket")
    assert "bucket-049" in first
    assert "bucket-050" not in first
    [more] = re.findall(r'hx-get="(/ui/\?name=bucket[^"]*)"', first)
    rest = page(client, more.replace("&amp;", "&"), **PART)
    assert "bucket-050" in rest
    assert "<html" not in rest
    assert "hx-get" not in rest


def test_typing_filters_and_the_address_follows(client: Client, olga: User) -> None:
    for name in ("photos", "backups"):
        Bucket.objects.create(name=name, owner=olga)
    answer = client.get("/ui/?name=PHO", headers=PART)
    assert answer["HX-Replace-Url"] == "/ui/?name=pho"
    assert "photos" in answer.content.decode()
    assert "backups" not in answer.content.decode()
    assert "No bucket has this in its name" in page(client, "/ui/?name=nothing")


def test_a_new_bucket_is_as_the_form_says_and_is_opened(
    client: Client, olga: User
) -> None:
    form = {"name": "photos", "visibility": "public-read", "versioning": "enabled"}
    answer = client.post("/ui/new-bucket/", form)
    assert answer["Location"] == "/ui/buckets/photos/"
    made = Bucket.objects.get()
    told = made.owner, made.visibility, made.versioning
    assert told == (olga, "public-read", "enabled")
    assert "Bucket photos is there" in page(client, "/ui/buckets/photos/")


def test_a_plain_new_bucket_is_one_entry_in_the_journal(
    client: Client, olga: User
) -> None:
    client.post("/ui/new-bucket/", {"name": "photos", "visibility": "private"})
    assert [entry.operation for entry in JournalEntry.objects.all()] == [
        "create_bucket"
    ]


def test_a_bucket_one_has_already_is_opened_and_stays_as_it_is(
    client: Client, olga: User
) -> None:
    Bucket.objects.create(name="photos", owner=olga)
    form = {"name": "photos", "visibility": "public-list"}
    answer = client.post("/ui/new-bucket/", form)
    assert answer["Location"] == "/ui/buckets/photos/"
    assert Bucket.objects.get().visibility == "private"


@pytest.mark.parametrize(
    ("form", "status", "said"),
    [
        ({"name": "No"}, 400, "Use 3 to 63 lowercase letters"),
        ({"name": "taken"}, 409, "Somebody else has a bucket taken"),
        ({"name": "photos", "visibility": "secret"}, 400, "visibility is one of"),
        ({}, 400, "Use 3 to 63"),
    ],
)
def test_what_cannot_be_made_is_told_beside_the_form(
    client: Client, olga: User, form: dict[str, str], status: int, said: str
) -> None:
    Bucket.objects.create(name="taken", owner=make_user("marie"))
    answer = client.post("/ui/new-bucket/", form)
    shown = answer.content.decode()
    assert answer.status_code == status
    assert said in shown
    assert f'value="{form.get("name", "")}"' in shown
    assert Bucket.objects.count() == 1


def test_who_may_create_none_is_told_so(client: Client, olga: User) -> None:
    client.force_login(make_user("ruth"))
    assert "Ask its owner to share" in page(client)
    answer = client.post("/ui/new-bucket/", {"name": "photos"})
    assert answer.status_code == 403
    assert "You may not create buckets" in answer.content.decode()


def test_who_must_sign_in_makes_no_bucket(client: Client) -> None:
    answer = client.post("/ui/new-bucket/", {"name": "photos"}, REMOTE_ADDR="192.0.2.1")
    assert answer["Location"].startswith("/ui/login/")


@pytest.mark.parametrize(
    ("name", "said"), [("ab", "Use 3 to 63"), ("my-photos", "/buckets/my-photos")]
)
def test_a_name_is_judged_while_it_is_typed(
    client: Client, olga: User, name: str, said: str
) -> None:
    assert said in page(client, f"/ui/new-bucket/?name={name}", **PART)


def test_the_form_is_a_page_of_its_own_too(client: Client, olga: User) -> None:
    assert "<form" in page(client, "/ui/new-bucket/")


def steps(client: Client) -> list[bool]:
    """Return which of the first steps are done; none are shown: an empty list."""
    shown = page(client)
    panel = shown.partition('class="panel first-steps"')[2].partition("</ol>")[0]
    return [" class=" in item for item in re.findall(r"<li([^>]*)>", panel)]


def test_the_first_steps_are_done_one_by_one_until_they_are_gone(
    client: Client, olga: User
) -> None:
    store = Store()
    assert steps(client) == [False, False, False, False]
    row = store.bucket("photos", owner=olga)
    assert steps(client) == [True, False, False, False]
    assert 'href="/ui/buckets/photos/">' in page(client)
    store.put("a b", bucket=row)
    assert steps(client) == [True, True, False, False]
    assert "/ui/buckets/photos/object?key=a+b" in page(client)
    by = ACTOR._replace(label="marie")
    presign = JournalEntry.Operation.PRESIGN
    audit.record(operation=presign, by=by, bucket=row, key="a b")
    assert steps(client) == [True, True, False, False]
    by = ACTOR._replace(label="olga")
    audit.record(operation=presign, by=by, bucket=row, key="a b")
    assert steps(client) == [True, True, True, False]
    keys.create_key(user_id=olga.pk, limits=Limits(), by=by)
    assert steps(client) == []


def test_the_first_steps_go_when_they_are_not_wanted(
    client: Client, olga: User
) -> None:
    assert client.post("/ui/first-steps/dismiss")["Location"] == "/ui/"
    assert steps(client) == []


def test_a_bucket_that_was_emptied_meanwhile_has_nothing_to_share(
    client: Client, olga: User
) -> None:
    store = Store()
    row = store.bucket("photos", owner=olga)
    store.put("a", bucket=row)
    row_of_totals = JournalEntry.objects.get(operation="put")
    JournalEntry.objects.filter(pk=row_of_totals.pk).update(objects_delta=2)
    store.delete("a", bucket=row)
    assert "Share a file" not in page(client)


def test_on_this_machine_nobody_signs_in_for_the_first_two_steps(
    client: Client, settings: LazySettings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    assert steps(client) == [False, False]
    client.post("/ui/new-bucket/", {"name": "photos"})
    assert Bucket.objects.get().owner is None
    assert steps(client) == [True, False]
    Store().put(bucket=Store().bucket("photos"))
    assert steps(client) == []
