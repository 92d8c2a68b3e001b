"""A second connection to the test's PostgreSQL database, to get in a request's way."""

import time
from typing import Any

import psycopg
from django.db import connection


def another_connection() -> "psycopg.Connection[Any]":
    """Return a connection of its own, in autocommit."""
    told = connection.settings_dict
    return psycopg.connect(
        host=told["HOST"],
        port=told["PORT"],
        user=told["USER"],
        password=told["PASSWORD"] or None,
        dbname=told["NAME"],
        autocommit=True,
    )


def wait_until_somebody_waits(seconds: float = 10) -> None:
    """Return once a statement of this database waits for a lock."""
    deadline = time.monotonic() + seconds
    with another_connection() as watcher:
        while time.monotonic() < deadline:
            waiting = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            if waiting is not None and waiting[0]:
                return
            time.sleep(0.01)
    raise AssertionError("no statement waits for a lock")
