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
