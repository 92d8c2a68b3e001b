"""The texts of the console's scripts, as gettext has them."""

from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

_view = JavaScriptCatalog.as_view(packages=["objects_app"])


@require_safe
@cache_control(max_age=3600, private=True)
def texts(request: HttpRequest) -> HttpResponseBase:
    """Return the script that has `gettext` and its kin."""
    return _view(request)
