"""What a cluster keeps from one start to the next: its folder and its secrets."""

import json
import os
import secrets
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.servers.postgresql import reachable, server_user


class Secrets(NamedTuple):
    """Made at the first start."""

    secret_key: str
    database_password: str
    s3_secret: str


def keep_secrets(folder: Path) -> Secrets:
    """Return the secrets kept in `folder`, made at first and private."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "secrets.json"
    if not file.exists():
        made = Secrets(*(secrets.token_urlsafe(48) for _ in Secrets._fields))
        _write_privately(file, json.dumps(made._asdict()))
    return Secrets(**json.loads(file.read_text()))


def keep_settings(folder: Path, **variables: str) -> str:
    """Write the settings that all nodes and commands share; return their ENV_FILE."""
    file = folder / "settings.env"
    _write_privately(
        file,
        "# Written at every start of the cluster.\n"
        + "".join(
            f"{name}='{value}'\n"
            for name, value in {
                "DATA_DIR": str(folder / "spool"),  # for bodies on their way in
                "BIND": "127.0.0.1",
                "ALLOWED_HOSTS": "localhost,127.0.0.1",
                "ANONYMOUS_ACCESS": "write",  # whoever reaches loopback
                "TRUSTED_PROXIES": "127.0.0.1",  # nginx
                "SECURE_COOKIES": "false",  # plain HTTP
                "GRACEFUL_TIMEOUT_SECONDS": "10",
                **variables,
            }.items()
        ),
    )
    return str(file)


def postgresql_home(folder: Path) -> Path:
    """Return the folder of PostgreSQL's data, `folder/postgresql`.

    Started by root it runs as another user, who may not come to what lies below; then
    that is a link to a folder in /var/tmp.
    """
    home = folder / "postgresql"
    user = server_user()
    if user is None or reachable(folder):
        home.mkdir(mode=0o700, exist_ok=True)
    elif not home.exists():
        home.unlink(missing_ok=True)
        home.symlink_to(tempfile.mkdtemp(prefix="objectstore-cluster-", dir="/var/tmp"))
    if user is not None:
        os.chown(home, user.pw_uid, user.pw_gid)
    return home.resolve()


def _write_privately(file: Path, text: str) -> None:
    draft = file.with_name(f"{file.name}.new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.rename(file)
