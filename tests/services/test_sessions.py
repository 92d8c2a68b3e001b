"""What is over leaves the database."""

from datetime import timedelta

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils.timezone import now

from objects_app.models import ConsoleSession
from objects_app.services import sessions

pytestmark = pytest.mark.django_db


def test_ended_sessions_go_and_others_stay(alice: User) -> None:
    for _ in range(2):
        Client().force_login(alice)
    [ended, going] = ConsoleSession.objects.all()
    ended.expire_date = now() - timedelta(seconds=1)
    ended.save()
    assert sessions.prune() == 1
    assert ConsoleSession.objects.get() == going


def test_failures_that_no_longer_count_go(client: Client) -> None:
    for name in ("ann", "bob"):
        client.post("/ui/login/", {"username": name, "password": "wrong"})
    past = now() - timedelta(seconds=901)
    AccessAttempt.objects.filter(username="ann").update(attempt_time=past)
    assert sessions.prune() == 1
    assert AccessAttempt.objects.get().username == "bob"


@pytest.mark.slow
def test_more_failures_go_than_one_statement_may_name(alice: User) -> None:
    """After an attack: and meanwhile whoever knows the password is let in."""
    past = now() - timedelta(seconds=901)
    AccessAttempt.objects.bulk_create(
        AccessAttempt(username=f"user{number}", failures_since_start=1)
        for number in range(70_000)
    )
    AccessAttempt.objects.update(attempt_time=past)
    Client().force_login(alice)
    assert AccessAttempt.objects.count() == 70_000
    assert sessions.prune() == 70_000


def test_failures_that_no_longer_count_are_not_added_to(client: Client) -> None:
    form = {"username": "ann", "password": "wrong"}
    client.post("/ui/login/", form)
    past = now() - timedelta(seconds=901)
    AccessAttempt.objects.update(attempt_time=past)
    client.post("/ui/login/", form)
    assert AccessAttempt.objects.get().failures_since_start == 1
