"""manage.py verify: read every stored byte again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from objects_app.services.verify import bytes_to_verify, verify

_SHOWN = 20


class Command(BaseCommand):
    """Compare every blob's bytes with its digest. Exit status 1 when bytes are lost."""

    help = "Read all stored bytes again; report missing, damaged and orphaned blobs."

    def handle(self, **options: Any) -> str:
        """Verify once."""
        with tqdm(
            total=bytes_to_verify(),
            unit="B",
            unit_scale=True,
            desc="Read",
            disable=None,
        ) as bar:
            seen = verify(progress=bar.update)
        for kind in ("missing", "damaged", "orphaned"):
            digests = getattr(seen, kind)
            for digest in digests[:_SHOWN]:
                self.stdout.write(f"{kind} {digest}")
            if len(digests) > _SHOWN:
                self.stdout.write(f"... and {len(digests) - _SHOWN} more {kind}")
        summary = (
            f"Verified {seen.checked} blobs ({seen.bytes} bytes): "
            f"{len(seen.missing)} missing, {len(seen.damaged)} damaged, "
            f"{len(seen.orphaned)} orphaned."
        )
        if seen.missing or seen.damaged:
            raise CommandError(
                f"{summary} Upload the lost content again, under any key: that puts it "
                "back under every key that has it."
            )
        return summary
