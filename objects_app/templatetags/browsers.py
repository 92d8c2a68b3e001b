"""Browsers by the names that people know."""

from django import template
from django.utils.translation import gettext as _

register = template.Library()

# In this order: each also names those below it.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser_name(user_agent: str) -> str:
    """Return "Firefox, Linux" for what a browser says of itself, or its first words."""
    browser = _first(_BROWSERS, user_agent) or user_agent.partition(" ")[0]
    known = filter(None, (browser, _first(_SYSTEMS, user_agent)))
    return ", ".join(known) or _("Unknown browser")


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for part, name in names if part in user_agent), "")
