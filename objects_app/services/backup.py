"""Backup: all metadata at one moment, in one file; restore: a store from it.

Bytes are not in it: they are never changed, and the sweep is held back, so that those
of every object in the latest backup stay until the next one is complete:

    hold (T0) --> snapshot --> write --> durable --> the hold begins at T0

A blob that the snapshot refers to was not condemned at T0, or is no longer, and can
only be condemned after it (queries: hold_sweep). `mark` passes by what was condemned
since the hold's moment, so these bytes stay. So do their rows, and bytes that have a
row are no orphans: `remove_orphans` cannot take what a backup needs either.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, OperationalError, connection, models
from django.db.migrations.recorder import MigrationRecorder

from objects_app.models import (
    BucketFigures,
    BucketTotals,
    Chore,
    ConsoleSession,
    DuplicatedContent,
    JournalWatermark,
    Lease,
    Node,
    RequestCount,
    SweepHold,
)
from objects_app.queries import dumps as sql
from objects_app.queries import holds, upkeep
from objects_app.queries.rows import Moment
from objects_app.services import dumps, journal
from objects_app.services.files import durable_draft
from objects_app.services.transfer import shown
from objects_app.services.verify import distrust

logger = logging.getLogger(__name__)

_BATCH = 2000
_NAME_CHARACTERS = 255
_APPS = ("auth", "objects_app")

# Made anew by `recount` and the worker; of the nodes that run and the people that are
# here just now, which may be written before a restore; in the header.
_LEFT_OUT = (
    *(BucketTotals, JournalWatermark, BucketFigures, DuplicatedContent),
    *(Node, Lease, RequestCount, Chore, ConsoleSession),
    SweepHold,
)


class BackedUp(NamedTuple):
    """A backup that is complete; `bytes` is the size of its file."""

    rows: int
    bytes: int


def tables() -> list[type[models.Model]]:
    """Return the tables of a backup, each after those that it refers to."""
    users: list[type[models.Model]] = [
        Group,
        User,
        Group.permissions.through,
        User.groups.through,
        User.user_permissions.through,
    ]
    own = apps.get_app_config("objects_app").get_models()
    return [*users, *(model for model in own if model not in _LEFT_OUT)]


def backup(
    *,
    path: Path,
    expect: Callable[[int], object] = lambda _: None,
    progress: Callable[[int], object] = lambda _: None,
) -> BackedUp:
    """Write all metadata into a new file, and hold the sweep back for it from now on.

    `expect` is told how many rows there are, then `progress` how many were written each
    time. Raises Unusable and OSError; then there is no file, and an earlier backup is
    still held for. Raises DatabaseError; then a file that is there is whole.
    """
    if path.exists():
        raise dumps.Unusable(f"{path} is there already: choose another name.")
    name = _named_as(path)
    moment, new = _hold(name)
    try:
        with durable_draft(path) as file:
            header = _write(file, moment, expect, progress)
    except BaseException:
        if new:
            _end_hold(moment)
        raise
    # Should this fail half-way, the file is whole, and an older hold keeps its bytes.
    if not holds.move(moment=moment, backup=name):
        path.unlink()
        raise dumps.Unusable(
            "The hold on the sweep was released, or another backup became complete, "
            "while this one was written: take it again."
        )
    return BackedUp(header.rows, path.stat().st_size)


def release() -> bool:
    """Let the sweep remove what the latest backup needs. False: nothing was held."""
    return SweepHold.objects.all().delete()[0] > 0


def restore(
    *,
    path: Path,
    expect: Callable[[int], object] = lambda _: None,
    progress: Callable[[int], object] = lambda _: None,
) -> dumps.Header:
    """Fill an empty store from a backup, in one transaction, once it is known whole.

    The sweep is then held back as it was when the backup was taken, no bytes are
    trusted, totals are counted. Raises Unusable, OSError and DatabaseError; then
    nothing was changed.
    """
    with dumps.Reader(path) as reader:
        header = reader.header
        _require_same_schema(header)
        expect(2 * header.rows)
        for batch in reader.batches():
            progress(len(batch.rows))
    known = {model._meta.db_table: model for model in tables()}
    permissions = {_name(p): p.pk for p in _permissions()}
    with dumps.Reader(path) as reader, sql.replacement(list(known.values())):
        _require_empty(known.values())
        for batch in reader.batches():
            model = known[batch.table]
            rows = _adapted(model, batch, permissions)
            sql.insert(model=model, columns=batch.columns, rows=rows)
            progress(len(rows))
        release()
        sql.insert(
            model=SweepHold,
            columns=("id", "since", "backup"),
            rows=[(1, header.since, _named_as(path))],
        )
        distrust()
        journal.recount()
    return header


def _named_as(path: Path) -> str:
    """Return what a hold calls its backup's file, whatever bytes its name has."""
    return shown(path.name)[:_NAME_CHARACTERS]


