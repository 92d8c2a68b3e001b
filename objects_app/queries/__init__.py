"""The data plane's SQL by hand; everything else is ORM.

`sql`, `upkeep` and `dumps` are the modules for the configured database, `postgresql*`
or `sqlite*`, with the same functions (held to `dialect` by mypy). `reads` and `holds`
are the same text on both.
"""

from django.db import connection

from objects_app.queries import (
    postgresql,
    postgresql_dumps,
    postgresql_upkeep,
    sqlite,
    sqlite_dumps,
    sqlite_upkeep,
)
from objects_app.queries.dialect import Dialect, Dumps, Upkeep

_on_postgresql = connection.vendor == "postgresql"

sql: Dialect = postgresql if _on_postgresql else sqlite
upkeep: Upkeep = postgresql_upkeep if _on_postgresql else sqlite_upkeep
dumps: Dumps = postgresql_dumps if _on_postgresql else sqlite_dumps
