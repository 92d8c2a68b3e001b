"""Grants over REST: given, replaced, listed, taken back, and refused in a sentence."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext

from objects_app.models import Bucket, Grant, JournalEntry
from tests.access.people import Caller, make_key, make_user, with_key
from tests.client import Answer, DataPlane
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

GRANTS = "/buckets/photos/grants"
OBJECT = "/buckets/photos/objects/in/a"

Give = Callable[..., Answer]


@pytest.fixture
def olga(data_plane: DataPlane) -> Caller:
    """Olga owns the bucket photos with the object in/a; bob and the staff exist."""
    olga, bob = make_user("olga"), make_user("bob")
    Bucket.objects.create(name="photos", owner=olga)
    bob.groups.add(Group.objects.create(name="staff"))
    caller = with_key(make_key(olga))
    assert caller.ask(data_plane, "PUT", OBJECT, body=b"x").status == 201
    return caller


@pytest.fixture
def bob(olga: Caller) -> Caller:
    return with_key(make_key(make_user("bob")))


@pytest.fixture
def give(data_plane: DataPlane, olga: Caller) -> Give:
    """Grant something as olga."""

    def ask(**members: Any) -> Answer:
        return olga.tell(data_plane, "PUT", GRANTS, **members)

    return ask


def listed(data_plane: DataPlane, olga: Caller) -> list[tuple[Any, ...]]:
    rows = olga.ask(data_plane, "GET", GRANTS).json()["grants"]
    return [(g["user"], g["group"], g["role"], g["prefix"]) for g in rows]


def take(data_plane: DataPlane, olga: Caller, query: str) -> Answer:
    return olga.ask(data_plane, "DELETE", f"{GRANTS}?{query}")


@pytest.mark.parametrize("grantee", [{"user": "bob"}, {"group": "staff"}])
def test_a_grant_opens_the_bucket_until_it_is_taken_back(
    data_plane: DataPlane,
    olga: Caller,
    bob: Caller,
    give: Give,
    grantee: dict[str, str],
) -> None:
    assert bob.ask(data_plane, "GET", OBJECT).status == 404
    given = give(**grantee, role="reader")
    assert given.status == 200
    told = given.json()
    assert told | grantee | {"role": "reader", "prefix": ""} == told
    assert bob.ask(data_plane, "GET", OBJECT).status == 200
    [(name, value)] = grantee.items()
    assert take(data_plane, olga, f"{name}={value}").status == 204
    assert bob.ask(data_plane, "GET", OBJECT).status == 404
    assert listed(data_plane, olga) == []


def test_another_role_for_the_same_prefix_takes_the_place_of_the_first(
    data_plane: DataPlane, olga: Caller, give: Give
) -> None:
    first = give(user="bob", role="reader").json()
    assert give(user="bob", role="owner").json() == first | {"role": "owner"}
    give(user="bob", role="reader", prefix="in/")
    give(group="staff", role="writer")
    assert listed(data_plane, olga) == [
        ("bob", None, "owner", ""),
        ("bob", None, "reader", "in/"),
        (None, "staff", "writer", ""),
    ]


def test_the_highest_of_several_grants_counts(
    data_plane: DataPlane, bob: Caller, give: Give
) -> None:
    give(user="bob", role="reader")
    give(group="staff", role="writer", prefix="in/")
    for key, status in (("in/b", 201), ("out/b", 403)):
        path = f"/buckets/photos/objects/{key}"
        assert bob.ask(data_plane, "PUT", path, body=b"x").status == status


@pytest.mark.parametrize(
    "prefix", ["%", "_", "in/%", "ä/", "A/", "in", "*", "\\", "😀"]
)
def test_a_prefix_is_its_very_characters(
    data_plane: DataPlane, olga: Caller, bob: Caller, give: Give, prefix: str
) -> None:
    for key in ("plain/a", "a/a", "IN/a", f"{prefix}/x"):
        path = f"/buckets/photos/objects?key={quote(key, safe='')}"
        assert olga.ask(data_plane, "PUT", path, body=b"x").status == 201
    give(user="bob", role="reader", prefix=prefix)
    for key, status in (("plain/a", 404), ("a/a", 404), ("IN/a", 404)):
        path = f"/buckets/photos/objects/{key}"
        assert bob.ask(data_plane, "GET", path).status == status
    path = f"/buckets/photos/objects?key={quote(prefix + '/x', safe='')}"
    assert bob.ask(data_plane, "GET", path).status == 200


def test_an_owner_by_grant_gives_and_takes_in_turn(
    data_plane: DataPlane, bob: Caller, give: Give
) -> None:
    give(user="bob", role="owner")
    make_user("charlie")
    answer = bob.tell(data_plane, "PUT", GRANTS, user="charlie", role="writer")
    assert answer.status == 200
    assert take(data_plane, bob, "user=charlie").status == 204


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"role": "reader"}, "invalid_argument"),
    ({"user": "bob", "group": "staff", "role": "reader"}, "invalid_argument"),
    ({"user": None, "group": None, "role": "reader"}, "invalid_argument"),
    ({"user": "nobody", "role": "reader"}, "invalid_argument"),
    ({"user": "", "role": "reader"}, "invalid_argument"),
    ({"user": "b\0b", "role": "reader"}, "invalid_argument"),
    ({"user": "\ud800", "role": "reader"}, "invalid_argument"),
    ({"user": "x" * 10_000, "role": "reader"}, "invalid_argument"),
    ({"user": 1, "role": "reader"}, "invalid_argument"),
    ({"user": ["bob"], "role": "reader"}, "invalid_argument"),
    ({"group": "nobody", "role": "reader"}, "invalid_argument"),
    ({"group": "s\0f", "role": "reader"}, "invalid_argument"),
    ({"group": "\ud800", "role": "reader"}, "invalid_argument"),
    ({"user": "bob"}, "invalid_argument"),
    ({"user": "bob", "role": "god"}, "invalid_argument"),
    ({"user": "bob", "role": "Reader"}, "invalid_argument"),
    ({"user": "bob", "role": 3}, "invalid_argument"),
    ({"user": "bob", "role": None}, "invalid_argument"),
    ({"user": "bob", "role": "owner", "prefix": "in/"}, "invalid_argument"),
    ({"user": "bob", "role": "reader", "prefix": None}, "invalid_argument"),
    ({"user": "bob", "role": "reader", "prefix": "\0"}, "invalid_key"),
    ({"user": "bob", "role": "reader", "prefix": "\ud800"}, "invalid_argument"),
    ({"user": "bob", "role": "reader", "prefix": "é" * 513}, "invalid_key"),
    ({"user": "bob", "role": "reader", "bucket": "other"}, "invalid_argument"),
]


def test_a_grant_that_is_none_is_refused_and_nothing_is_given(
    data_plane: DataPlane, olga: Caller, give: Give
) -> None:
    for members, code in REFUSED:
        assert_problem(give(**members), 400, code)
    assert listed(data_plane, olga) == []
    assert not JournalEntry.objects.filter(operation="grant").exists()


NOT_TAKEN = [
    ("", 400, "invalid_argument"),
    ("prefix=in/", 400, "invalid_argument"),
    ("user=&group=", 400, "invalid_argument"),
    ("user=bob&group=staff", 400, "invalid_argument"),
    ("user=nobody", 400, "invalid_argument"),
    ("group=bob", 400, "invalid_argument"),
    ("user=b%00b", 400, "invalid_argument"),
    ("user=%FF", 400, "invalid_argument"),
    ("user=%ED%A0%80", 400, "invalid_argument"),
    ("user=bob&user=bob", 400, "invalid_argument"),
    ("user=bob&role=reader", 400, "invalid_argument"),
    ("user=bob&prefix=%00", 400, "invalid_argument"),
    ("user=bob&prefix=" + "x" * 2000, 400, "invalid_key"),
    ("user=bob&prefix=in", 404, "no_such_grant"),
    ("user=bob", 404, "no_such_grant"),
    ("group=staff", 404, "no_such_grant"),
]


def test_what_was_not_granted_cannot_be_taken_back(
    data_plane: DataPlane, olga: Caller, give: Give
) -> None:
    give(user="bob", role="reader", prefix="in/")
    for query, status, code in NOT_TAKEN:
        assert_problem(take(data_plane, olga, query), status, code)
    assert listed(data_plane, olga) == [("bob", None, "reader", "in/")]
    assert not JournalEntry.objects.filter(operation="revoke_grant").exists()


def test_a_bucket_that_cannot_be_is_refused_by_name(
    data_plane: DataPlane, olga: Caller
) -> None:
    for bucket in ("%00", "%FF", "a", "Photos", "x" * 300, ".."):
        for method in ("GET", "PUT", "DELETE"):
            path = f"/buckets/{bucket}/grants"
            answer = olga.tell(data_plane, method, path, user="bob", role="reader")
            assert_problem(answer, 400, "invalid_bucket_name")


def test_what_was_given_and_taken_is_in_the_journal(
    data_plane: DataPlane, olga: Caller, give: Give
) -> None:
    give(user="bob", role="reader", prefix="in/")
    take(data_plane, olga, "user=bob&prefix=in/")
    found = JournalEntry.objects.filter(operation__contains="grant").order_by("id")
    assert [(e.operation, e.bucket_name, e.actor, e.detail) for e in found] == [
        ("grant", "photos", "olga", "reader to user bob for in/"),
        ("revoke_grant", "photos", "olga", "user bob for in/"),
    ]
    assert all(entry.key_id and entry.address == "192.0.2.1" for entry in found)


def test_a_bucket_made_anew_under_the_same_name_has_no_grants(
    data_plane: DataPlane, olga: Caller, bob: Caller, give: Give
) -> None:
    give(user="bob", role="owner")
    olga.ask(data_plane, "DELETE", OBJECT)
    assert olga.ask(data_plane, "DELETE", "/buckets/photos").status == 204
    assert not Grant.objects.exists()
    Bucket.objects.create(name="photos", owner=make_user("olga"))
    assert bob.ask(data_plane, "GET", GRANTS).status == 404


def test_a_user_sees_what_was_granted_and_a_limited_key_only_in_its_bucket(
    data_plane: DataPlane, bob: Caller, give: Give
) -> None:
    give(user="bob", role="reader", prefix="in/")
    give(group="staff", role="writer")
    expected = [
        {"bucket": "photos", "role": "writer", "prefix": "", "group": "staff"},
        {"bucket": "photos", "role": "reader", "prefix": "in/", "group": None},
    ]
    assert bob.ask(data_plane, "GET", "/auth/me").json()["grants"] == expected
    user = make_user("bob")
    for bucket, grants in (("photos", expected), ("other", [])):
        limited = with_key(make_key(user, only_bucket=bucket))
        told = limited.ask(data_plane, "GET", "/auth/me").json()
        assert told["grants"] == grants


def test_listing_takes_as_many_statements_for_many_grants_as_for_one(
    data_plane: DataPlane, olga: Caller, give: Give
) -> None:
    counts = []
    for number in range(2):
        give(user=make_user(f"user{number}").username, role="reader")
        give(group=Group.objects.create(name=f"group{number}").name, role="reader")
        olga.ask(data_plane, "GET", GRANTS)
        with CaptureQueriesContext(connection) as statements:
            olga.ask(data_plane, "GET", GRANTS)
        counts.append(len(statements))
    assert counts == [2, 2]
