"""How SQLite says what a search needs; functions of ours say what it cannot."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import OperationalError, connection

from objects_app.queries import globs
from objects_app.queries.globs import Glob

LOOKS_THROUGH_ALL = True

TYPE = "lower(o.content_type)"

_STEPS_BETWEEN_LOOKS = 1_000


def contains(key: str, name: str) -> str:
    """See search_postgresql.contains."""
    return f"instr(fold({key}), fold(%({name})s)) > 0"


def holding(text: str) -> str:
    """See search_postgresql.holding."""
    return text


def matches(key: str, name: str) -> str:
    """See search_postgresql.matches."""
    return f"matches_glob({key}, %({name})s)"


def globbing(glob: Glob) -> str:
    """See search_postgresql.globbing."""
    return glob.text


def has_entries(
    column: str, name: str, entries: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """See search_postgresql.has_entries."""
    condition = (
        f"NOT EXISTS (SELECT 1 FROM json_each(%({name})s) wanted WHERE NOT EXISTS"
        f" (SELECT 1 FROM json_each(o.{column}) had"
        " WHERE had.key = wanted.key AND had.value = wanted.value))"
    )
    return condition, {name: json.dumps(entries)}


def moment(when: datetime) -> str:
    """See search_postgresql.moment."""
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """See search_postgresql.limited. All statements together take that long at most."""
    connection.ensure_connection()
    database: Any = connection.connection
    database.create_function("fold", 1, str.upper, deterministic=True)
    database.create_function("matches_glob", 2, _matches, deterministic=True)
    deadline = time.monotonic() + seconds
    database.set_progress_handler(
        lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS
    )
    try:
        yield
    except OperationalError as error:
        if time.monotonic() > deadline:
            raise TimeoutError from error
        raise
    finally:
        database.set_progress_handler(None, 0)


def _matches(key: str, pattern: str) -> bool:
    return globs.parse(pattern).matches(key)
