"""Users of an identity provider: one each, however many requests come at once."""

import threading
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection

from objects_app.models import OidcIdentity
from objects_app.services.identities import Identity, sign_on

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def identity(subject: str = "u-1", name: str = "ann", **more: object) -> Identity:
    said = {"groups": None, "is_administrator": False, "claimed_at": NOON} | more
    return Identity(issuer="https://i.example", subject=subject, name=name, **said)  # type: ignore[arg-type]


@pytest.mark.django_db
def test_subjects_of_two_issuers_are_two_users() -> None:
    first = sign_on(identity())
    second = sign_on(identity()._replace(issuer="https://other.example"))
    assert first.user != second.user
    assert [user.username for user in User.objects.order_by("pk")] == ["ann", "ann-2"]


@pytest.mark.django_db
def test_nobody_is_called_what_the_journal_calls_strangers() -> None:
    assert sign_on(identity(name="anonymous")).user.username == "anonymous-2"
    dots = identity(name="..", subject="dots")
    assert sign_on(dots).user.username == "..-2"


@pytest.mark.django_db
def test_a_deleted_group_does_no_harm() -> None:
    group = Group.objects.create(name="readers")
    sign_on(identity(groups=frozenset({"readers"})))
    group.delete()
    later = NOON.replace(hour=13)
    user = sign_on(identity(groups=frozenset(), claimed_at=later)).user
    assert user.groups.count() == 0


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_many_first_sign_ons_at_once_make_one_user() -> None:
    start = threading.Barrier(8)
    made: list[int] = []

    def run(subject: str) -> None:
        start.wait()
        try:
            made.append(sign_on(identity(subject)).user.pk)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(f"u-{number % 2}",)) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == OidcIdentity.objects.count() == User.objects.count() == 2
