"""manage.py worker: sweep, fold and do jobs, if no other worker does."""

import signal
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from objects_app.services import (
    digests,
    figures,
    jobs,
    journal,
    nodes,
    request_counts,
    sessions,
    sweep,
    uploads,
)
from objects_app.services.leadership import Leadership
from objects_app.services.schedule import Task, beside, run

_PRUNE_SECONDS = 3600.0
_DIGEST_SECONDS = 5.0
_FIGURES_SECONDS = 60.0
_JOBS_SECONDS = 1.0


class Command(BaseCommand):
    """Keep house until told to stop (SIGTERM or Ctrl-C)."""

    help = "Fold, sweep and do jobs on a schedule, until stopped; one of many leads."

    def handle(self, **options: Any) -> str:
        """Run until a signal; the step under way is finished first."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(
            f"Worker of {settings.NODE_ID}: folds every "
            f"{settings.FOLD_INTERVAL_SECONDS:g} s, sweeps every "
            f"{settings.SWEEP_INTERVAL_SECONDS:g} s."
        )
        self.stdout.flush()
        leadership = Leadership(
            node_id=settings.NODE_ID, seconds=settings.LEADER_LEASE_SECONDS, stop=stop
        )

        def enough() -> bool:
            return stop.is_set() or not leadership.holds()

        for over in leadership.terms():
            with beside(stop=over, tasks=_long_tasks(enough)):
                run(stop=over, tasks=_tasks(enough))
        return "Worker stopped."


def _tasks(stop: Callable[[], bool]) -> list[Task]:
    return [
        Task("fold", settings.FOLD_INTERVAL_SECONDS, journal.fold),
        Task("sweep", settings.SWEEP_INTERVAL_SECONDS, lambda: sweep.sweep(stop=stop)),
        Task(
            "removal",
            settings.SWEEP_LEASE_SECONDS,
            lambda: sweep.remove_condemned(stop=stop),
        ),
        Task(
            "expiry",
            settings.SWEEP_INTERVAL_SECONDS,
            lambda: uploads.expire_uploads(stop=stop),
        ),
        Task("asked sweep", _JOBS_SECONDS, lambda: sweep.sweep_if_asked(stop=stop)),
        Task("jobs", _JOBS_SECONDS, lambda: jobs.run_next(stop=stop)),
        Task("pruning", _PRUNE_SECONDS, nodes.prune),
        Task("sessions", _PRUNE_SECONDS, sessions.prune),
        Task("ended jobs", _PRUNE_SECONDS, jobs.prune),
        Task("samples", _PRUNE_SECONDS, figures.prune),
        Task("request counts", _PRUNE_SECONDS, request_counts.prune),
    ]


def _long_tasks(stop: Callable[[], bool]) -> list[Task]:
    return [
        Task("digests", _DIGEST_SECONDS, lambda: digests.compute_digests(stop=stop)),
        Task("figures", _FIGURES_SECONDS, lambda: figures.measure_hourly(stop=stop)),
    ]
