"""Which cores a helper thread may use."""

import contextlib
import os

# Of the process that imports this first: gunicorn's, before it puts its workers on a
# core each.
_CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None


def use_every_core() -> None:
    """Let the calling thread leave the core its worker is kept on (PIN_WORKERS).

    One core for each worker's Python is quickest for small requests; a thread that
    hashes beside it wants another.
    """
    if _CORES is not None:
        with contextlib.suppress(OSError):  # the machine has been given fewer since
            os.sched_setaffinity(0, _CORES)
