"""Columns that are alike on every database."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper


class KeyField(models.TextField):  # type: ignore[type-arg]  # not at run time
    """Text compared byte by byte, whatever the database's language is."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        """Return the column's type, with COLLATE "C" where the default differs."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters
