"""manage.py restore: an empty store filled from a backup."""

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
    """Restore a backup, of this database's kind or the other."""

    help = "Fill a new, migrated database from the FILE of a backup."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("file", type=Path, metavar="FILE")

    def handle(self, **options: Any) -> str:
        """Restore once."""
        try:
            with tqdm(unit=" rows", desc="Checked, restored", disable=None) as bar:
                header = backup.restore(
                    path=options["file"], expect=bar.reset, progress=bar.update
                )
        except OSError as error:
            raise CommandError(unusable(options["file"], error)) from error
        except (Unusable, Error) as error:
            raise CommandError(str(error).strip()) from error
        return (
            f"{header.rows} rows restored, from a {header.database} backup of "
            f"{header.since}. Run verify next; then start the store and take a new "
            "backup."
        )
