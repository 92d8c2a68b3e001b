"""The admin shows every table and changes next to nothing."""

import hashlib

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from objects_app.models import Blob, Bucket, JournalEntry, StoredObject
from tests.admin.pages import changelist
from tests.client import DataPlane
from tests.services.store import Store
from tests.services.uploading import upload_whole

pytestmark = pytest.mark.django_db

MODELS = list(apps.get_app_config("objects_app").get_models())


@pytest.fixture
def stored(everybody_may_write: None, data_plane: DataPlane) -> None:
    for key in ("a/1", "a/2", "b"):
        data_plane.put(f"/buckets/photos/objects/{key}", key.encode())


def test_every_model_is_registered() -> None:
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize(
    ("term", "keys"),
    [
        ("photos/", {"a/1", "a/2", "b"}),
        ("photos/a/", {"a/1", "a/2"}),
        ("photos", {"a/1", "a/2", "b"}),
        ("photos/b", {"b"}),
        ("other/", set()),
        (
            "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d",
            {"b"},
        ),
    ],
)
@pytest.mark.usefixtures("stored")
def test_objects_are_found_by_bucket_and_prefix_or_by_digest(
    chief: Client, term: str, keys: set[str]
) -> None:
    page = chief.get(changelist("storedobject", term))
    assert {row.key for row in page.context["cl"].result_list} == keys


@pytest.mark.usefixtures("everybody_may_write")
def test_objects_made_of_parts_are_found_by_the_digest_of_one(chief: Client) -> None:
    upload_whole(Store(), "a", b"b")

    page = chief.get(changelist("storedobject", hashlib.sha256(b"b").hexdigest()))

    assert [row.key for row in page.context["cl"].result_list] == ["a"]


@pytest.mark.parametrize("name", [model._meta.model_name for model in MODELS])
def test_nothing_is_added_by_hand(chief: Client, name: str) -> None:
    assert chief.get(reverse(f"admin:objects_app_{name}_add")).status_code == 403


@pytest.mark.usefixtures("stored")
def test_objects_and_blobs_are_neither_changed_nor_deleted_by_hand(
    chief: Client,
) -> None:
    for row in (StoredObject.objects.earliest("pk"), Blob.objects.earliest("pk")):
        name = f"admin:objects_app_{row._meta.model_name}"
        assert chief.get(reverse(f"{name}_change", args=[row.pk])).status_code == 200
        for action in ("change", "delete"):
            url = reverse(f"{name}_{action}", args=[row.pk])
            assert chief.post(url, {"post": "yes"}).status_code == 403


@pytest.mark.usefixtures("stored")
def test_a_bucket_can_be_given_to_somebody(chief: Client, alice: User) -> None:
    bucket = Bucket.objects.get()
    url = reverse("admin:objects_app_bucket_change", args=[bucket.pk])
    chief.post(url, {"owner": alice.pk, "name": "renamed", "versioning": "enabled"})
    bucket.refresh_from_db()
    told = (bucket.owner, bucket.name, bucket.versioning)
    assert told == (alice, "photos", "off")


@pytest.mark.usefixtures("stored")
def test_giving_a_bucket_away_writes_nothing_else_of_it(
    chief: Client, alice: User
) -> None:
    bucket = Bucket.objects.get()
    url = reverse("admin:objects_app_bucket_change", args=[bucket.pk])
    with CaptureQueriesContext(connection) as captured:
        chief.post(url, {"owner": alice.pk})
    [written] = [q["sql"] for q in captured if q["sql"].startswith('UPDATE "bucket"')]
    assert "versioning" not in written


def test_failed_logins_are_shown_without_what_was_sent_and_cannot_be_changed(
    chief: Client,
) -> None:
    Client().post("/ui/login/", {"username": "mallory", "password": "wrong"})
    page = chief.get(reverse("admin:axes_accessattempt_changelist"))
    [row] = page.context["cl"].result_list
    assert row.username == "mallory"
    name = "admin:axes_accessattempt"
    assert chief.get(reverse(f"{name}_add")).status_code == 403
    for action in ("change", "delete"):
        url = reverse(f"{name}_{action}", args=[row.pk])
        assert chief.post(url, {"post": "yes"}).status_code == 403
    page = chief.get(reverse(f"{name}_change", args=[row.pk]))
    assert "post_data" not in page.content.decode()


def test_who_gave_a_bucket_to_whom_is_in_the_journal(
    chief: Client, bob: User, stored: None
) -> None:
    bucket = Bucket.objects.get()
    change = reverse("admin:objects_app_bucket_change", args=[bucket.pk])
    assert chief.post(change, {"owner": bob.pk}).status_code == 302
    entry = JournalEntry.objects.latest("id")
    assert (entry.operation, entry.bucket_id) == ("change_bucket", bucket.pk)
    assert (entry.actor, entry.address) == ("chief", "127.0.0.1")
    assert entry.detail == "owner: bob"
