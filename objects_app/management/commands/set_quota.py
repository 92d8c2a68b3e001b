"""manage.py set_quota: limit a bucket, or what a user owns."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from pydantic import ByteSize, TypeAdapter, ValidationError

from objects_app.services import buckets, quotas
from objects_app.services.transfer import operator, source_bucket
from objects_app.services.users import user_named

_MOST = 2**63 - 1
_ANY = "none"
_UNITS = {
    "bytes": "like 5000 or 10GiB",
    "objects": "how many",
    "buckets": "how many, of a user only",
}
_COLUMNS = {"bytes": "bytes_quota", "objects": "objects_quota", "buckets": "buckets"}


def _size(text: str) -> int | None:
    """Read 10GiB, 5000 or none."""
    if text == _ANY:
        return None
    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = -1
    if not 0 <= size <= _MOST:
        raise ArgumentTypeError("is a number like 5000 or 10GiB, or none")
    return size


def _share(used: int, quota: int | None, unit: str) -> str:
    return f"{used:,} of {'any number of' if quota is None else f'{quota:,}'} {unit}"


class Command(BaseCommand):
    """Set quotas, and say how much of them is used."""

    help = (
        "Limit a bucket, or all that a user owns; `none` lifts a limit. What is not "
        "named stays as it is, and so does what is stored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say what may be chosen."""
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--bucket", metavar="NAME")
        whose.add_argument("--user", metavar="USERNAME")
        for unit, told in _UNITS.items():
            parser.add_argument(
                f"--{unit}", type=_size, metavar="LIMIT", default=SUPPRESS, help=told
            )

    def handle(self, **options: Any) -> str:
        """Set what was named."""
        named = {unit: options[unit] for unit in _UNITS if unit in options}
        if options["user"] is not None:
            return _of_user(options["user"], named)
        if "buckets" in named:
            raise CommandError("--buckets goes with --user.")
        return _of_bucket(options["bucket"], named)


def _of_bucket(name: str, named: dict[str, int | None]) -> str:
    bucket = source_bucket(name)
    changes = {f"quota_{unit}": limit for unit, limit in named.items()}
    buckets.change_bucket(bucket=bucket, changes=changes, by=operator("set_quota"))
    now = quotas.used(bucket=bucket)
    return (
        f"Bucket {name} holds {_share(now.used_bytes, now.quota_bytes, 'bytes')} and "
        f"{_share(now.used_objects, now.quota_objects, 'objects')}."
    )


def _of_user(username: str, named: dict[str, int | None]) -> str:
    user_id = user_named(username)
    changes = {_COLUMNS[unit]: limit for unit, limit in named.items()}
    if changes:
        by = operator("set_quota")
        quotas.change_allowance(user_id=user_id, changes=changes, by=by)
    now = quotas.owned(user_id=user_id)
    return (
        f"{username} owns {_share(now.buckets, now.quota_buckets, 'buckets')}, "
        f"{_share(now.bytes, now.quota_bytes, 'bytes')} and "
        f"{_share(now.objects, now.quota_objects, 'objects')}."
    )
