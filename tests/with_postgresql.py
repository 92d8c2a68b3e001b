"""Run a command with TEST_DATABASE_URL naming a PostgreSQL that lives as long as it.

    python -m tests.with_postgresql [--durable] COMMAND [ARGUMENT ...]

Ends with the command's exit status. See tests/servers/postgresql.py for which server.
"""

import contextlib
import os
import signal
import subprocess
import sys
from types import FrameType

from tests.servers.postgresql import postgresql

CTRL_C_SECONDS = 5


def main(arguments: list[str]) -> int:
    """Run the command; SIGINT and SIGTERM stop it first and the server after it."""
    durable = arguments[:1] == ["--durable"]
    command = arguments[1:] if durable else arguments
    if not command:
        sys.exit(__doc__)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    with postgresql(durable=durable) as url:
        return _run(command, os.environ | {"TEST_DATABASE_URL": url})


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run(command: list[str], environment: dict[str, str]) -> int:
    child = subprocess.Popen(command, env=environment)
    try:
        status = child.wait()
    except SystemExit as leaving:
        _stop(child, int(str(leaving.code)) - 128)
        raise
    return 128 - status if status < 0 else status


def _stop(child: subprocess.Popen[bytes], number: int) -> None:
    """Pass the signal on, unless a terminal has already sent its Ctrl-C to both."""
    if number == signal.SIGINT:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(CTRL_C_SECONDS)
    child.send_signal(number)
    child.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
