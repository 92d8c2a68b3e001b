"""manage.py build_search_index: make searches quick on PostgreSQL."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from objects_app.queries.search_index import Progress
from objects_app.services import search_index


class Command(BaseCommand):
    """Build the search index beside running writers, or drop it."""

    help = (
        "Build the indexes that make GET /search quick, while the store goes on; run "
        "it again if it was interrupted. Then set SEARCH_INDEX=on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument(
            "--drop", action="store_true", help="drop them: uploads get cheaper"
        )

    def handle(self, **options: Any) -> str:
        """Build or drop."""
        try:
            if options["drop"]:
                return _sentence("Dropped", search_index.drop())
            with tqdm(unit="", disable=None) as bar:
                return _sentence("Built", search_index.build(tell=_shown_on(bar)))
        except search_index.CannotBuild as error:
            raise CommandError(str(error)) from error


def _shown_on(bar: "tqdm[Any]") -> search_index.Tell:
    def tell(name: str, progress: Progress) -> None:
        bar.set_description(f"{name}: {progress.phase}")
        bar.total, bar.n = progress.total, progress.done
        bar.refresh()

    return tell


def _sentence(done: str, names: list[str]) -> str:
    return f"{done} {', '.join(names)}." if names else "Nothing to do."
