"""manage.py nodes: which nodes are there, and which fell silent."""

from typing import Any

from django.core.management.base import BaseCommand

from objects_app.services.nodes import nodes

_LINE = "{:<{}}  {:<10}  {:<20}  {:<20}  {}"


class Command(BaseCommand):
    """Print one line a node."""

    help = "Show the nodes, their versions, and which have fallen silent."

    def handle(self, **options: Any) -> str:
        """Print the table and a summary."""
        found = nodes()
        width = max([len(node.node_id) for node in found], default=4)
        heads = "node", width, "version", "started (UTC)", "seen (UTC)", "state"
        self.stdout.write(_LINE.format(*heads))
        for node in found:
            self.stdout.write(
                _LINE.format(
                    node.node_id,
                    width,
                    node.version,
                    f"{node.started_at:%Y-%m-%d %H:%M:%S}",
                    f"{node.seen_at:%Y-%m-%d %H:%M:%S}",
                    "alive" if node.alive else "silent",
                )
            )
        silent = sum(not node.alive for node in found)
        return f"{len(found)} nodes, {silent} of them silent."
