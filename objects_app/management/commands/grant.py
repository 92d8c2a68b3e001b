"""manage.py grant: let a user or a group into a bucket, or no longer."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from objects_app.models import Role
from objects_app.names import check_bucket_name
from objects_app.services import grants
from objects_app.services.grants import Grantee
from objects_app.services.transfer import operator, source_bucket


class Command(BaseCommand):
    """Give a role in a bucket, or take it back."""

    help = (
        "Give a user (or with --group a group) a role in a bucket, for all its keys or "
        "those of a prefix: reader lists and gets, writer also puts and deletes, owner "
        "may do everything. `none` takes a grant back."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say who gets what where."""
        parser.add_argument("place", metavar="BUCKET[/PREFIX]")
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("role", choices=[*Role.labels, "none"])
        parser.add_argument(
            "--group", action="store_true", help="NAME is a group's, not a user's"
        )

    def handle(self, **options: Any) -> str:
        """Change one grant."""
        bucket_name, _, prefix = options["place"].partition("/")
        bucket = source_bucket(check_bucket_name(bucket_name))
        name, role = options["name"], options["role"]
        grantee = Grantee(None, name) if options["group"] else Grantee(name, None)
        by = operator("grant")
        whose = f"{grantee} in {options['place']}"
        if role == "none":
            grants.delete_grant(bucket=bucket, grantee=grantee, prefix=prefix, by=by)
            return f"No grant any more: {whose}."
        grants.put_grant(
            bucket=bucket, grantee=grantee, role=role, prefix=prefix, by=by
        )
        return f"Granted {role}: {whose}."
