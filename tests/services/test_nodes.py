"""Heartbeats, by the database's clock, and what is told of them."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.models import Node
from objects_app.services import nodes
from objects_app.services.nodes import Identity

pytestmark = pytest.mark.django_db

FIRST = Identity("node-1", "first start", "1.0")
AGAIN = Identity("node-1", "second start", "1.1")


def beat(node: Identity, uptime: float = 0) -> bool:
    return nodes.heartbeat(node=node, uptime_seconds=uptime)


def grow_older(node_id: str, **by: float) -> None:
    Node.objects.filter(node_id=node_id).update(seen_at=Now() - timedelta(**by))


def test_the_first_beat_tells_when_the_node_started() -> None:
    assert beat(FIRST, uptime=60) is False
    [row] = nodes.nodes()
    assert (row.node_id, row.version, row.alive) == ("node-1", "1.0", True)
    assert row.seen_at - row.started_at == pytest.approx(
        timedelta(seconds=60), abs=timedelta(seconds=1)
    )


def test_a_later_beat_of_any_of_its_processes_moves_only_the_sight_of_it() -> None:
    beat(FIRST, uptime=60)
    grow_older("node-1", seconds=20)
    [before] = nodes.nodes()
    assert beat(FIRST, uptime=3) is False
    [after] = nodes.nodes()
    assert after.started_at == before.started_at
    assert after.seen_at > before.seen_at


def test_a_restart_is_a_new_start_under_the_same_name() -> None:
    beat(FIRST, uptime=3600)
    [before] = nodes.nodes()
    assert beat(AGAIN) is True
    [after] = nodes.nodes()
    assert after.version == "1.1"
    assert after.started_at > before.started_at


def test_two_instances_under_one_name_find_each_other_at_every_beat() -> None:
    beat(FIRST)
    assert [beat(AGAIN), beat(FIRST), beat(AGAIN)] == [True, True, True]


def test_a_node_that_missed_three_beats_is_silent(settings: Settings) -> None:
    settings.HEARTBEAT_SECONDS = 10
    for name, age in (("late", 25.0), ("gone", 35.0)):
        beat(Identity(name, "start", "1.0"))
        grow_older(name, seconds=age)
    assert [(row.node_id, row.alive) for row in nodes.nodes()] == [
        ("gone", False),
        ("late", True),
    ]


def test_a_node_that_was_silent_for_a_week_is_forgotten() -> None:
    for name, days in (("old", 8), ("quiet", 6)):
        beat(Identity(name, "start", "1.0"))
        grow_older(name, days=days)
    assert nodes.prune() == 1
    assert [row.node_id for row in nodes.nodes()] == ["quiet"]
