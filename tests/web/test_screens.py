"""Every screen has its picture."""

import re
from collections import Counter
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, get_resolver, resolve

from tests.screenshots.screens import EXCEPTIONS, SCREENS

METHOD_NOT_ALLOWED = 405


def pictured() -> set[str]:
    """Return the names of the paths that pictures are of."""
    addresses = [urlsplit(screen.path) for screen in SCREENS]
    return {resolve(address.path).url_name or "" for address in addresses}


def listed() -> dict[str, str]:
    """Return the dashboard's paths by name, with a 1 in each gap."""
    return {
        entry.name or "": "/" + re.sub(r"<[^>]+>", "1", str(entry.pattern))
        for entry in get_resolver().url_patterns
        if isinstance(entry, URLPattern) and str(entry.pattern).startswith("ui/")
    }


@pytest.mark.django_db
def test_each_path_that_shows_something_is_pictured_or_an_exception(
    client: Client,
) -> None:
    client.force_login(User.objects.create_superuser("chief"))
    left = {name: path for name, path in listed().items() if name not in pictured()}
    shown = {
        name
        for name, path in left.items()
        if client.get(path).status_code != METHOD_NOT_ALLOWED
    }
    assert shown == set(EXCEPTIONS)


def test_each_picture_has_a_name_of_its_own() -> None:
    assert max(Counter(screen.name for screen in SCREENS).values()) == 1
