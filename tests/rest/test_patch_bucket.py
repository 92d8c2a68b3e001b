"""PATCH /buckets/{bucket}: visibility by owners, quotas by administrators."""

from typing import Any

import pytest

from objects_app.models import Bucket, JournalEntry
from tests.access.people import Caller, make_key, make_user, with_key
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PATH = "/buckets/photos"
OBJECT = "/buckets/photos/objects/a"
SETTINGS = ("visibility", "quota_bytes", "quota_objects")


@pytest.fixture
def olga(data_plane: DataPlane) -> Caller:
    """Olga owns the bucket photos with the object a."""
    olga = make_user("olga")
    Bucket.objects.create(name="photos", owner=olga)
    caller = with_key(make_key(olga))
    assert caller.ask(data_plane, "PUT", OBJECT, body=b"x").status == 201
    return caller


@pytest.fixture
def chief(olga: Caller) -> Caller:
    return with_key(make_key(make_user("chief", is_superuser=True)))


def patch(data_plane: DataPlane, caller: Caller, **members: Any) -> Answer:
    return caller.tell(data_plane, "PATCH", PATH, **members)


def kept() -> dict[str, Any]:
    return dict(Bucket.objects.values(*SETTINGS).get())


def test_visibility_opens_objects_then_the_listing_and_closes_both(
    data_plane: DataPlane, olga: Caller
) -> None:
    anonymous = Caller()
    for visibility, statuses in (
        ("public-read", (200, 401, 401)),
        ("public-list", (200, 200, 200)),
        ("private", (401, 401, 401)),
    ):
        told = patch(data_plane, olga, visibility=visibility)
        assert (told.status, told.json()["visibility"]) == (200, visibility)
        assert olga.ask(data_plane, "GET", PATH).json()["visibility"] == visibility
        paths = (OBJECT, "/objects?bucket=photos", PATH)
        found = tuple(anonymous.ask(data_plane, "GET", p).status for p in paths)
        assert found == statuses


def test_a_public_bucket_takes_no_writes_from_anybody(
    data_plane: DataPlane, olga: Caller
) -> None:
    patch(data_plane, olga, visibility="public-list")
    for method, path in (("PUT", OBJECT), ("DELETE", OBJECT), ("PATCH", PATH)):
        answer = Caller().ask(data_plane, method, path)
        assert_problem(answer, 401, "credentials_required")


def test_public_buckets_of_others_are_not_in_the_list_of_buckets(
    data_plane: DataPlane, olga: Caller
) -> None:
    patch(data_plane, olga, visibility="public-list")
    charlie = with_key(make_key(make_user("charlie")))
    assert charlie.ask(data_plane, "GET", "/buckets").json() == {"buckets": []}
    assert charlie.ask(data_plane, "GET", "/objects").json()["objects"] == []


def test_an_administrator_sets_quotas_and_lifts_them(
    data_plane: DataPlane, olga: Caller, chief: Caller
) -> None:
    assert patch(data_plane, chief, quota_bytes=3, quota_objects=9).status == 200
    assert kept()["quota_bytes"] == 3
    answer = olga.ask(data_plane, "PUT", OBJECT, body=b"four")
    assert_problem(answer, 507, "quota_exceeded")
    assert patch(data_plane, chief, quota_bytes=None).status == 200
    assert kept() == {
        "visibility": "private",
        "quota_bytes": None,
        "quota_objects": 9,
    }
    assert olga.ask(data_plane, "PUT", OBJECT, body=b"four").status == 200


def test_who_may_not_set_quotas_changes_nothing_along_with_them(
    data_plane: DataPlane, olga: Caller
) -> None:
    before = kept()
    for quota in ({"quota_bytes": 9}, {"quota_objects": None}):
        answer = patch(data_plane, olga, visibility="public-list", **quota)
        assert_problem(answer, 403, "access_denied")
    assert kept() == before


def test_a_read_only_key_of_an_administrator_sets_nothing(
    data_plane: DataPlane, olga: Caller
) -> None:
    chief = make_user("chief", is_superuser=True)
    caller = with_key(make_key(chief, read_only=True))
    for members in ({"visibility": "public-list"}, {"quota_bytes": 1}):
        answer = patch(data_plane, caller, **members)
        assert_problem(answer, 403, "access_denied")


REFUSED: list[dict[str, Any]] = [
    {"visibility": "public"},
    {"visibility": "Private"},
    {"visibility": None},
    {"visibility": 1},
    {"visibility": ["private"]},
    {"visibility": "private\0"},
    {"quota_bytes": -1},
    {"quota_bytes": 2**63},
    {"quota_bytes": 10**400},
    {"quota_bytes": 1.0},
    {"quota_bytes": "1"},
    {"quota_bytes": True},
    {"quota_objects": -1},
    {"quota_objects": 2**63},
    {"name": "other"},
    {"owner": "charlie"},
    {"owner_id": 1},
    {"visibility": "public-list", "quota_objects": "x"},
]


def test_what_is_no_setting_is_refused_and_nothing_is_changed(
    data_plane: DataPlane, chief: Caller
) -> None:
    before = kept()
    for members in REFUSED:
        answer = patch(data_plane, chief, **members)
        assert_problem(answer, 400, "invalid_argument")
    assert kept() == before
    assert not JournalEntry.objects.filter(operation="change_bucket").exists()


def test_no_change_is_none(data_plane: DataPlane, olga: Caller) -> None:
    for body in (b"", b"{}"):
        assert olga.ask(data_plane, "PATCH", PATH, body=body).status == 200
    assert not JournalEntry.objects.filter(operation="change_bucket").exists()


def test_a_change_is_in_the_journal(
    data_plane: DataPlane, olga: Caller, chief: Caller
) -> None:
    patch(data_plane, olga, visibility="public-read")
    patch(data_plane, chief, quota_bytes=2**63 - 1, quota_objects=None)
    found = JournalEntry.objects.filter(operation="change_bucket").order_by("id")
    assert [(e.actor, e.bucket_name, e.detail) for e in found] == [
        ("olga", "photos", "visibility: public-read"),
        ("chief", "photos", f"quota_bytes: {2**63 - 1}, quota_objects: None"),
    ]
