"""The dashboard's pages in a store of a million objects: server time and statements.

On PostgreSQL only, signed in as an administrator. Without HTTP: what is measured is
what a page costs the server, not the way to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.children import Child, children
from bench.report import Limit, Row, Target
from bench.scale import Bench
from bench.servers import store

_MOST_STATEMENTS = 10

# What each shows, and where; `page_views.fill` says what stands in the braces.
_PAGES = {
    "page-buckets": ("Buckets", "/ui/"),
    "page-root": ("A bucket's folders", "/ui/buckets/bench/"),
    "page-folder": ("The folder with all keys", "/ui/buckets/bench/?prefix=flat/"),
    "page-deep": (
        "Rows deep in that folder",
        "/ui/buckets/bench/?prefix=flat/&cursor={cursor}",
    ),
    "page-filter": (
        "That folder, filtered",
        "/ui/buckets/bench/?prefix=flat/&q=0001",
    ),
    "page-past": (
        "That folder at a moment",
        "/ui/buckets/bench/?prefix=flat/&at={at}",
    ),
    "page-restore": (
        "What its restore changes",
        "/ui/buckets/bench/restore/?prefix=flat/&at={at}",
    ),
    "page-object": ("An object", "/ui/buckets/bench/object?key=flat/0001234"),
    "page-versions": (
        "An object of many versions",
        "/ui/buckets/bench/object?key=many",
    ),
    "page-search": ("Search for one key", "/ui/search/?q=0001234"),
    "page-settings": ("A bucket's settings", "/ui/buckets/bench/settings/"),
    "page-uploads": ("Unfinished uploads", "/ui/buckets/bench/uploads/"),
    "page-jobs": ("Jobs", "/ui/jobs/"),
    "page-overview": ("Overview", "/ui/overview/"),
    "page-activity": ("Activity", "/ui/activity/"),
    "page-users": ("Users", "/ui/users/"),
    "page-admin-objects": ("Admin: objects", "/admin/objects_app/storedobject/"),
    "page-admin-blobs": ("Admin: blobs", "/admin/objects_app/blob/"),
    "page-admin-journal": ("Admin: journal", "/admin/objects_app/journalentry/"),
}
NAMES = (*_PAGES, "page-statements")


@contextmanager
def rows(bench: Bench) -> Iterator[list[Row]]:
    """Yield the rows while the store is there."""
    if bench.setup.database_url is None or bench.setup.s3 is not None:
        yield []
        return
    with (
        store(bench.setup, SEARCH_INDEX="on") as target,
        children("bench.page_views", 1, target.environment) as [insider],
    ):
        places = insider.ask("fill", keys=bench.scale.keys)
        paths = {name: path.format(**places) for name, (_, path) in _PAGES.items()}
        yield [
            *(_row(bench, insider, name, path) for name, path in paths.items()),
            _statements(insider, list(paths.values())),
        ]


def _row(bench: Bench, insider: Child, name: str, path: str) -> Row:
    seconds = bench.scale.seconds / 4
    cpu = 0.0

    def measure() -> float:
        nonlocal cpu
        took: float
        took, cpu = insider.ask("page", path=path, seconds=seconds)
        return took

    return Row(
        name=name,
        title=f"{_PAGES[name][0]}, of {bench.scale.keys:,} keys",
        unit="ms",
        measure=measure,
        limits=(Limit("100 ms", lambda: 100.0, Target("times or less", 1.0)),),
        prepare=measure,
        cpu=lambda: cpu,
    )


def _statements(insider: Child, paths: list[str]) -> Row:
    return Row(
        name="page-statements",
        title="Statements of the page with most",
        unit="statements",
        measure=lambda: max(insider.ask("statements", path=path) for path in paths),
        limits=(
            Limit(
                f"{_MOST_STATEMENTS} statements",
                lambda: float(_MOST_STATEMENTS),
                Target("times or less", 1.0),
            ),
        ),
        rounds=1,
    )
