"""The parts of PostgreSQL's commit statement that look at quotas.

What is used is the snapshot's, so of uploads at the same time none sees the others:
they exceed a quota by what is in flight, no more. An upload that fits only because it
replaces an object is looked at again with the row that it has locked: meanwhile another
may have made that one smaller. Should it be gone, the new one takes no more than it.
"""

from objects_app.queries import quotas
from objects_app.queries.postgresql_upkeep import totals_unfolded

_ANY = 2**63 - 1

# One row, none of a bucket that is gone: then its foreign key will refuse.
ROOM = f"""
{quotas.room(totals_unfolded())},
q AS MATERIALIZED (
  SELECT room.*,
    greatest(0, coalesce(least(quota_bytes - used_bytes, bytes_quota - owner_bytes),
      {_ANY})) AS spare_bytes,
    greatest(0, coalesce(least(quota_objects - used_objects,
      objects_quota - owner_objects), {_ANY})) AS spare_objects
  FROM room
),
"""

JOIN = " LEFT JOIN q ON true"

# What an INSERT .. SELECT needs to begin with.
FITS = f"""{JOIN} WHERE q.used_bytes IS NULL OR (
  q.spare_bytes >= %(size)s::bigint - coalesce(q.present_size, 0)
  AND (q.present_size IS NOT NULL OR q.spare_objects > 0))
"""

# What an overwrite needs, of the row that it has locked.
FITS_STILL = """ AND
  %(size)s::bigint - stored_object.size <= (SELECT spare_bytes FROM q)
"""

# As rows.Room has them.
COLUMNS = """, q.used_bytes, q.used_objects, q.owner_bytes, q.owner_objects,
  q.quota_bytes, q.quota_objects, q.bytes_quota, q.objects_quota, q.present_size
"""
