"""manage.py import_s3: the objects of another S3 store."""

import os
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from objects_app.http.foreign import describe
from objects_app.management.transfers import add_threads, summary, watched
from objects_app.services.import_s3 import SourceAddress, import_s3
from objects_app.services.transfer import Place
from objects_app.services.users import owner_named

SECRET = "IMPORT_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable


class Command(BaseCommand):
    """Import from S3, or whatever speaks it."""

    help = (
        "Put every object of another store into BUCKET, with its type, headers and "
        "metadata. A second run skips what was imported and has not changed there."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("source", metavar="s3://bucket/prefix")
        parser.add_argument("place", metavar="BUCKET[/PREFIX]")
        parser.add_argument("--endpoint-url", metavar="URL", help="unless it is AWS")
        parser.add_argument(
            "--access-key-id",
            metavar="ID",
            help=f"its secret is in the variable {SECRET}; unset: what boto3 finds",
        )
        parser.add_argument(
            "--owner", metavar="USERNAME", help="whose the bucket is when it is made"
        )
        add_threads(parser, 16)

    def handle(self, **options: Any) -> str:
        """Import once."""
        with watched() as watch:
            moved = import_s3(
                source=SourceAddress.parse(
                    options["source"],
                    endpoint_url=options["endpoint_url"],
                    access_key_id=options["access_key_id"],
                    secret_access_key=os.environ.get(SECRET) or None,
                ),
                place=Place.parse(options["place"]),
                owner_id=owner_named(options["owner"]),
                describe=describe,
                threads=options["threads"],
                watch=watch,
            )
        return summary("Imported", moved, "deleted there meanwhile")
