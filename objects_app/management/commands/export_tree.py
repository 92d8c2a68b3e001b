"""manage.py export_tree: objects become files of a folder."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from objects_app.management.transfers import add_threads, summary, watched
from objects_app.services.export_tree import export_tree
from objects_app.services.transfer import Place


class Command(BaseCommand):
    """Export a bucket."""

    help = (
        "Write every object of BUCKET as a file below DIR, its digest checked. Content "
        "types and metadata are not kept, except the time that `mtime` has."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("place", metavar="BUCKET[/PREFIX]")
        parser.add_argument("folder", type=Path, metavar="DIR")
        parser.add_argument(
            "--overwrite", action="store_true", help="replace files that differ"
        )
        add_threads(parser, 8)

    def handle(self, **options: Any) -> str:
        """Export once."""
        with watched() as watch:
            moved = export_tree(
                place=Place.parse(options["place"]),
                folder=options["folder"],
                threads=options["threads"],
                overwrite=options["overwrite"],
                watch=watch,
            )
        return summary("Exported", moved, "deleted meanwhile")
