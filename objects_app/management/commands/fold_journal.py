"""manage.py fold_journal: keep the journal's unfolded part short."""

from typing import Any

from django.core.management.base import BaseCommand

from objects_app.services.journal import fold


class Command(BaseCommand):
    """Add settled journal rows to the buckets' totals (the worker does it often)."""

    help = "Add settled journal rows to the buckets' totals."

    def handle(self, **options: Any) -> str:
        """Fold once."""
        return f"Folded {fold()} journal rows."
