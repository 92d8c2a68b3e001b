"""What a gunicorn process does beside its requests, in a thread of its own."""

import logging
import threading
import time

from django.conf import settings
from django.db import Error, connection

from objects_app.errors import first_line
from objects_app.services import key_uses, nodes, request_counts, sweep
from objects_app.services.schedule import Task, run

logger = logging.getLogger(__name__)

JOIN_SECONDS = 1.0
SPOOLS_SECONDS = 3600.0


class Heartbeat:
    """Beats from `start` to `stop`, and clears this node's spools now and then.

    To be started after the fork, in each process.

    `instance` and `since` (of time.monotonic) are the node's, alike in its processes.
    """

    def __init__(self, *, instance: str, since: float) -> None:
        self._node = nodes.Identity(settings.NODE_ID, instance, settings.VERSION)
        self._since = since
        self._known = False
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._work, name="heartbeat", daemon=True
        )

    def start(self) -> None:
        """Begin; the first beat comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """End, waiting a second at most for what is still to be written."""
        self._stop.set()
        self._thread.join(JOIN_SECONDS)

    def beat(self) -> None:
        """Write the row and what was noted, on a connection of its own."""
        try:
            another = nodes.heartbeat(
                node=self._node, uptime_seconds=time.monotonic() - self._since
            )
            _write_notes()
        finally:
            connection.close()
        if another and self._known:
            logger.warning(
                "Another node runs as NODE_ID=%s: give each a name of its own.",
                self._node.node_id,
            )
        self._known = True

    def _work(self) -> None:
        tasks = [
            Task("heartbeat", settings.HEARTBEAT_SECONDS, self.beat),
            Task("spools", SPOOLS_SECONDS, sweep.clear_spools),
        ]
        run(tasks=tasks, stop=self._stop)
        try:
            _write_notes()
        except Error as error:
            logger.warning("What was noted last is lost: %s", first_line(error))
        finally:
            connection.close()


def _write_notes() -> None:
    """Write which keys were used and how many requests there were."""
    key_uses.flush()
    request_counts.flush()
