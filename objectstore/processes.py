"""Run the Procfile's processes until one of them ends or a signal stops them all.

    python -m objectstore.processes

This is honcho as a library. Its command would read `.env` over the environment, give
each process another PORT, and kill requests in flight five seconds after a SIGTERM.
"""

import signal
import sys

import honcho.manager
from honcho.environ import parse_procfile

from objectstore.config import BASE_DIR, load_or_exit

# What a process needs to end after its last request has had its grace.
MARGIN_SECONDS = 5
# What a host of the Heroku kind runs once, before it starts a new version.
_RELEASE = "release"
_STOPPED = {128 + signal.SIGINT, 128 + signal.SIGTERM}


class Manager(honcho.manager.Manager):  # type: ignore[misc] # has no types
    """Honcho's, which a signal stops also before all its processes have started.

    What a process takes to end is counted from the signal on.
    """

    _asked = False

    def terminate(self) -> None:
        """Terminate all processes: those that still start, once they have."""
        self._asked = True
        if self._all_started():
            super().terminate()

    def _any_stopped(self) -> bool:
        return self._asked or bool(super()._any_stopped())


def main() -> int:
    """Return the exit status: 0 when a signal asked for the end."""
    options = load_or_exit()
    honcho.manager.KILL_WAIT = options.graceful_timeout_seconds + MARGIN_SECONDS
    manager = Manager()
    # A closed terminal must not leave a store behind that nobody sees.
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    procfile = parse_procfile((BASE_DIR / "Procfile").read_text())
    for name, command in procfile.processes.items():
        if name != _RELEASE:
            manager.add_process(name, command, cwd=str(BASE_DIR))
    manager.loop()
    return 0 if manager.returncode in _STOPPED else int(manager.returncode)


if __name__ == "__main__":
    sys.exit(main())
