"""Run a Python module under faketime.

    faketime -f +1d python -m tests.e2e.wrong_clock python -m MODULE [ARGUMENT ...]

libfaketime 0.9.10 fails Python's sleep (EINVAL) where only the time of day is shifted,
and hangs its waits where the monotonic clock is shifted too. So the former it is, with
a sleep that does without clock_nanosleep.
"""

import runpy
import select
import sys
import time


def _sleep(seconds: float) -> None:
    select.select([], [], [], seconds)


if __name__ == "__main__":
    time.sleep = _sleep
    _, _, module, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
