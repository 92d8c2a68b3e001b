"""One worker of many keeps house at a time: the one that holds the lease.

The lease is only economy. Two sweeps at once are safe by the protocol (DESIGN section
5), and so are two folds; a worker that goes on for a moment after it lost the lease
does no harm.
"""

import logging
import os
import queue
import secrets
import threading
from collections.abc import Iterator

from django.db import Error, close_old_connections, connection
from django.db.models.functions import Now

from objects_app.models import Lease
from objects_app.queries import upkeep
from objects_app.services.sweep import lease_clock

logger = logging.getLogger(__name__)

NAME = "worker"
JOIN_SECONDS = 5.0
# Of LEADER_LEASE_SECONDS: how long the row says, how often it is renewed, and how often
# the others look. The first and the last together are less than the whole.
_LEASE_SHARE, _RENEWAL_SHARE, _LOOK_SHARE = 0.8, 0.2, 0.1
_LOOK_SECONDS = 1.0
_NEVER = float("-inf")


def is_led() -> bool:
    """Whether there is a worker that leads."""
    return Lease.objects.filter(name=NAME, expires_at__gt=Now()).exists()


class Leadership:
    """This process's part in the lease, until `stop` is set.

    `seconds` after the death of the leader another one leads at the latest; after its
    orderly end within one.
    """

    def __init__(self, *, node_id: str, seconds: float, stop: threading.Event) -> None:
        self.holder = f"{node_id}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stop = stop
        self._lease_seconds = seconds * _LEASE_SHARE
        self._renewal_seconds = seconds * _RENEWAL_SHARE
        self._look_seconds = min(_LOOK_SECONDS, seconds * _LOOK_SHARE)
        self._until = _NEVER

    def holds(self) -> bool:
        """Whether the lease is ours by our own clock, which is never ahead of it."""
        return lease_clock() < self._until

    def terms(self) -> Iterator[threading.Event]:
        """Yield, whenever this process has become the leader, what is set at the end.

        A thread of its own renews the lease meanwhile, however long the work takes.
        Returns once `stop` is set and hands the lease over.
        """
        terms: queue.SimpleQueue[threading.Event | None] = queue.SimpleQueue()
        follower = threading.Thread(
            target=self._follow, args=(terms,), name="leadership", daemon=True
        )
        follower.start()
        while (over := terms.get()) is not None:
            yield over
        follower.join(JOIN_SECONDS)
        self._release()

    def _follow(self, terms: "queue.SimpleQueue[threading.Event | None]") -> None:
        over: threading.Event | None = None
        try:
            while not self._stop.is_set():
                self._try()
                if self.holds() and over is None:
                    logger.info("%s leads", self.holder)
                    terms.put(over := threading.Event())
                elif over is not None and not self.holds():
                    logger.warning("%s lost the lease and stops for now", self.holder)
                    over.set()
                    over = None
                leading = over is not None
                self._stop.wait(
                    self._renewal_seconds if leading else self._look_seconds
                )
        finally:
            if over is not None:
                over.set()
            terms.put(None)
            connection.close()

    def _try(self) -> None:
        """Take or renew the lease; a database that cannot say leaves it as it is."""
        started = lease_clock()
        close_old_connections()
        try:
            taken = upkeep.take_lease(
                name=NAME, holder=self.holder, seconds=self._lease_seconds
            )
        except Error as error:
            logger.warning("The lease cannot be renewed: %s", error)
            return
        self._until = started + self._lease_seconds if taken else _NEVER

    def _release(self) -> None:
        self._until = _NEVER
        close_old_connections()
        try:
            Lease.objects.filter(name=NAME, holder=self.holder).delete()
        except Error as error:
            logger.warning("The lease runs out by itself: %s", error)
