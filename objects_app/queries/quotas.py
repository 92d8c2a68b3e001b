"""How much a bucket and its owner use, and may: the same text on both databases.

Used is what the totals say and the journal's rest, in one snapshot, as in
`reads.bucket_totals`. An owner's other buckets are added up only where the owner has
an allowance.
"""

_LIMITED = "(a.bytes_quota IS NOT NULL OR a.objects_quota IS NOT NULL)"

# Whether an upload into the bucket `b` has to look.
HAS_QUOTA = f"""(b.quota_bytes IS NOT NULL OR b.quota_objects IS NOT NULL OR EXISTS (
  SELECT 1 FROM allowance a WHERE a.user_id = b.owner_id AND {_LIMITED}))"""

# The same of a bucket that %(owner_id)s makes at this moment. Of the row itself SQLite
# 3.40 says in RETURNING that a null is not null.
OWNER_HAS_QUOTA = f"""EXISTS (
  SELECT 1 FROM allowance a
  WHERE a.user_id = CAST(%(owner_id)s AS bigint) AND {_LIMITED})"""

# Whether %(owner_id)s, null for nobody, may own one more bucket.
MAY_OWN_ANOTHER = """NOT EXISTS (
  SELECT 1 FROM allowance a WHERE a.user_id = CAST(%(owner_id)s AS bigint)
  AND a.buckets <= (
    SELECT count(*) FROM bucket owned WHERE owned.owner_id = a.user_id))"""

_BUCKET_ID = "CAST(%(bucket_id)s AS bigint)"

# The bucket, and those that its owner's allowance counts as well.
_COUNTED = f"""
  SELECT id FROM bucket WHERE id = {_BUCKET_ID}
  UNION SELECT other.id FROM bucket this
  JOIN allowance a ON a.user_id = this.owner_id AND {_LIMITED}
  JOIN bucket other ON other.owner_id = this.owner_id
  WHERE this.id = {_BUCKET_ID}
"""

_USED = f"""
  SELECT
    CAST(coalesce(sum(CASE WHEN p.counted_id = {_BUCKET_ID} THEN p.n_bytes END), 0)
      AS bigint) AS used_bytes,
    CAST(coalesce(sum(CASE WHEN p.counted_id = {_BUCKET_ID} THEN p.n_objects END), 0)
      AS bigint) AS used_objects,
    CAST(coalesce(sum(p.n_bytes), 0) AS bigint) AS owner_bytes,
    CAST(coalesce(sum(p.n_objects), 0) AS bigint) AS owner_objects
  FROM parts p
"""

_ROOM = f"""
  SELECT u.used_bytes, u.used_objects, u.owner_bytes, u.owner_objects,
    b.quota_bytes, b.quota_objects, a.bytes_quota, a.objects_quota,
    (SELECT o.size FROM stored_object o WHERE o.bucket_id = b.id AND o.key = %(key)s
      AND o.version_id = %(version_id)s AND NOT o.is_delete_marker) AS present_size
  FROM bucket b CROSS JOIN used u LEFT JOIN allowance a ON a.user_id = b.owner_id
  WHERE b.id = {_BUCKET_ID}
"""


def room(unfolded: str) -> str:
    """Return the tables of a WITH, the last of which is `room`: one row as rows.Room.

    `unfolded` is Upkeep.totals_unfolded's. Parameters: bucket_id, key, and the
    version_id that an upload would write over.
    """
    return f"""
counted AS ({_COUNTED}),
parts AS ({_parts(unfolded)}),
used AS ({_USED}),
room AS ({_ROOM})"""


def owned(unfolded: str) -> str:
    """Return the statement for a row as rows.Owned. Parameter: user_id."""
    return f"""
WITH counted AS (SELECT id FROM bucket WHERE owner_id = CAST(%(user_id)s AS bigint)),
parts AS ({_parts(unfolded)})
SELECT (SELECT count(*) FROM counted), used.n_bytes, used.n_objects,
  a.buckets, a.bytes_quota, a.objects_quota
FROM (
  SELECT CAST(coalesce(sum(p.n_bytes), 0) AS bigint) AS n_bytes,
    CAST(coalesce(sum(p.n_objects), 0) AS bigint) AS n_objects
  FROM parts p) used
LEFT JOIN allowance a ON a.user_id = CAST(%(user_id)s AS bigint)
"""


def _parts(unfolded: str) -> str:
    return f"""
  SELECT t.bucket_id AS counted_id, t.bytes_total AS n_bytes,
    t.objects_total AS n_objects
  FROM bucket_totals t WHERE t.bucket_id IN (SELECT id FROM counted)
  UNION ALL SELECT j.bucket_id, j.bytes_delta, j.objects_delta FROM journal_entry j
  WHERE j.bucket_id IN (SELECT id FROM counted) AND {unfolded}
"""
