"""Whether what this node depends on answers, and how fast."""

import logging
import time
from collections.abc import Callable
from typing import NamedTuple

from django.db import Error, connection

from objects_app.blobs.backend import backend
from objects_app.errors import StorageUnavailable

logger = logging.getLogger(__name__)


class Dependency(NamedTuple):
    """One thing this node cannot work without."""

    name: str
    ok: bool
    milliseconds: float


def readiness() -> list[Dependency]:
    """Ask each dependency. The time limits of settings.DATABASES bound the wait."""
    return [_ask("database", _database), _ask("storage", lambda: backend().check())]


def _ask(name: str, question: Callable[[], None]) -> Dependency:
    started = time.perf_counter()
    try:
        question()
        ok = True
    except (Error, OSError, StorageUnavailable):
        logger.warning("%s does not answer", name, exc_info=True)
        ok = False
    return Dependency(name, ok, round((time.perf_counter() - started) * 1000, 2))


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM bucket WHERE id = 0")
        cursor.fetchone()
