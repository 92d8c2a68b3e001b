"""A bucket's settings: forms that change it and come back."""

import re

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import Group, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from objects_app.models import (
    Allowance,
    Bucket,
    BucketFigures,
    Grant,
    Job,
    Role,
    StoredObject,
)
from objects_app.services import prefixes
from objects_app.templatetags.console import exact_size
from objects_app.web import bucket_settings
from objects_app.web.posted import byte_count
from tests.access.people import grant, make_user
from tests.services.store import Store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

SETTINGS = "/ui/buckets/photos/settings/"


@pytest.fixture
def olga(client: Client) -> User:
    """The owner of `photos`, signed in at another machine."""
    user = make_user("olga")
    Store().bucket("photos", owner=user)
    client.force_login(user)
    client.defaults["REMOTE_ADDR"] = "192.0.2.1"
    return user


def page(client: Client) -> str:
    answer = client.get(SETTINGS)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode())


def change(client: Client, what: str, **form: str) -> str:
    """Send a form; return what the page it comes back to says about it."""
    answer = client.post(f"{SETTINGS}{what}", form)
    assert answer["Location"] == SETTINGS
    told = re.search(r'<p class="notice.*?<span>(.*?)</span>', page(client))
    assert told is not None
    return told[1]


def test_the_settings_say_what_is_in_the_bucket_and_whose_it_is(
    client: Client, olga: User
) -> None:
    store = Store()
    store.put("a", b"x" * 1536, bucket=store.bucket("photos", owner=olga))
    BucketFigures.objects.create(
        bucket_id=Bucket.objects.get().pk,
        objects_total=1,
        named_bytes=4096,
        stored_bytes=1024,
        measured_at="2026-05-02T10:30:00Z",
    )
    shown = page(client)
    for part in ("1.5 KiB", "3.0 KiB", "olga", "may hold any amount"):
        assert part in shown
    assert "public-url" not in shown


def test_the_page_takes_six_statements(
    client: Client,
    olga: User,
    settings: LazySettings,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.ACCESS_CACHE_SECONDS = 5
    page(client)
    for name in ("ruth", "paul"):
        grant(make_user(name), Role.READER)
    with django_assert_num_queries(6):
        page(client)


@pytest.mark.parametrize("path", ["", "visibility", "empty", "delete"])
def test_who_owns_it_not_is_kept_out(client: Client, olga: User, path: str) -> None:
    will = make_user("will")
    grant(will, Role.WRITER)
    client.force_login(will)
    send = client.post if path else client.get
    assert send(SETTINGS + path).status_code == 403
    client.force_login(make_user("charlie"))
    assert send(SETTINGS + path).status_code == 404


def test_what_is_no_setting_is_not_there(client: Client, olga: User) -> None:
    assert client.post(f"{SETTINGS}colour").status_code == 404


def test_who_may_read_is_changed_and_shown_with_the_address(
    client: Client, olga: User
) -> None:
    assert "is changed" in change(client, "visibility", visibility="public-list")
    assert Bucket.objects.get().visibility == "public-list"
    shown = page(client)
    assert "http://testserver/buckets/photos/objects/" in shown
    assert "http://testserver/ui/buckets/photos/" in shown
    told = change(client, "visibility", visibility="secret")
    assert told.startswith("visibility is one of")


def test_versions_are_kept_suspended_and_never_off_again(
    client: Client, olga: User
) -> None:
    assert "It is gone" in page(client)
    change(client, "versioning", versioning="enabled")
    assert "It is gone" not in page(client)
    change(client, "versioning", versioning="suspended")
    assert Bucket.objects.get().versioning == "suspended"
    told = change(client, "versioning", versioning="off")
    assert "has kept versions, and goes on" in told


def test_access_is_given_to_a_user_for_a_prefix_and_to_a_group_and_taken_back(
    client: Client, olga: User
) -> None:
    make_user("ruth")
    Group.objects.create(name="editors")
    whom = {"kind": "user", "name": "ruth", "prefix": "in/"}
    assert change(client, "grant", role="reader", **whom) == "ruth has access."
    change(client, "grant", kind="group", name="editors", role="writer")
    shown = page(client)
    assert "begins with in/" in shown
    assert "read and write" in shown
    assert "ruth has this access no more" in change(client, "revoke", **whom)
    change(client, "revoke", kind="group", name="editors")
    assert not Grant.objects.exists()
    assert "Nothing was granted" in change(client, "revoke", **whom)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "nobody"}, "There is no user nobody"),
        ({"kind": "group", "name": "none"}, "There is no group none"),
        ({"name": "olga", "role": "owner", "prefix": "a/"}, "leave out the prefix"),
        ({"name": "olga", "role": "king"}, "role is one of"),
        ({"name": "olga", "kind": "dog"}, "kind is one of"),
    ],
)
def test_access_that_cannot_be_given_is_told(
    client: Client, olga: User, form: dict[str, str], said: str
) -> None:
    assert said in change(client, "grant", **form)


