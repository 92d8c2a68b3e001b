"""manage.py worker: sweep and fold on a schedule."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from objects_app.services import journal, sweep
from objects_app.services.schedule import Task, run


class Command(BaseCommand):
    """Keep house until told to stop (SIGTERM or Ctrl-C)."""

    help = "Fold the journal and sweep on a schedule, until stopped."

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
        run(
            stop=stop,
            tasks=[
                Task("fold", settings.FOLD_INTERVAL_SECONDS, journal.fold),
                Task(
                    "sweep",
                    settings.SWEEP_INTERVAL_SECONDS,
                    lambda: sweep.sweep(stop=stop.is_set),
                ),
                Task(
                    "removal",
                    settings.SWEEP_LEASE_SECONDS,
                    lambda: sweep.remove_condemned(stop=stop.is_set),
                ),
            ],
        )
        return "Worker stopped."
