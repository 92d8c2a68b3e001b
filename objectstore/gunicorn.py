"""gunicorn's configuration; the numbers come from objectstore.config."""

import os
import secrets
import select
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

# gunicorn loads this file by its path, from wherever its own script lies.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from objectstore import tls
from objectstore.config import load_or_exit

options = load_or_exit()

wsgi_app = "objectstore.wsgi:application"
bind = [options.address]
worker_class = (
    "objectstore.worker.Worker"
    if hasattr(select, "epoll")  # Linux
    else "objectstore.graceful.GracefulWorker"
)
workers = options.web_concurrency
threads = options.web_threads

# One import before the fork: a mistake in the code is one traceback and an exit, and
# the workers share the memory. Nothing is connected or started while importing.
preload_app = True

# The longest path: a key of 1024 bytes, each percent-encoded, and a query beside it.
limit_request_line = 8190

# For gthread `timeout` is the heartbeat of the accepting thread, not a limit on
# requests; bodies have BODY_TIMEOUT_SECONDS.
timeout = 60
graceful_timeout = options.graceful_timeout_seconds

# Longer than the 60 s after which load balancers drop an idle connection: who closes
# second never sends a request into a closing connection.
keepalive = 75

# gunicorn believes X-Forwarded-* and the like from nobody: TRUSTED_PROXIES are the
# application's (objects_app/http/forwarded.py), which knows more than the scheme.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""

# TLS. Made once and inherited by the workers; a SIGHUP reads renewed files.
_tls_context = None
if options.tls_files is not None:
    certfile, keyfile = map(str, options.tls_files)
    try:
        _tls_context = tls.load(*options.tls_files)
    except ImproperlyConfigured as error:
        sys.exit(f"objectstore: {error}")


def ssl_context(_config: Any, _default: Any) -> Any:
    """Return what gunicorn makes TLS connections with."""
    return _tls_context


# No socket in the home directory that a second store would take over.
control_socket_disable = True

# The heartbeat is a file that is touched each second: in memory where there is one.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None  # noqa: S108

# This node since this start, the same in all its processes.
instance = secrets.token_hex(8)
started = time.monotonic()

accesslog = None
loglevel = "warning"


def _limit_silence(server: Any) -> None:
    """Bound the wait for a client that neither sends nor reads.

    Linux hands a listening socket's limits down to its connections. They count where
    Python has set no timeout of its own, and cost nothing.
    """
    seconds, fraction = divmod(options.body_timeout_seconds, 1)
    limit = struct.pack("@ll", int(seconds), int(fraction * 1_000_000))
    for listener in server.LISTENERS:
        for waiting in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            listener.sock.setsockopt(socket.SOL_SOCKET, waiting, limit)


def on_starting(_server: Any) -> None:
    """Refuse what `manage.py check` refuses: every request would be a 500."""
    if not apps.ready:  # another application than the store, as in the bench
        return
    for found in checks.run_checks():
        if found.is_serious():
            sys.exit(f"objectstore: {found.msg} {found.hint or ''}".rstrip())


def when_ready(server: Any) -> None:
    """Say in one line what listens where; no worker has been started yet."""
    _limit_silence(server)
    listening = ", ".join(str(listener) for listener in server.LISTENERS)
    sys.stderr.write(
        f"gunicorn listens on {listening} with {workers} x {threads} threads\n"
    )


def pre_fork(server: Any, worker: Any) -> None:
    """Choose the core with the fewest workers, so a successor gets the free one."""
    if options.pin_workers and hasattr(os, "sched_getaffinity"):
        taken = Counter(
            getattr(other, "core", None) for other in server.WORKERS.values()
        )
        worker.core = min(sorted(os.sched_getaffinity(0)), key=lambda core: taken[core])


def post_fork(server: Any, worker: Any) -> None:
    """Say how long clients are waited for, and stay on the chosen core."""
    worker.unheard = server.SIG_QUEUE
    worker.silence = options.body_timeout_seconds
    worker.least = options.body_min_bytes_per_second
    worker.bodies = options.bodies
    core = getattr(worker, "core", None)
    if core is not None:
        os.sched_setaffinity(0, {core})


def post_worker_init(worker: Any) -> None:
    """Start the heartbeat: threads do not survive a fork, so not before it."""
    if not apps.ready:  # another application than the store, as in the bench
        return
    from objects_app.ops.heartbeat import Heartbeat  # noqa: PLC0415 Django is set up now

    worker.heartbeat = Heartbeat(instance=instance, since=started)
    worker.heartbeat.start()


def worker_exit(_server: Any, worker: Any) -> None:
    """Stop it; a worker that did not come so far has none."""
    if (heartbeat := getattr(worker, "heartbeat", None)) is not None:
        heartbeat.stop()
