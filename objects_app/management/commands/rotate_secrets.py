"""manage.py rotate_secrets: seal the keys' secrets under the present SECRET_KEY."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from objects_app.access import keys
from objects_app.services.transfer import operator


class Command(BaseCommand):
    """Re-seal what was sealed under a former SECRET_KEY."""

    help = (
        "After a change of SECRET_KEY, with the former one in SECRET_KEY_FALLBACKS: "
        "seal all access keys' secrets under the present one."
    )

    def handle(self, **options: Any) -> str:
        """Rotate once."""
        with tqdm(unit=" keys", desc="Looked at", disable=None) as bar:
            done = keys.rotate(by=operator("rotate_secrets"), progress=bar.update)
        if done.unreadable:
            raise CommandError(
                f"Sealed {done.sealed} secrets anew; {done.unreadable} cannot be read: "
                "add the SECRET_KEY they were sealed under to SECRET_KEY_FALLBACKS and "
                "run this again, or revoke them."
            )
        return (
            f"Sealed {done.sealed} secrets anew. Take the former SECRET_KEY out of "
            "SECRET_KEY_FALLBACKS once no presigned URL of it is in use (7 days)."
        )
