"""The statements of `engine`, the same on both databases but for a `Flavour`.

Each takes its rows as one JSON array in the parameter `rows`.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

_ROW = (
    "o.id, o.version_id, o.is_latest, o.is_delete_marker, o.size, o.etag, o.sha256,"
    " o.blob_id"
)

# Columns of a version, and what they are in a row of `rows`.
_PLAIN = {
    "bucket_id": "bigint",
    "key": "text",
    "version_id": "text",
    "blob_id": "bigint",
    "size": "bigint",
    "etag": "text",
    "content_type": "text",
    "node_id": "text",
}
_JSON = ("headers", "metadata", "tags")

_ENTRY = {
    "bucket_id": "bigint",
    "bucket_name": "text",
    "key": "text",
    "version_id": "text",
    "operation": "text",
    "objects_delta": "bigint",
    "bytes_delta": "bigint",
    "sha256": "text",
    "old_blob_id": "bigint",
    "detail": "text",
}

# Added to the numbers of segments that others are copied from while the version that
# they are of gets new ones; a number is 31 bits long.
_ASIDE = 1 << 30
_ACTOR = ("actor", "node_id", "request_id", "key_id", "address")


class Flavour(NamedTuple):
    """What the databases say differently.

    `each`: the table `r` of the elements of `rows`, each its `value`. `field` and
    `json`: a member of that, as text or number and as JSON. `moment` makes a text a
    time, `raw` a column of times what `plans.aware` reads, `text` a time a text.
    `share` and `update` lock the rows of a table, `unfolded` is as in Upkeep.
    """

    each: str
    field: Callable[[str], str]
    json: Callable[[str], str]
    moment: Callable[[str], str]
    raw: Callable[[str], str]
    text: Callable[[datetime], str]
    now: str
    share: Callable[[str], str]
    update: Callable[[str], str]
    unfolded: Callable[[], str]
    lock_keys: Callable[[Iterable[tuple[int, str]]], None]


def statements(f: Flavour) -> dict[str, str]:
    """Return every statement by its name."""
    return {**_locking(f), **_writing(f), **_of_segments(f)}


def _locking(f: Flavour) -> dict[str, str]:
    created_at = f.field("created_at")
    as_claimed = f"""blob.id = {_number(f, "id")}
  AND blob.sha256 = {f.field("sha256")}
  AND ({created_at} IS NULL OR blob.created_at = {f.moment(created_at)})"""
    row = f"{_ROW}, {f.raw('o.created_at')}, {f.raw('o.superseded_at')}"
    of_key = f"""o.bucket_id = {_number(f, "bucket_id")}
  AND o.key = {f.field("key")}"""
    latest = f"""
SELECT o.bucket_id, o.key, {row} FROM {f.each} JOIN stored_object o
  ON {of_key} AND o.is_latest"""
    return {
        "mark_seen": f"""
UPDATE blob SET verified_at = {f.now}, condemned_at = NULL WHERE id IN (
  SELECT blob.id FROM {f.each} JOIN blob ON {as_claimed} AND deleting_since IS NULL
  ORDER BY blob.id {f.update("blob")})
RETURNING id""",
        "mark_trusted": f"""
SELECT blob.id FROM {f.each} JOIN blob ON {as_claimed}
WHERE blob.condemned_at IS NULL AND blob.verified_at IS NOT NULL
ORDER BY blob.id {f.share("blob")}""",
        "versioning": f"""
SELECT b.id FROM {f.each} JOIN bucket b ON b.id = {_number(f, "id")}
  AND b.versioning = {f.field("versioning")}""",
        "lock_latest": f"{latest} ORDER BY o.id {f.update('o')}",
        "latest": latest,
        "lock_null": f"""
SELECT o.bucket_id, o.key, {row} FROM {f.each} JOIN stored_object o
  ON {of_key} AND o.version_id = 'null' AND NOT o.is_latest
ORDER BY o.id {f.update("o")}""",
        "lock_versions": f"""
SELECT o.bucket_id, o.key, {row} FROM {f.each} JOIN stored_object o
  ON {of_key} AND o.version_id = {f.field("version_id")}
  AND ({created_at} IS NULL OR o.created_at = {f.moment(created_at)})
ORDER BY o.id {f.update("o")}""",
    }


def _writing(f: Flavour) -> dict[str, str]:
    values = {name: f"CAST({f.field(name)} AS {kind})" for name, kind in _PLAIN.items()}
    values |= {name: f.json(name) for name in _JSON}
    values["sha256"] = f.field("object_sha256")
    values["is_delete_marker"] = f"CAST({f.field('is_delete_marker')} AS boolean)"
    values["created_at"] = f.moment(f.field("at"))
    entry = [f"CAST({f.field(name)} AS {kind})" for name, kind in _ENTRY.items()]
    new = [
        f"content_type = coalesce({f.field('new_content_type')}, content_type)",
        *(f"{name} = coalesce({f.json(f'new_{name}')}, {name})" for name in _JSON),
    ]
    return {
        "supersede": f"""
