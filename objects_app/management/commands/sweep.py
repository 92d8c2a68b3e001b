"""manage.py sweep: remove bytes that nothing refers to."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from objects_app.services import sweep


class Command(BaseCommand):
    """Condemn unreferenced blobs and remove those condemned long enough."""

    help = "Remove bytes that nothing refers to, once their grace is over."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument(
            "--orphans",
            action="store_true",
            help="remove stored bytes that have no row at all instead",
        )
        parser.add_argument(
            "--grace",
            type=float,
            metavar="SECONDS",
            help="how long bytes must have been unreferenced (SWEEP_GRACE_SECONDS)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="only say what would be removed"
        )

    def handle(self, **options: Any) -> str:
        """Sweep once."""
        grace, dry_run = options["grace"], options["dry_run"]
        if grace is not None and grace < 0:
            raise CommandError("--grace is a number of seconds, 0 or more.")
        run = sweep.remove_orphans if options["orphans"] else sweep.sweep
        with tqdm(unit=" blobs", desc="Removed", disable=None) as bar:
            done = run(grace_seconds=grace, dry_run=dry_run, progress=bar.update)
        if done.failed:
            raise CommandError(
                f"{done.failed} blobs could not be removed and wait for the next sweep."
            )
        if done.held:
            self.stdout.write(
                f"A backup holds {done.held} blobs ({done.held_bytes} bytes) back."
            )
        if dry_run:
            return (
                f"Would condemn {done.condemned} blobs; {done.removed} blobs "
                f"({done.bytes} bytes) go when their grace is over."
            )
        return (
            f"Removed {done.removed} blobs ({done.bytes} bytes), "
            f"condemned {done.condemned}, rescued {done.rescued}."
        )
