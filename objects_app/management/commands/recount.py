"""manage.py recount: totals from the rows."""

from typing import Any

from django.core.management.base import BaseCommand

from objects_app.services.journal import recount


class Command(BaseCommand):
    """Count every bucket's objects and bytes anew; uploads wait meanwhile."""

    help = "After a restore: make the buckets' totals from their objects."

    def handle(self, **options: Any) -> str:
        """Recount all buckets."""
        recount()
        return "Totals are recounted."
