"""A second connection to the test's PostgreSQL database, to get in a request's way."""

import os
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection

own_session = pytest.mark.skipif(
    os.environ.get("TEST_DATABASE_PREPARE") == "false",
    reason="a pooler in transaction mode has sessions of its own",
)


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
    _wait_for_waiters(lambda count: count > 0, seconds)


def wait_until_nobody_waits(seconds: float = 10) -> None:
    """Return once no statement of this database waits for a lock."""
    _wait_for_waiters(lambda count: count == 0, seconds)


def _wait_for_waiters(enough: Callable[[int], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with another_connection() as watcher:
        while time.monotonic() < deadline:
            waiting = watcher.execute(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            ).fetchone()
            if waiting is not None and enough(waiting[0]):
                return
            time.sleep(0.01)
    raise AssertionError("statements that wait for a lock: not as expected")
