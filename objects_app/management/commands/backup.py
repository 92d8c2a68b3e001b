"""manage.py backup: all metadata in one file, and the sweep held back for it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from tqdm import tqdm

from objects_app.management.transfers import unusable
from objects_app.services import backup
from objects_app.services.dumps import Unusable


class Command(BaseCommand):
    """Back the database up."""

    help = (
        "Write all metadata into FILE, and keep the bytes of every object in it until "
        "the next backup is complete. Users' password hashes are in it, too."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("file", type=Path, nargs="?", metavar="FILE")
        parser.add_argument(
            "--release",
            action="store_true",
            help="let the sweep remove what the latest backup needs, instead",
        )

    def handle(self, **options: Any) -> str:
        """Back up, or release."""
        if options["release"]:
            if options["file"]:
                raise CommandError("Give FILE or --release, not both.")
            released = backup.release()
            return "The hold is gone." if released else "Nothing was held back."
        if options["file"] is None:
            raise CommandError("Name the FILE to write, as in backup/2026-01-31.gz.")
        try:
            with tqdm(unit=" rows", desc="Backed up", disable=None) as bar:
                done = backup.backup(
                    path=options["file"], expect=bar.reset, progress=bar.update
                )
        except OSError as error:
            raise CommandError(unusable(options["file"], error)) from error
        except (Unusable, Error) as error:
            raise CommandError(str(error).strip()) from error
        return (
            f"{done.rows} rows in {options['file']} ({done.bytes} bytes). The sweep "
            "keeps their bytes until the next backup; back those up after it."
        )
