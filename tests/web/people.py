"""People at their browsers, for tests of pages."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from tests.access.people import make_user


def at_browser(who: User | str, **how: Any) -> Client:
    """Return the browser of a user who is signed in; the user is made if need be."""
    user = make_user(who) if isinstance(who, str) else who
    client = Client(REMOTE_ADDR="192.0.2.1", **how)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def chief_at_browser(**how: Any) -> Client:
    """Return the browser of an administrator, `chief`."""
    return at_browser(make_user("chief", is_superuser=True), **how)


def words(client: Client, path: str, **query: str) -> str:
    """Return a page's HTML, with one blank for each run of them."""
    answer = client.get(path, query)
    assert answer.status_code == 200, answer.content
    return " ".join(answer.content.decode().split())
