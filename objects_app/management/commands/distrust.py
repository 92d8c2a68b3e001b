"""manage.py distrust: believe no stored bytes until they are seen again."""

from typing import Any

from django.core.management.base import BaseCommand

from objects_app.services.verify import distrust


class Command(BaseCommand):
    """Make uploads of known content look whether its bytes are still there."""

    help = "After a restore or failover: believe no stored bytes until seen again."

    def handle(self, **options: Any) -> str:
        """Distrust all."""
        return f"{distrust()} blobs will be looked at before they are reused."
