"""Running chores at intervals, one after another, whatever becomes of each."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from django.db import Error, OperationalError, close_old_connections, connection

from objects_app.errors import StorageUnavailable, StoreError, first_line

logger = logging.getLogger(__name__)


class Task(NamedTuple):
    """One chore and the seconds from the end of one run to the start of the next."""

    name: str
    interval: float
    work: Callable[[], object]


def run(*, tasks: Sequence[Task], stop: threading.Event) -> None:
    """Run every task at once and then at its interval, until `stop` is set.

    A task that fails because the database or the storage does is logged and run again
    at its next time.
    """
    due = {task.name: 0.0 for task in tasks}
    while not stop.is_set():
        for task in tasks:
            if time.monotonic() >= due[task.name] and not stop.is_set():
                _attempt(task)
                due[task.name] = time.monotonic() + task.interval
        stop.wait(max(0.0, min(due.values()) - time.monotonic()))


@contextmanager
def beside(*, tasks: Sequence[Task], stop: threading.Event) -> Iterator[None]:
    """Run tasks that may take long in a thread of their own, until `stop` is set.

    The block that ends by itself ends when the task under way has. One that raises does
    not wait for it: the thread goes with the process.
    """

    def work() -> None:
        try:
            run(tasks=tasks, stop=stop)
        finally:
            connection.close()

    thread = threading.Thread(target=work, name="long tasks", daemon=True)
    thread.start()
    yield
    thread.join()


def _attempt(task: Task) -> None:
    close_old_connections()
    try:
        done = task.work()
    except (OperationalError, StorageUnavailable) as error:
        logger.error("%s failed; tried again later: %s", task.name, first_line(error))
    except (Error, OSError, StoreError):
        logger.exception("%s failed; tried again later", task.name)
    else:
        logger.debug("%s: %s", task.name, done)
