"""The search index: built and dropped while the store goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import DatabaseError, connection, connections

from objects_app.errors import first_line
from objects_app.queries import search_index
from objects_app.queries.search_index import NAMES, Progress

_POLL_SECONDS = 0.5

Tell = Callable[[str, Progress], object]


class CannotBuild(Exception):
    """The reason, in one sentence that says what to do."""


def build(*, tell: Tell = lambda _name, _progress: None) -> list[str]:
    """Build what is missing; return the names of the indexes that were built.

    An index that an interrupted build left incomplete is dropped and built anew. `tell`
    hears of the progress twice a second. Raises CannotBuild.
    """
    _require_postgresql()
    if search_index.progress() is not None:
        raise CannotBuild(
            "An index of the objects is being built already: wait for it."
        )
    try:
        search_index.create_extension()
    except DatabaseError as error:
        raise CannotBuild(
            f"There is no pg_trgm in this database ({first_line(error)}): have an "
            "administrator of it run CREATE EXTENSION pg_trgm."
        ) from error
    states = search_index.states()
    missing = [name for name in NAMES if not states.get(name)]
    for name in missing:
        if name in states:
            search_index.drop(name)
        _build(name, tell)
    if missing or not search_index.is_analyzed():
        search_index.analyze()
    return missing


def drop() -> list[str]:
    """Drop the indexes; return the names of those there were. Raises CannotBuild."""
    _require_postgresql()
    there = [name for name in NAMES if name in search_index.states()]
    for name in there:
        search_index.drop(name)
    search_index.forget()
    return there


def _require_postgresql() -> None:
    if connection.vendor != "postgresql":
        raise CannotBuild("SQLite has no such index: searches work without.")


def _build(name: str, tell: Tell) -> None:
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(_create, name)
        while not building.done():
            try:
                building.exception(_POLL_SECONDS)
            except TimeoutError:
                if progress := search_index.progress():
                    tell(name, progress)
        building.result()


def _create(name: str) -> None:
    """In a thread, whose connection is its own."""
    try:
        search_index.create(name)
    finally:
        connections.close_all()
