"""Start PostgreSQL, SeaweedFS, three nodes and nginx on loopback; Ctrl-C stops all.

    python -m cluster        (make cluster)

PORT (8080) is nginx's; the nodes have the three that follow. Everything is kept in
CLUSTER_DIR (./data/cluster), so the next start finds it again.
"""

import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

import django

from cluster import nginx
from cluster.parts import DidNotStart, Part, check_ports, end_of, node
from cluster.state import keep_secrets, keep_settings, postgresql_home
from objectstore.config import BASE_DIR, Config
from tests.servers.postgresql import PostgreSQL
from tests.servers.s3 import SeaweedFS

NODES = ("node-1", "node-2", "node-3")


class Cluster:
    """The running parts by name, and where they are."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.node_ports = {n: port + i for i, n in enumerate(NODES, start=1)}
        self.parts: dict[str, Part] = {}

    def start(self) -> str | None:
        """Start everything; return the administrator's password the first time.

        Raises DidNotStart; what has been started till then is in `parts`.
        """
        check_ports([self.port, *self.node_ports.values()])
        secrets = keep_secrets(self.folder)
        for name in ("s3", "log"):
            (self.folder / name).mkdir(exist_ok=True)
        home, password = postgresql_home(self.folder), secrets.database_password
        database = PostgreSQL(home, durable=True, password=password)
        s3 = SeaweedFS(self.folder / "s3", secret=secrets.s3_secret)
        database.start()
        self.parts["postgresql"] = database
        s3.start()
        self.parts["s3"] = s3
        s3.sync_every_write()
        os.environ["ENV_FILE"] = keep_settings(
            self.folder,
            DATABASE_URL=database.url,
            SECRET_KEY=secrets.secret_key,
            **s3.variables,
        )
        administrator = _prepare()
        self._start_nodes()
        return administrator

    def _start_nodes(self) -> None:
        log = self.folder / "log"
        nodes = {
            name: node(name, port, log / f"{name}.log")
            for name, port in self.node_ports.items()
        }
        self.parts |= nodes
        for name, port in self.node_ports.items():
            nodes[name].wait_until(f"http://127.0.0.1:{port}/readyz")
        if nginx.program():
            ports = list(self.node_ports.values())
            front = nginx.start(self.folder / "nginx", port=self.port, nodes=ports)
            self.parts["nginx"] = front
            front.wait_until(f"http://127.0.0.1:{self.port}/healthz")

    def wait(self) -> None:
        """Return never; raise DidNotStart when a part ends that the rest needs.

        A node that ends by itself is told: the others go on without it.
        """
        ended: set[str] = set()
        while True:
            for name, part in self.parts.items():
                if name in ended or part.process.poll() is None:
                    continue
                ended.add(name)
                told = f"{name} ended by itself"
                if name not in NODES or ended.issuperset(NODES):
                    raise DidNotStart(f"{told}{end_of(part.log)}")
                sys.stderr.write(f"objectstore: {told}, the other nodes go on\n")
            time.sleep(0.5)

    def stop(self) -> None:
        """Stop nginx, then the nodes, which may finish what they do, then the rest."""
        running = {n: p for n, p in self.parts.items() if p.process.poll() is None}
        for name in ("nginx", *NODES):
            if name in running:
                running[name].process.terminate()
        for part in reversed(running.values()):
            part.stop()


def _prepare() -> str | None:
    """Bring the database up to date; return the administrator's password if new."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "objectstore.settings"
    django.setup()
    from objects_app.ops import startup  # noqa: PLC0415 - it needs the settings

    startup.prepare()
    return startup.create_administrator()


def _greet(cluster: Cluster, password: str | None) -> None:
    folder, python = _shown(cluster.folder), _shown(Path(sys.executable))
    front = f"http://localhost:{cluster.port}   through nginx (Ctrl-C stops all)"
    if "nginx" not in cluster.parts:
        front = "no nginx is installed: use the nodes (Ctrl-C stops all)"
    lines = ["", f"  Object store   {front}"]
    for name, port in cluster.node_ports.items():
        lines.append(f"  {name:<13}  http://localhost:{port}")
    manage = f"ENV_FILE={folder}/settings.env {python} manage.py"
    lines.append(f"  Commands       {manage} stats")
    if password:
        lines.append(f"  Administrator  admin, password {password} (shown only now)")
    else:
        lines.append(f"  Administrator  {manage} changepassword admin")
    lines.append(f"  Data and logs  {folder}; {folder}/log/*.log")
    sys.stdout.write("\n".join([*lines, "", ""]))
    sys.stdout.flush()


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _leave(_number: int, _frame: FrameType | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # stopping is not interrupted
    raise SystemExit(0)


def main() -> None:
    """Run the cluster until a signal, or until a part of it ends."""
    folder = Path(os.environ.get("CLUSTER_DIR", BASE_DIR / "data" / "cluster"))
    port = int(os.environ.get("PORT", "8080"))
    # Whatever else is set, here or in .env, is for another store.
    for name in Config.model_fields:
        os.environ.pop(name.upper(), None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    cluster = Cluster(folder.resolve(), port)
    try:
        _greet(cluster, cluster.start())
        cluster.wait()
    except DidNotStart as reason:
        sys.exit(f"objectstore: {reason}")
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
