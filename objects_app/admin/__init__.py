"""Django admin: look at everything, change next to nothing, at any size.

Pages begin beside a row, nothing is counted, and searches go along indexes only: each
page is a few look-ups, however many rows there are. What changes goes through the
services, and into the journal.
"""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from objects_app.admin import access, activity, figures, people, storage

__all__ = ["access", "activity", "figures", "people", "storage"]

admin.site.site_header = _("Object store")
admin.site.site_title = _("Object store")
admin.site.index_title = _("Tables")
admin.site.site_url = "/ui/"
