"""The sweep's hold once it stands: the same text on both databases."""

from objects_app.queries import run
from objects_app.queries.rows import Moment


def move(*, moment: Moment, backup: str) -> bool:
    """Let the hold begin at `moment`, its backup's, now that this one is complete.

    False: no hold has stood since before it, so bytes may be gone. It was released, or
    another backup that began later was complete first.
    """
    moved = run.changed(
        "UPDATE sweep_hold SET since = %(moment)s, backup = %(backup)s"
        " WHERE since <= %(moment)s",
        {"moment": moment, "backup": backup},
    )
    return moved == 1


def end(*, moment: Moment) -> None:
    """Remove the hold that a backup which failed made at this moment."""
    run.changed("DELETE FROM sweep_hold WHERE since = %s", [moment])
