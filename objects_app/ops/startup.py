"""What `make run` does before the servers start, one step a function."""

import errno
import io
import os
import secrets
import socket
import sys
import tempfile
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import IntegrityError, connections

from objectstore import tls

ADMINISTRATOR = "admin"
_ANOTHER_PORT = "choose another port, as in PORT=8081 make run"
_PORT_ADVICE = {
    errno.EADDRINUSE: f"stop what uses it, or {_ANOTHER_PORT}",
    errno.EACCES: f"{_ANOTHER_PORT}; those below 1024 are root's",
}


class CannotStart(Exception):
    """The reason, in one sentence that says what to do."""


def check_surroundings() -> None:
    """Raise CannotStart for a folder, file or port that cannot be used."""
    _check_writable(settings.DATA_DIR, "set DATA_DIR to a folder that is")
    _check_writable(settings.STATIC_ROOT, "copy the project to a folder that is")
    for file in settings.DATA_DIR.glob("*.sqlite3*"):
        if not os.access(file, os.R_OK | os.W_OK):
            raise CannotStart(
                f"Cannot write to {file}: make it writable for this user, or start as "
                "the user who owns it."
            )
    if settings.TLS_FILES is not None:
        try:
            tls.load(*settings.TLS_FILES)
        except ImproperlyConfigured as error:
            raise CannotStart(str(error)) from None
    _check_port()


def _check_writable(folder: Path, otherwise: str) -> None:
    """Try it, because permission bits say nothing of a read-only or full disk."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise CannotStart(
            f"Cannot write to {existing} ({error.strerror}): make it writable for this "
            f"user, or {otherwise}."
        ) from error


def _check_port() -> None:
    family = socket.AF_INET6 if ":" in settings.BIND else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.BIND.strip("[]"), settings.PORT))
        except OSError as error:
            advice = _PORT_ADVICE.get(error.errno or 0, "set BIND to an address it has")
            raise CannotStart(
                f"This machine cannot listen on {settings.BIND} port {settings.PORT} "
                f"({error.strerror}): {advice}."
            ) from error


def prepare() -> None:
    """Check the settings, bring the database up to date, and collect static files."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    call_command("check", databases=["default"], stdout=io.StringIO())
    call_command("migrate", interactive=False, verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def create_administrator() -> str | None:
    """Return the new administrator's password, or None when there are users already."""
    if User.objects.exists():
        return None
    password = secrets.token_urlsafe(12)
    try:
        User.objects.create_superuser(ADMINISTRATOR, password=password)
    except IntegrityError:  # another node was first
        return None
    return password


def run_processes() -> None:
    """Become the process that runs the Procfile; does not return."""
    connections.close_all()
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {
        "PORT": str(settings.PORT),
        "PATH": os.pathsep.join((scripts, os.environ.get("PATH", os.defpath))),
        "PYTHONUNBUFFERED": "1",
    }
    sys.stdout.flush()
    os.chdir(settings.BASE_DIR)
    os.execve(  # noqa: S606 - this interpreter and our own module, no shell
        sys.executable, [sys.executable, "-m", "objectstore.processes"], environment
    )
