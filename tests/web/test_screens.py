"""Every screen has its picture."""

from collections import Counter
from urllib.parse import urlsplit

from django.urls import URLPattern, get_resolver, resolve

from tests.screenshots.screens import EXCEPTIONS, SCREENS

PLACES = {"at": "2026-01-01", "job": "1"}


def pictured() -> set[str]:
    """Return the names of the paths that pictures are of."""
    addresses = [urlsplit(screen.path.format_map(PLACES)) for screen in SCREENS]
    return {resolve(address.path).url_name or "" for address in addresses}


def listed() -> set[str]:
    """Return the names of the dashboard's paths."""
    entries = get_resolver().url_patterns
    return {
        entry.name or ""
        for entry in entries
        if isinstance(entry, URLPattern) and str(entry.pattern).startswith("ui/")
    }


def test_each_path_of_the_dashboard_is_pictured_or_an_exception() -> None:
    assert listed() - pictured() == set(EXCEPTIONS)


def test_each_picture_has_a_name_of_its_own() -> None:
    assert max(Counter(screen.name for screen in SCREENS).values()) == 1