UPDATE stored_object
SET is_latest = false, superseded_at = {f.moment(f.field("at"))} FROM {f.each}
WHERE stored_object.id = {_number(f, "superseded")}""",
        "overwrite": f"""
UPDATE stored_object SET prev_size = size, prev_blob_id = stored_object.blob_id,
  is_latest = true, superseded_at = NULL,
  {", ".join(f"{name} = {value}" for name, value in values.items())}
FROM {f.each} WHERE stored_object.id = {_number(f, "overwritten")}""",
        "insert": f"""
INSERT INTO stored_object (is_latest, {", ".join(values)})
SELECT true, {", ".join(values.values())} FROM {f.each} WHERE true
ON CONFLICT (bucket_id, key) WHERE is_latest DO NOTHING
RETURNING id, bucket_id, key""",
        "remove": f"""
DELETE FROM stored_object WHERE id IN (SELECT CAST(r.value AS bigint) FROM {f.each})""",
        "rewrite": f"""
UPDATE stored_object SET {", ".join(new)} FROM {f.each}
WHERE stored_object.id = {_number(f, "rewritten")}""",
        "promote": f"""
UPDATE stored_object SET is_latest = true, superseded_at = NULL WHERE id IN (
  SELECT (SELECT o.id FROM stored_object o
    WHERE o.bucket_id = {_number(f, "bucket_id")} AND o.key = {f.field("key")}
    ORDER BY o.created_at DESC LIMIT 1) FROM {f.each})""",
        "close_gaps": f"""
UPDATE stored_object SET superseded_at = {f.moment(f.field("gap_until"))}
FROM {f.each} WHERE stored_object.bucket_id = {_number(f, "bucket_id")}
  AND stored_object.key = {f.field("key")} AND NOT is_latest
  AND stored_object.created_at < {f.moment(f.field("gap_from"))}
  AND superseded_at = {f.moment(f.field("gap_from"))}""",
        "journal": f"""
INSERT INTO journal_entry ({", ".join([*_ENTRY, *_ACTOR])}, created_at)
SELECT {", ".join(entry)}, {", ".join(f"%({name})s" for name in _ACTOR)}, {f.now}
FROM {f.each}""",
    }


def _of_segments(f: Flavour) -> dict[str, str]:
    each_id = f"(SELECT CAST(r.value AS bigint) FROM {f.each})"
    segment = 'number, "offset", size, blob_id'
    return {
        "segment_blobs": f"""
SELECT DISTINCT b.id, b.sha256, b.size
FROM segment s JOIN blob b ON b.id = s.blob_id WHERE s.object_id IN {each_id}""",
        "part_blobs": f"""
SELECT DISTINCT b.id, b.sha256, b.size
FROM upload_part p JOIN blob b ON b.id = p.blob_id WHERE p.upload_id IN {each_id}""",
        "sources": f"""
SELECT o.id FROM {f.each} JOIN stored_object o ON o.id = {_number(f, "id")}
  AND o.created_at = {f.moment(f.field("created_at"))}""",
        "drop_segments": f"DELETE FROM segment WHERE object_id IN {each_id}",
        "set_aside": f"""
UPDATE segment SET number = number + {_ASIDE} WHERE object_id IN {each_id}""",
        "drop_aside": f"""
DELETE FROM segment WHERE number >= {_ASIDE} AND object_id IN {each_id}""",
        "drop_parts": f"DELETE FROM upload_part WHERE upload_id IN {each_id}",
        "copy_segments": f"""
INSERT INTO segment (object_id, {segment})
SELECT {_number(f, "object_id")}, s.number %% {_ASIDE}, s."offset", s.size, s.blob_id
FROM {f.each} JOIN segment s ON s.object_id = {_number(f, "segments_of")}""",
        "take_parts": f"""
INSERT INTO segment (object_id, {segment})
SELECT CAST(%(object_id)s AS bigint), number,
  CAST(sum(size) OVER (ORDER BY number) - size AS bigint), size, blob_id
FROM upload_part WHERE upload_id = CAST(%(parts_of)s AS bigint)""",
        "segment_sizes": f"""
SELECT object_id, CAST(sum(size) AS bigint) FROM segment
WHERE object_id IN {each_id} GROUP BY object_id""",
        "complete": f"""
UPDATE upload SET completed_at = {f.now}, version_id = {f.field("version_id")}
FROM {f.each} WHERE upload.id = {_number(f, "parts_of")}""",
    }


def _number(f: Flavour, name: str) -> str:
    return f"CAST({f.field(name)} AS bigint)"
