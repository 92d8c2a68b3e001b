"""manage.py create_access_key: credentials for a program."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from objects_app.access import keys
from objects_app.services.transfer import operator
from objects_app.services.users import user_named


class Command(BaseCommand):
    """Make a key and print its secret, which nobody can see again."""

    help = (
        "Make an access key for USERNAME and print KEY_ID:SECRET, as curl -u takes it. "
        "The secret is shown this once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("username", metavar="USERNAME")
        parser.add_argument("--label", default="", help="what it is for")
        parser.add_argument(
            "--expires-in", type=int, metavar="SECONDS", help="how long it works"
        )
        parser.add_argument(
            "--read-only", action="store_true", help="it may list and get only"
        )
        parser.add_argument("--bucket", default="", help="it may use this bucket only")
        parser.add_argument(
            "--prefix", default="", help="and there the keys of this prefix only"
        )

    def handle(self, **options: Any) -> str:
        """Make one key."""
        made = keys.create_key(
            user_id=user_named(options["username"]),
            label=options["label"],
            limits=keys.Limits(
                seconds=options["expires_in"],
                read_only=options["read_only"],
                only_bucket=options["bucket"],
                only_prefix=options["prefix"],
            ),
            by=operator("create_access_key"),
        )
        return f"{made.row.key_id}:{made.secret}"