def _hold(name: str) -> tuple[Moment, bool]:
    try:
        return upkeep.hold_sweep(backup=name)
    except OperationalError as error:
        if "lock" not in str(error):
            raise
        raise dumps.Unusable(
            "The table of blobs is locked by another program's long transaction "
            f"({str(error).strip()}): take the backup again later."
        ) from error


def _end_hold(moment: Moment) -> None:
    try:
        holds.end(moment=moment)
    except DatabaseError:
        logger.exception(
            "The sweep is still held back for a backup that failed: it is until the "
            "next backup is complete, or `backup --release`."
        )


def _write(
    file: BinaryIO,
    moment: Moment,
    expect: Callable[[int], object],
    progress: Callable[[int], object],
) -> dumps.Header:
    with sql.snapshot():
        header = dumps.Header(
            format=dumps.FORMAT,
            version=dumps.VERSION,
            database=connection.vendor,
            migrations=_migrations(),
            since=_iso(moment),
            counts={m._meta.db_table: m._base_manager.count() for m in tables()},
        )
        expect(header.rows)
        names = {p.pk: _name(p) for p in _permissions()}
        with dumps.Writer(file, header) as writer:
            for model in tables():
                columns = [field.attname for field in model._meta.concrete_fields]
                writer.table(model._meta.db_table, columns)
                for rows in _pages(model, columns):
                    writer.rows(_named(rows, columns, names))
                    progress(len(rows))
            writer.finish()
    return header


def _pages(model: type[models.Model], columns: list[str]) -> Iterator[list[Any]]:
    """Yield a table's rows page by page, in the order of their ids."""
    last, place = 0, columns.index(model._meta.pk.attname)
    ordered = model._base_manager.order_by("pk").values_list(*columns)
    while rows := list(ordered.filter(pk__gt=last)[:_BATCH]):
        yield rows
        last = rows[-1][place]


def _permissions() -> models.QuerySet[Permission]:
    return Permission.objects.select_related("content_type")


def _name(permission: Permission) -> str:
    return ".".join(reversed(permission.natural_key()))


def _named(
    rows: list[Any], columns: list[str], names: dict[int, str]
) -> Sequence[Sequence[Any]]:
    if "permission_id" not in columns:
        return rows
    place = columns.index("permission_id")
    return [(*row[:place], names[row[place]], *row[place + 1 :]) for row in rows]


def _adapted(
    model: type[models.Model], batch: dumps.Batch, permissions: dict[str, int]
) -> list[list[Any]]:
    """Return the rows as `Dumps.insert` takes them."""
    change: dict[int, Callable[[Any], Any]] = {}
    for place, column in enumerate(batch.columns):
        if isinstance(model._meta.get_field(column), models.JSONField):
            change[place] = json.dumps
        elif column == "permission_id":
            change[place] = partial(_permission_id, permissions)
    for row in batch.rows:
        for place, changed in change.items():
            row[place] = changed(row[place])
    return batch.rows


def _permission_id(permissions: dict[str, int], name: str) -> int:
    try:
        return permissions[name]
    except KeyError as error:
        raise dumps.Unusable(
            f"The backup has the permission {name} and this program has not: restore "
            "it with the program that wrote it. Nothing was changed."
        ) from error


def _migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied if app in _APPS)


def _require_same_schema(header: dumps.Header) -> None:
    here = _migrations()
    if here == header.migrations:
        return
    theirs = [name for name in header.migrations if name.startswith("objects_app.")]
    app, _, last = (theirs or ["objects_app.0001"])[-1].partition(".")
    raise dumps.Unusable(
        "The backup was taken with other migrations than this database has: run "
        f"`migrate {app} {last}` with the program that wrote it, restore, then run "
        "`migrate`. Nothing was changed."
    )


def _require_empty(known: Iterable[type[models.Model]]) -> None:
    for model in known:
        if model._base_manager.exists():
            raise dumps.Unusable(
                f"The table {model._meta.db_table} has rows: a backup is restored into "
                "a new database on which `migrate` was run, and nothing else. Nothing "
                "was changed."
            )


def _iso(moment: Moment) -> str:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
