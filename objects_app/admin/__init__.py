"""Django admin: look at everything, change next to nothing, at any size.

Pages begin beside a row, nothing is counted, and searches go along indexes only: each
page is a few look-ups, however many rows there are. What changes goes through the
services, and into the journal.
"""

from django.contrib import admin

from objects_app.admin import access, activity, people, storage

__all__ = ["access", "activity", "people", "storage"]

admin.site.site_header = "Object store"
admin.site.site_title = "Object store"
admin.site.index_title = "Tables"
admin.site.site_url = "/ui/"
