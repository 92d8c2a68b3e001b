"""The nodes that run this store: their heartbeats, and who has fallen silent.

All times are the database's clock, so a node whose own is wrong looks no different.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from objects_app.models import Node

_BEATS_MISSED = 3
_KEPT = timedelta(days=7)


class Identity(NamedTuple):
    """What a node says of itself. `instance` is new with each start."""

    node_id: str
    instance: str
    version: str


class NodeState(NamedTuple):
    """A node as its last heartbeat left it. Not alive: it has missed three."""

    node_id: str
    version: str
    started_at: datetime
    seen_at: datetime
    alive: bool


def heartbeat(*, node: Identity, uptime_seconds: float) -> bool:
    """Say that this node is there; its processes all write the same row.

    Returns whether the row was another instance's: this node's before its restart, or
    a second one's that runs under the same name.
    """
    ours = Node.objects.filter(node_id=node.node_id, instance=node.instance)
    if ours.update(version=node.version, seen_at=Now()):
        return False
    _, created = Node.objects.update_or_create(
        node_id=node.node_id,
        defaults={
            "instance": node.instance,
            "version": node.version,
            "started_at": Now() - timedelta(seconds=uptime_seconds),
            "seen_at": Now(),
        },
    )
    return not created


def nodes() -> list[NodeState]:
    """Return every node that was seen within a week, by name."""
    silence = timedelta(seconds=_BEATS_MISSED * settings.HEARTBEAT_SECONDS)
    rows = Node.objects.annotate(
        alive=ExpressionWrapper(
            Q(seen_at__gte=Now() - silence), output_field=BooleanField()
        )
    ).order_by("node_id")
    return [
        NodeState(row.node_id, row.version, row.started_at, row.seen_at, row.alive)
        for row in rows
    ]


def prune() -> int:
    """Forget nodes that were silent for a week; return how many."""
    removed, _ = Node.objects.filter(seen_at__lt=Now() - _KEPT).delete()
    return removed
