"""The protocol's SQL for SQLite: plain statements under BEGIN IMMEDIATE.

One writer at a time, so what PostgreSQL needs locks and single statements for is here
an ordinary transaction. Times are text with six decimals, so that they sort; `%%` is a
percent sign, because every statement is run with parameters.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from django.db import transaction

from objects_app.queries import quotas, run
from objects_app.queries.changes import Change, Changed, Mark, Refused
from objects_app.queries.engine import Engine
from objects_app.queries.plans import Again, aware
from objects_app.queries.rows import (
    Actor,
    BlobState,
    BucketRow,
    Claim,
    Committed,
    Deleted,
    Moment,
    NewObject,
    Preconditions,
)
from objects_app.queries.single import (
    committed,
    deleted,
    put_change,
    removal_change,
)
from objects_app.queries.statements import Flavour

_TIME = "%%Y-%%m-%%d %%H:%%M:%%f000"
NOW = f"strftime('{_TIME}', 'now')"


def ago(parameter: str) -> str:
    """Return the time that many seconds before now, the seconds a parameter."""
    return f"strftime('{_TIME}', 'now', '-' || %({parameter})s || ' seconds')"


def ahead(parameter: str) -> str:
    """Return the time that many seconds from now, the seconds a parameter."""
    return f"strftime('{_TIME}', 'now', '+' || %({parameter})s || ' seconds')"


WATERMARK = "coalesce((SELECT position FROM journal_watermark WHERE id = 1), 0)"
UNFOLDED = f"j.id > {WATERMARK}"


def create_bucket(*, name: str, owner_id: int | None, by: Actor) -> BucketRow | None:
    """See Dialect.create_bucket."""
    with transaction.atomic():
        row = run.row(
            "INSERT INTO bucket (name, owner_id, visibility, created_at)"
            f" SELECT %(name)s, %(owner_id)s, 'private', {NOW}"
            f" WHERE {quotas.MAY_OWN_ANOTHER} ON CONFLICT (name) DO NOTHING"
            " RETURNING id, name, owner_id, visibility, versioning, versioned_since,"
            " created_at || '',"
            f" {quotas.OWNER_HAS_QUOTA}",
            {"name": name, "owner_id": owner_id},
        )
        if row is None:
            return None
        *plain, created_at, has_quota = row
        run.changed(
            "INSERT INTO journal_entry (bucket_id, bucket_name, key, version_id,"
            " operation, objects_delta, bytes_delta, sha256, actor, node_id,"
            " request_id, key_id, address, detail, created_at)"
            " VALUES (%(bucket_id)s, %(name)s, '', '', 'create_bucket', 0, 0, '',"
            " %(actor)s, %(node_id)s, %(request_id)s, %(key_id)s, %(address)s, '',"
            f" {NOW})",
            {"bucket_id": row[0], "name": name, **by.columns()},
        )
    return BucketRow._make((*plain, aware(created_at), bool(has_quota), 0))


_CLAIM = f"""
SELECT id, created_at || '', CASE
    WHEN deleting_since IS NOT NULL THEN 'deleting'
    WHEN condemned_at IS NOT NULL THEN 'condemned'
    WHEN verified_at IS NULL THEN 'claimed'
    WHEN verified_at > {ago("trust")} THEN 'live'
    ELSE 'untrusted'
  END, verified_at IS NOT NULL
FROM blob WHERE sha256 = %(sha256)s
"""


def claim(*, sha256: str, size: int, trust_seconds: int) -> Claim | None:
    """See Dialect.claim."""
    row = run.row(_CLAIM, {"sha256": sha256, "trust": trust_seconds})
    if row is None:
        row = run.row(
            "INSERT INTO blob (sha256, size, created_at)"
            f" VALUES (%(sha256)s, %(size)s, {NOW})"
            " ON CONFLICT (sha256) DO NOTHING"
            " RETURNING id, created_at || '', 'claimed', 0",
            {"sha256": sha256, "size": size},
        )
    if row is None:
        return None
    id_, created_at, state, once_verified = row
    return Claim(id_, sha256, created_at, BlobState(state), bool(once_verified))


def lock_keys(keys: Iterable[tuple[int, str]]) -> None:
    """See Dialect.lock_keys. BEGIN IMMEDIATE keeps everybody off."""


ENGINE = Engine(
    Flavour(
        each="json_each(%(rows)s) AS r",
        field=lambda name: f"json_extract(r.value, '$.{name}')",
        json=lambda name: f"json_extract(r.value, '$.{name}')",
        moment=lambda text: text,
        raw=lambda column: f"{column} || ''",
        text=lambda moment: (
            moment.astimezone(UTC)
            .replace(tzinfo=None)
            .isoformat(sep=" ", timespec="microseconds")
        ),
        now=NOW,
        share=lambda table: "",
        update=lambda table: "",
        unfolded=lambda: UNFOLDED,
        lock_keys=lock_keys,
    )
)
mark = ENGINE.mark


def apply(
    *,
    changes: Sequence[Change],
    marks: Sequence[Mark] = (),
    by: Actor,
    first: Callable[[], object] = lambda: None,
) -> list[Changed] | Refused | None:
    """See Dialect.apply."""
    try:
        return ENGINE.apply(changes=changes, marks=marks, by=by, first=first)
    except Again:
        return None


def commit(
    *,
    claim: Claim,
    new: NewObject,
    conditions: Preconditions,
    wrote: bool,
    by: Actor,
    limited: bool = False,
) -> Committed | None:
    """See Dialect.commit."""
    change = put_change(claim=claim, new=new, conditions=conditions, limited=limited)
    mark = Mark(claim.id, claim.sha256, new.size, claim.created_at, seen=wrote)
    return committed(apply(changes=[change], marks=[mark], by=by))


def delete_object(
    *,
    bucket_id: int,
    bucket_name: str,
    key: str,
    conditions: Preconditions,
    by: Actor,
) -> Deleted | None:
    """See Dialect.delete_object."""
    removal = removal_change(
        bucket_id=bucket_id, bucket_name=bucket_name, key=key, conditions=conditions
    )
    return deleted(apply(changes=[removal], by=by))


def clock() -> datetime:
    """See Dialect.clock. It ticks in milliseconds: this is the end of the present one,
    as versions of one key that share it follow each other within."""
    return aware(run.one(f"SELECT {NOW}")[0]) + timedelta(microseconds=999)


def moment(time: datetime) -> Moment:
    """See Dialect.moment."""
    in_utc = time.astimezone(UTC).replace(tzinfo=None)
    return in_utc.isoformat(sep=" ", timespec="microseconds")


_VERSION_AT = """stored_object v ON v.id = CASE
  WHEN o.created_at <= %(at)s THEN o.id
  ELSE (
    SELECT h.id FROM stored_object h
    WHERE h.bucket_id = o.bucket_id AND h.key = o.key AND NOT h.is_latest
      AND h.created_at <= %(at)s
    ORDER BY h.created_at DESC LIMIT 1) END"""


def version_at() -> str:
    """See Dialect.version_at."""
    return _VERSION_AT


def position_function() -> str:
    """See Dialect.position_function."""
    return "instr"
