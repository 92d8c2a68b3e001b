"""manage.py audit: who did what, where and when."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.timezone import make_aware

from objects_app.models import JournalEntry
from objects_app.services import audit
from objects_app.services.transfer import shown

_MOST = 1_000_000_000
_LINE = "{:%Y-%m-%d %H:%M:%S}  {:<16}  {:<20}  {:<22}  {:<15}  {}"


class Command(BaseCommand):
    """Print the journal, newest first."""

    help = "Print what was done, newest first, with who did it, with which key, whence."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        parser.add_argument("--actor", help="a user, or a command")
        parser.add_argument("--key-id", help="an access key")
        parser.add_argument("--address", help="an IP address")
        parser.add_argument("--bucket", help="a bucket's name")
        parser.add_argument("--prefix", help="the beginning of keys")
        parser.add_argument(
            "--operation", action="append", choices=JournalEntry.Operation.values
        )
        parser.add_argument(
            "--since", type=_moment, metavar="TIME", help="UTC, ISO 8601"
        )
        parser.add_argument("--until", type=_moment, metavar="TIME")
        parser.add_argument("--limit", type=int, default=100, metavar="N")

    def handle(self, **options: Any) -> str:
        """Print the matching entries and how many there are."""
        if not 1 <= options["limit"] <= _MOST:
            raise CommandError(f"--limit is a number from 1 to {_MOST}.")
        names = ("actor", "key_id", "address", "bucket", "prefix", "operation")
        wanted = audit.Filter(
            **{name: options[name] for name in names},
            since=options["since"],
            until=options["until"],
        )
        count = 0
        for count, entry in enumerate(  # noqa: B007 the number of them
            audit.entries(wanted=wanted, limit=options["limit"]), start=1
        ):
            place = f"{entry.bucket_name}/{entry.key}" if entry.bucket_name else ""
            self.stdout.write(
                _LINE.format(
                    entry.created_at,
                    entry.operation,
                    shown(entry.actor),
                    entry.key_id or "-",
                    entry.address or "-",
                    shown(" ".join(filter(None, [place, entry.detail]))),
                )
            )
        return f"{count} entries."


def _moment(text: str) -> datetime:
    whole = text if "T" in text or " " in text else f"{text}T00:00:00"
    try:
        moment = datetime.fromisoformat(whole)
        return (moment if moment.tzinfo else make_aware(moment)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            f"{text!r} is no time: use ISO 8601, as in 2026-05-02 or "
            "2026-05-02T10:30:00Z"
        ) from None
