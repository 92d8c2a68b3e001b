"""manage.py stats: how much is stored, and what deduplication saved."""

from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from objects_app.services.usage import usage


class Command(BaseCommand):
    """Print the store's totals."""

    help = "Show how much is stored, per bucket, and what deduplication saves."

    def handle(self, **options: Any) -> str:
        """Print one line a bucket and a summary."""
        now = usage()
        width = max([len(name) for name in now.buckets], default=0)
        for name, totals in now.buckets.items():
            size = filesizeformat(totals.bytes)
            self.stdout.write(f"{name:<{width}}  {totals.objects:>12,} objects  {size}")
        saved = max(0, now.objects_bytes - now.blobs_bytes)
        return (
            f"{now.objects:,} objects of {filesizeformat(now.objects_bytes)} in "
            f"{len(now.buckets)} buckets; {now.blobs:,} blobs of "
            f"{filesizeformat(now.blobs_bytes)}, {filesizeformat(saved)} saved by "
            f"deduplication; {now.condemned:,} blobs of "
            f"{filesizeformat(now.condemned_bytes)} wait for the sweep."
        )
