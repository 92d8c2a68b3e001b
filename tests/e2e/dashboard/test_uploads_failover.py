"""A folder and a large file on their way to two nodes, one of which dies."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cluster import nginx
from tests.e2e.cluster import wait_for
from tests.e2e.dashboard.conftest import PASSWORD
from tests.e2e.dashboard.uploads import MIB, Uploads, digests, make_files
from tests.e2e.dashboard.visitor import Visitor
from tests.servers.ports import free_port
from tests.servers.store import Server, store_with_administrator

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.postgresql_only,
    pytest.mark.skipif(
        nginx.program() is None,
        reason="nginx is not installed (Debian, Ubuntu: apt install nginx)",
    ),
]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[str, list[Server]]]:
    """The address of nginx, and the two nodes behind it."""
    folder, home, port = tmp_path / "store", tmp_path / "nginx", free_port()
    folder.mkdir()
    with store_with_administrator(
        folder, PASSWORD, ANONYMOUS_ACCESS="none", TRUSTED_PROXIES="127.0.0.1"
    ) as first:
        second = first.twin("node-2")
        second.start()
        front = nginx.start(home, port=port, nodes=[first.port, second.port])
        try:
            url = f"http://127.0.0.1:{port}"
            front.wait_until(f"{url}/readyz")
            yield url, [first, second]
        finally:
            front.stop()
            second.kill()


def kill_if_receiving(node: Server) -> bool:
    """Kill it while it writes a large body to its spool; whether it did."""
    for descriptor in Path(f"/proc/{node.worker}/fd").iterdir():
        with suppress(OSError):
            path = descriptor.readlink()
            if path.parent == node.data_dir / "tmp" and path.stat().st_size > 2 * MIB:
                node.kill()
                return True
    return False


def test_uploads_outlive_the_node_that_receives_them(
    browser: Browser, nodes: tuple[str, list[Server]], tmp_path: Path
) -> None:
    """Small bodies are in memory, so the node that has one in a file has the film's."""
    url, servers = nodes
    chief = Visitor(browser, url)
    chief.sign_in("chief", PASSWORD)
    small = {f"folder/{n % 7}/{n:03}.bin": 2000 + 37 * n for n in range(200)}
    files = make_files(tmp_path / "files", small | {"film.bin": 300 * MIB})
    sent = digests(files)
    uploads = Uploads(chief, "failover")
    uploads.pick(files / "film.bin")
    uploads.pick_folder(files / "folder")
    uploads.expect_percent(20)
    wait_for(lambda: any(kill_if_receiving(node) for node in servers))

    uploads.expect_title("201 uploaded", seconds=120)
    assert uploads.stored() == sent
    chief.forgive("503")  # of the requests that the node had
    uploads.tolerate("409")
    uploads.tolerate("412")
    chief.leave()