def test_administrators_set_quotas_and_owners_see_them(
    client: Client, olga: User
) -> None:
    told = change(client, "quota", bytes="1 KiB")
    assert told == "Only administrators may set quotas."
    client.force_login(make_user("chief", is_superuser=True))
    change(client, "quota", bytes="1.5 KiB", objects="1,000")
    bucket = Bucket.objects.get()
    assert (bucket.quota_bytes, bucket.quota_objects) == (1536, 1000)
    assert 'value="1536 B"' in page(client)
    assert "is no size" in change(client, "quota", bytes="much")
    assert "from 0 to" in change(client, "quota", bytes="99999999 PiB")
    bucket.refresh_from_db()
    assert (bucket.quota_bytes, bucket.quota_objects) == (1536, 1000)
    change(client, "quota", bytes="1.5 KiB", objects="1000")
    client.force_login(olga)
    shown = page(client)
    assert "0 B of 1.5 KiB" in shown
    assert "0 of 1,000 objects" in shown
    assert 'name="bytes"' not in shown
    client.force_login(User.objects.get(username="chief"))
    change(client, "quota", bytes="")
    bucket.refresh_from_db()
    assert (bucket.quota_bytes, bucket.quota_objects) == (None, 1000)


def test_the_owner_s_allowance_is_shown(client: Client, olga: User) -> None:
    Allowance.objects.create(user=olga, bytes_quota=2048, objects_quota=7)
    shown = page(client)
    assert "0 B of 2.0 KiB in all buckets of its owner" in shown
    assert "0 of 7 objects in all buckets of its owner" in shown


def test_the_bucket_is_emptied_once_its_name_is_typed(
    client: Client, olga: User
) -> None:
    store = Store()
    for key in ("a", "b/c"):
        store.put(key, bucket=store.bucket("photos", owner=olga))
    assert "type the bucket" in change(client, "empty", name="photo")
    assert StoredObject.objects.count() == 2
    told = change(client, "empty", name="photos")
    assert told == "The bucket is empty: 2 versions are deleted for good."
    assert not StoredObject.objects.exists()
    assert "0 objects" in page(client)


@pytest.fixture
def versions(client: Client, olga: User) -> None:
    """Two objects, of one of which there are two older versions; one deleted."""
    store = Store()
    change(client, "versioning", versioning="enabled")
    for key in ("a", "a", "a", "b", "gone"):
        store.put(key, b"x" * 512, bucket=store.bucket("photos", owner=olga))
    store.delete("gone", bucket=store.bucket("photos", owner=olga))


@pytest.mark.usefixtures("versions")
def test_what_goes_for_good_is_named_before(client: Client) -> None:
    shown = page(client)
    assert "2.5 KiB go for good" in shown
    for what in ("2 objects", "3 older versions", "1 delete marker"):
        assert f"<li> {what} </li>" in shown


@pytest.mark.usefixtures("versions")
def test_of_many_versions_the_total_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_settings, "_MOST_COUNTED", 5)
    shown = page(client)
    assert "<li> 5 objects and older versions </li>" in shown
    assert "all delete markers" in shown
    Bucket.objects.update(versioning="off")
    assert "<li> 5 objects </li>" in page(client)


@pytest.mark.usefixtures("versions")
def test_older_versions_and_delete_markers_go_too_and_then_the_bucket(
    client: Client,
) -> None:
    assert "still has objects" in change(client, "delete", name="photos")
    assert "6 versions are deleted for good" in change(client, "empty", name="photos")
    client.post(f"{SETTINGS}delete", {"name": "photos"})
    assert not Bucket.objects.exists()


@pytest.mark.usefixtures("versions")
def test_many_versions_are_left_to_a_job_that_is_shown(
    client: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "MOST_KEYS", 1)
    answer = client.post(f"{SETTINGS}empty", {"name": "photos"}, follow=True)
    job = Job.objects.get()
    assert (job.user_id, job.kind) == (olga.pk, "delete_versions")
    assert answer.redirect_chain == [(f"/ui/jobs/{job.job_id}/", 302)]
    assert "is being emptied" in answer.content.decode()
    assert "0 of 6 versions" in re.sub(r"\s+", " ", answer.content.decode())


def test_a_bucket_is_deleted_when_it_is_empty_and_its_name_typed(
    client: Client, olga: User
) -> None:
    store = Store()
    store.put("a", bucket=store.bucket("photos", owner=olga))
    assert "type the bucket" in change(client, "delete", name="")
    assert "still has objects" in change(client, "delete", name="photos")
    store.delete("a", bucket=store.bucket("photos", owner=olga))
    answer = client.post(f"{SETTINGS}delete", {"name": "photos"}, follow=True)
    assert "Bucket photos is deleted" in answer.content.decode()
    assert not Bucket.objects.exists()


def test_on_this_machine_buckets_of_nobody_are_everybody_s(
    client: Client, settings: LazySettings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    Store().bucket("photos")
    assert "nobody" in page(client)
    change(client, "visibility", visibility="public-read")
    assert Bucket.objects.get().visibility == "public-read"


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0 B"), (1000, "1000 B"), (1536, "1536 B"), (3 * 2**30, "3 GiB")],
)
def test_a_size_in_a_form_is_exact(count: int | None, text: str) -> None:
    assert exact_size(count) == text
    assert not text or byte_count(text) == count
