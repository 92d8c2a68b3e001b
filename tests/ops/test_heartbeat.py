"""The thread that beats beside the requests."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from pytest_django import Settings

from objects_app.blobs.backend import backend
from objects_app.models import Node, RequestCount
from objects_app.ops.heartbeat import Heartbeat
from objects_app.services import nodes, request_counts

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10


@pytest.fixture
def heartbeat(settings: Settings) -> Iterator[Heartbeat]:
    settings.HEARTBEAT_SECONDS = 0.01
    heart = Heartbeat(instance="this one", since=time.monotonic())
    yield heart
    if heart._thread.ident is not None:
        heart.stop()


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_beats_until_it_is_stopped(heartbeat: Heartbeat) -> None:
    heartbeat.start()
    wait_for(Node.objects.exists)
    first = Node.objects.get().seen_at
    wait_for(lambda: Node.objects.get().seen_at > first)
    heartbeat.stop()
    assert not heartbeat._thread.is_alive()
    last = Node.objects.get().seen_at
    time.sleep(0.1)
    assert Node.objects.get().seen_at == last


def test_it_removes_the_old_spools_of_its_node(
    heartbeat: Heartbeat, data_dir: Path
) -> None:
    left, new = (backend().spool_dir / name for name in ("left", "new"))
    for spool in (left, new):
        spool.write_bytes(b"half a body")
    days_ago = time.time() - 2 * 86_400
    os.utime(left, (days_ago, days_ago))

    heartbeat.start()

    wait_for(lambda: not left.exists())
    assert new.exists()


def test_it_keeps_no_connection_between_beats(heartbeat: Heartbeat) -> None:
    heartbeat.beat()
    assert connection.connection is None


def test_a_database_that_is_away_for_a_while_does_not_end_it(
    heartbeat: Heartbeat, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    real = nodes.heartbeat

    def fail_once(**arguments: Any) -> bool:
        if not failed.is_set():
            failed.set()
            raise OperationalError("the database went away")
        return real(**arguments)

    monkeypatch.setattr(nodes, "heartbeat", fail_once)
    heartbeat.start()
    assert failed.wait(SECONDS)
    wait_for(Node.objects.exists)


def test_a_restart_is_no_reason_to_warn(
    heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture
) -> None:
    Heartbeat(instance="the one before", since=0).beat()
    heartbeat.beat()
    assert "Another node" not in caplog.text


def test_a_second_node_of_that_name_is_warned_of(
    heartbeat: Heartbeat, caplog: pytest.LogCaptureFixture
) -> None:
    heartbeat.beat()
    Heartbeat(instance="another one", since=0).beat()
    heartbeat.beat()
    assert "Another node runs as NODE_ID=test-node" in caplog.text


def test_what_was_counted_since_the_last_beat_is_written_at_the_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_counts, "_counted", {})
    settings.HEARTBEAT_SECONDS = 3600
    heart = Heartbeat(instance="this one", since=time.monotonic())
    heart.start()
    wait_for(Node.objects.exists)
    request_counts.note(200)
    heart.stop()
    assert RequestCount.objects.get().requests == 1


def test_an_end_without_a_database_is_no_error(
    heartbeat: Heartbeat,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> None:
        raise OperationalError("the database went away\nfor good")

    heartbeat.start()
    wait_for(Node.objects.exists)
    monkeypatch.setattr(request_counts, "flush", fail)
    heartbeat.stop()
    assert "What was noted last is lost: the database went away" in caplog.messages
