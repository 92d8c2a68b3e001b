"""manage.py import_tree: the files of a folder become objects."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from objects_app.http.media_types import guess
from objects_app.management.transfers import add_threads, summary, watched
from objects_app.services.import_tree import import_tree
from objects_app.services.transfer import Place
from objects_app.services.users import owner_named


class Command(BaseCommand):
    """Import a folder."""

    help = (
        "Put every file below DIR into BUCKET, its path there the key, its time the "
        "metadata `mtime`. A second run skips files whose objects have their size and "
        "time. Links are not followed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument("place", metavar="BUCKET[/PREFIX]")
        parser.add_argument(
            "--owner", metavar="USERNAME", help="whose the bucket is when it is made"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be imported"
        )
        add_threads(parser, 8)

    def handle(self, **options: Any) -> str:
        """Import once."""
        with watched() as watch:
            moved = import_tree(
                folder=options["folder"],
                place=Place.parse(options["place"]),
                owner_id=owner_named(options["owner"]),
                guess=guess,
                threads=options["threads"],
                dry_run=options["dry_run"],
                watch=watch,
            )
        verb = "Would import" if options["dry_run"] else "Imported"
        return summary(verb, moved, "links and special files passed by")
