"""No form of the console or the admin works without its token."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from objects_app.models import Bucket

pytestmark = pytest.mark.django_db


def paths(patterns: list[Any], before: str = "/") -> Iterator[str]:
    """Yield a path for every entry of a URL list: of bucket `here`, with a 1 in each
    other gap."""
    for entry in patterns:
        route = str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from paths(entry.url_patterns, before + route)
        elif isinstance(entry, URLPattern):
            route = route.replace("<bucket>", "here")
            yield re.sub(r"<[^>]+>", "1", before + route)


PATHS = sorted(path for path in paths(get_resolver().url_patterns) if "(" not in path)


def test_the_list_has_the_forms() -> None:
    assert {
        "/ui/login/",
        "/ui/logout/",
        "/ui/password/",
        "/ui/buckets/here/upload",
        "/admin/logout/",
        "/admin/auth/user/add/",
        "/admin/auth/user/1/change/",
        "/admin/auth/user/1/password/",
    } <= set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_changed_without_the_token(path: str) -> None:
    chief = User.objects.create_superuser("chief")
    Bucket.objects.create(name="here", owner=chief)
    client = Client(enforce_csrf_checks=True)
    client.force_login(chief)
    answer = client.post(path)
    assert answer.status_code == 403
    assert "That form is out of date" in answer.content.decode()
    assert User.objects.count() == 1


def test_a_token_of_somebody_elses_cookie_is_not_enough() -> None:
    other = Client(enforce_csrf_checks=True)
    token = other.get("/ui/login/").cookies["csrftoken"].value
    client = Client(enforce_csrf_checks=True)
    client.get("/ui/login/")
    data = {"username": "ann", "password": "x", "csrfmiddlewaretoken": token}
    assert client.post("/ui/login/", data).status_code == 403


def test_the_form_with_its_token_is_taken() -> None:
    client = Client(enforce_csrf_checks=True)
    token = client.get("/ui/login/").cookies["csrftoken"].value
    data = {"username": "ann", "password": "x", "csrfmiddlewaretoken": token}
    assert client.post("/ui/login/", data).status_code == 200
