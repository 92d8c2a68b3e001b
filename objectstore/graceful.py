"""gunicorn's threaded worker, which turns newcomers away once it was told to end."""

import signal
from queue import SimpleQueue
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

_ENDS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class GracefulWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gthread keeps the listening socket open until its last request has ended: whoever
    connects meanwhile waits for an answer that never comes, where a load balancer would
    ask another node if it were refused. Closing the worker's copy does that; the
    master has closed its own by then, or keeps it for the successors after a reload.
    Those who had connected before are accepted first: closing would reset them.

    `unheard` is this process's copy of the master's queue of signals, which takes what
    comes between the fork and the worker's own handlers.
    """

    unheard: "SimpleQueue[int]" = SimpleQueue()

    def init_signals(self) -> None:
        """Handle signals from now on, and those that nobody here would hear of: the
        master would wait for the whole grace, then kill."""
        super().init_signals()
        while not self.unheard.empty():
            if (number := self.unheard.get()) in _ENDS:
                signal.raise_signal(number)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept or not; for good after SIGTERM."""
        super().set_accept_enabled(enabled)
        if not (enabled or self.alive):
            for listener in self.sockets:
                self._accept_all(listener)
                listener.close()

    def _accept_all(self, listener: Any) -> None:
        before = -1
        while before < self.nr_conns < self.worker_connections:
            before = self.nr_conns
            self.accept(listener)
