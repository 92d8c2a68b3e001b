"""What tests of backups look at: a new database, and every row of one."""

from typing import Any

from django.core.management import call_command

from objects_app.services import backup


def wipe() -> None:
    """Leave what a new, migrated database has."""
    call_command("flush", interactive=False, verbosity=0)


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables, without what a restore changes on purpose."""
    found = {}
    for model in backup.tables():
        rows = list(model._base_manager.order_by("pk").values())
        for row in rows:
            row.pop("verified_at", None)
            row.pop("permission_id", None)
        found[model._meta.db_table] = rows
    return found


def interrupt(_: int) -> None:
    """Be a progress that Ctrl-C comes in."""
    raise KeyboardInterrupt
