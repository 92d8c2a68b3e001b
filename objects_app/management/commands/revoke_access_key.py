"""manage.py revoke_access_key: end a key."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from objects_app.access import keys
from objects_app.services.transfer import operator


class Command(BaseCommand):
    """Revoke a key, with the tokens and presigned URLs got with it."""

    help = "End an access key, and with it the tokens and presigned URLs it made."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which key."""
        parser.add_argument("key_id", metavar="KEY_ID")

    def handle(self, **options: Any) -> str:
        """Revoke one key."""
        key_id = options["key_id"]
        keys.revoke_key(key_id=key_id, user_id=None, by=operator("revoke_access_key"))
        seconds = settings.ACCESS_CACHE_SECONDS
        return f"Revoked {key_id}: no node accepts it beyond {seconds:g} s from now."
