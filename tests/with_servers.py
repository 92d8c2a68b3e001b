"""Run a command with real servers that live as long as it.

    python -m tests.with_servers [--s3] [--pgbouncer] [--durable] COMMAND [ARGUMENT ...]

TEST_DATABASE_URL names a PostgreSQL, with --s3 the TEST_S3_* and TEST_AWS_* variables a
bucket; those that are set already are used as they are. With --pgbouncer the way to the
database leads through one in transaction mode, and TEST_DATABASE_PREPARE is false; it
keeps connections open, so pytest needs --reuse-db. `--durable` makes every write wait
for the disk, for benchmarks. Ends with the command's exit status.
"""

import contextlib
import os
import signal
import subprocess
import sys
from itertools import takewhile
from types import FrameType

from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgresql import postgresql
from tests.servers.s3 import seaweedfs

CTRL_C_SECONDS = 5
_OPTIONS = {"--s3", "--pgbouncer", "--durable"}


def main(arguments: list[str]) -> int:
    """Run the command; SIGINT and SIGTERM stop it first and the servers after it."""
    options = set(takewhile(lambda argument: argument.startswith("--"), arguments))
    command = arguments[len(options) :]
    if not command or not options <= _OPTIONS:
        sys.exit(__doc__)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    durable = "--durable" in options
    with contextlib.ExitStack() as servers:
        url = servers.enter_context(postgresql(durable=durable))
        found = {"TEST_DATABASE_URL": url}
        if "--pgbouncer" in options:
            found["TEST_DATABASE_URL"] = servers.enter_context(pgbouncer(url))
            found["TEST_DATABASE_PREPARE"] = "false"
        if "--s3" in options and "TEST_S3_BUCKET_NAME" not in os.environ:
            variables = servers.enter_context(seaweedfs(durable=durable)).variables
            found |= {f"TEST_{name}": value for name, value in variables.items()}
        return _run(command, os.environ | found)


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
