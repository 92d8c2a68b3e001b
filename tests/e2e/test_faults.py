"""Three nodes under load while something breaks, and what is true afterwards.

In each test clients keep a ledger (tests/e2e/ledger.py): nothing acknowledged is lost,
nothing is half visible, failures are 503 in time, and all recovers by itself.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.blobs.bodies import random_body
from tests.e2e.cluster import Cluster, ask, cluster, wait_for
from tests.e2e.ledger import Ledger, load
from tests.e2e.wire import Wire
from tests.servers.s3 import find_weed
from tests.servers.store import Server

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.tooling,
    pytest.mark.alone,
    pytest.mark.skipif(find_weed() is None, reason="there is no SeaweedFS for this OS"),
]

MIB = 1024 * 1024
LARGE = 12 * MIB


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes; each test gives them back well."""
    with cluster(tmp_path_factory.mktemp("cluster"), nodes=3) as running:
        yield running


@contextlib.contextmanager
def one_more(three: Cluster, node: Server) -> Iterator[Server]:
    """Let this node be one of the cluster's for a while."""
    node.start()
    three.nodes.append(node)
    try:
        yield node
    finally:
        three.nodes.remove(node)
        node.kill()


def assert_only_503(ledger: Ledger, *cut: Server) -> None:
    """Every failure is a 503; only these nodes cut connections."""
    assert ledger.statuses() <= {503}
    assert ledger.cut() <= {node.url for node in cut}


def assert_it_recovers(three: Cluster, ledger: Ledger) -> None:
    """Requests failed, soon every node is well again, and then none fails any more."""
    three.wait_until_well()
    before = len(ledger.failures)
    time.sleep(2)
    assert before
    assert ledger.failures[before:] == [], "it failed after its recovery"


def test_what_one_node_wrote_every_other_reads_at_once(three: Cluster) -> None:
    for number, writer in enumerate([*three.nodes, *three.nodes]):
        path, body = "/buckets/at-once/objects/x", random_body(100 + number)
        assert ask(writer, "PUT", path, body).status in {200, 201}
        for reader in three.nodes:
            assert ask(reader, "GET", path).body == body
    assert ask(three.nodes[0], "DELETE", path).status == 200
    assert {ask(node, "GET", path).status for node in three.nodes} == {404}


def test_without_a_fault_nothing_fails(three: Cluster) -> None:
    with load(three, "calm") as ledger:
        time.sleep(3)

    assert ledger.failures == []
    ledger.check(three)


def test_a_node_is_killed_in_mid_upload_and_mid_download(three: Cluster) -> None:
    victim, other, _ = three.nodes
    body = random_body(LARGE)
    large = "/buckets/killed/objects/large"
    assert ask(other, "PUT", large, body).status == 201
    with load(three, "killed-load") as ledger:
        for life in range(3):
            cut_off = f"/buckets/killed/objects/cut-{life}"
            with Wire(victim.port) as upload, Wire(victim.port) as download:
                upload.ask("PUT", cut_off, f"Content-Length: {LARGE}")
                upload.say(body[: LARGE // 2])
                download.ask("GET", large).hear_some()
                victim.kill()
            assert ask(other, "GET", cut_off).status == 404
            victim.start()
            time.sleep(0.5)

    assert_only_503(ledger, victim)
    assert ledger.cut() == {victim.url}
    assert ask(victim, "GET", large).body == body
    ledger.check(three)


def test_a_node_told_to_end_finishes_what_it_has_begun(three: Cluster) -> None:
    leaving = three.nodes[1]
    body = random_body(LARGE)
    path = "/buckets/ended/objects/large"
    with load(three, "ended-load") as ledger:
        with Wire(leaving.port) as upload:
            upload.ask("PUT", path, f"Content-Length: {LARGE}").say(body[: LARGE // 2])
            leaving.terminate()
            wait_for(lambda: not _listens(leaving))
            upload.say(body[LARGE // 2 :])
            assert upload.hear().status == 201
        started = time.monotonic()
        assert leaving.wait() == 0
        assert time.monotonic() - started < 10
        leaving.start()
        time.sleep(1)

    assert_only_503(ledger, leaving)
    assert all(ask(node, "GET", path).body == body for node in three.nodes)
    ledger.check(three)


def _listens(node: Server) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", node.port)) == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_postgresql_is_restarted(three: Cluster, end: str) -> None:
    with load(three, f"database-{end}") as ledger:
        getattr(three.database, end)()
        time.sleep(2)
        three.database.start()
        assert_it_recovers(three, ledger)

    assert_only_503(ledger)
    ledger.check(three)


def test_s3_falls_silent_for_twenty_seconds(three: Cluster) -> None:
    with load(three, "s3-silent") as ledger:
        three.s3.signal(signal.SIGSTOP)
        time.sleep(20)
        three.s3.signal(signal.SIGCONT)
        assert_it_recovers(three, ledger)

    assert_only_503(ledger)
    ledger.check(three)


def test_s3_is_killed_and_comes_back(three: Cluster) -> None:
    with load(three, "s3-killed") as ledger:
        three.s3.kill()
        time.sleep(4)
        three.s3.start()
        assert_it_recovers(three, ledger)

    assert_only_503(ledger)
    ledger.check(three)


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB; skips where one may not mount."""
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode:
        pytest.skip("only root may mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_the_disk_of_a_nodes_spool_is_full(three: Cluster, little_disk: Path) -> None:
    node = three.node("full", DATA_DIR=str(little_disk))
    path = "/buckets/full/objects"
    fits = random_body(3 * MIB)
    filling = little_disk / "filling"
    with one_more(three, node):
        with load(three, "full-load") as ledger:
            refused = ask(node, "PUT", f"{path}/large", random_body(LARGE))
            with filling.open("wb") as file, contextlib.suppress(OSError):
                file.write(bytes(LARGE))
            full = ask(node, "PUT", f"{path}/a", fits)
            time.sleep(2)
            filling.unlink()
            after = ask(node, "PUT", f"{path}/a", fits)

        assert refused.json()["code"] == "storage_unavailable"
        assert [refused.status, full.status, after.status] == [503, 503, 201]
        assert_only_503(ledger)
        assert {failure.url for failure in ledger.failures} <= {node.url}
        ledger.check(three)
        assert ask(three.nodes[0], "GET", f"{path}/a").body == fits
        assert ask(three.nodes[0], "GET", f"{path}/large").status == 404


@pytest.mark.skipif(
    shutil.which("faketime") is None,
    reason="faketime is not installed (Debian, Ubuntu: apt install faketime)",
)
@pytest.mark.parametrize("shift", ["+1d", "-1d"])
def test_the_clock_of_one_node_is_wrong_by_a_day(three: Cluster, shift: str) -> None:
    # Only the time of day is wrong, as on such a machine; not how long things take.
    clock = ("env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1", "faketime")
    run = (sys.executable, "-m", "tests.e2e.wrong_clock")
    name = "ahead" if shift == "+1d" else "behind"
    node = three.node(name, *clock, "-f", shift, *run)
    with one_more(three, node):
        date = ask(node, "GET", "/healthz").headers["Date"]
        assert abs(_seconds_from_now(date)) > 80_000
        with load(three, f"clock-{name}") as ledger:
            time.sleep(4)

        assert ledger.failures == []
        ledger.check(three)


def _seconds_from_now(date: str) -> float:
    return (parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds()
