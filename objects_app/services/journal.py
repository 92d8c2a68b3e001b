"""The journal's followers: totals folded, or counted anew after a restore."""

from objects_app.queries import upkeep


def fold() -> int:
    """Add settled journal rows to the buckets' totals; return how many there were.

    Readers get exact totals either way: folding keeps the part they add up short.
    """
    return upkeep.fold_journal()


def recount() -> None:
    """Make every bucket's totals from its objects; writers wait meanwhile.

    For after a restore, when the journal's order is another server's.
    """
    upkeep.recount()
