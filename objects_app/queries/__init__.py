"""The data plane's SQL by hand; everything else is ORM.

`sql` is the module for the configured database: `postgresql` or `sqlite`, same
functions (held to `Dialect` by mypy). `reads` is the same text on both.
"""

from django.db import connection

from objects_app.queries import postgresql, sqlite
from objects_app.queries.dialect import Dialect

sql: Dialect = postgresql if connection.vendor == "postgresql" else sqlite
