"""manage.py stats: how much is stored, and what deduplication saved."""

from typing import Any

from django.core.management.base import BaseCommand
from django.template.defaultfilters import filesizeformat

from objects_app.services.usage import usage


def _size(count: int) -> str:
    return filesizeformat(count).replace("\xa0", " ")


class Command(BaseCommand):
    """Print the store's totals."""

    help = "Show how much is stored, per bucket, and what deduplication saves."

    def handle(self, **options: Any) -> str:
        """Print one line a bucket and a summary."""
        now = usage()
        width = max([len(name) for name in now.buckets], default=0)
        for name, totals in now.buckets.items():
            size = _size(totals.bytes)
            self.stdout.write(f"{name:<{width}}  {totals.objects:>12,} objects  {size}")
        saved = max(0, now.objects_bytes - now.blobs_bytes)
        return (
            f"{now.objects:,} objects of {_size(now.objects_bytes)} in "
            f"{len(now.buckets)} buckets; {now.blobs:,} blobs of "
            f"{_size(now.blobs_bytes)}, {_size(saved)} saved by "
            f"deduplication; {now.condemned:,} blobs of "
            f"{_size(now.condemned_bytes)} wait for the sweep, {now.held:,} of them "
            f"({_size(now.held_bytes)}) for the next backup."
        )
