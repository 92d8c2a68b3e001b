"""The search index on PostgreSQL: built beside writers, again after an interruption."""

import io
import threading
from collections.abc import Iterator

import pytest
from django.core import checks
from django.core.management import CommandError, call_command
from django.db import connection, connections
from pytest_django import Settings

from objects_app.models import Bucket, StoredObject
from objects_app.queries import search
from objects_app.queries import search_index as indexes
from objects_app.queries.search_conditions import Wanted
from objects_app.services import search_index
from tests.services.store import Store

NAMES = list(indexes.NAMES)


def run(*words: str) -> str:
    out = io.StringIO()
    call_command("build_search_index", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue().strip()


def found() -> set[str]:
    messages = checks.run_checks(databases=["default"])
    return {str(m.id) for m in messages if str(m.id).startswith("objects_app.")}


@pytest.mark.sqlite_only
@pytest.mark.django_db
@pytest.mark.parametrize("words", [(), ("--drop",)])
def test_sqlite_has_no_search_index(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="SQLite has no such index"):
        run(*words)


@pytest.mark.postgresql_only
@pytest.mark.django_db(transaction=True)
class TestOnPostgreSQL:
    """An index is built outside of any transaction, and stays after a test."""

    @pytest.fixture(autouse=True)
    def _without_index(self) -> Iterator[None]:
        search_index.drop()
        yield
        search_index.drop()

    def test_it_is_built_once_and_dropped_once(self) -> None:
        assert run() == f"Built {', '.join(NAMES)}."
        assert indexes.states() == dict.fromkeys(NAMES, True)
        assert run() == "Nothing to do."
        assert run("--drop") == f"Dropped {', '.join(NAMES)}."
        assert run("--drop") == "Nothing to do."

    def test_what_an_interrupted_build_left_is_built_anew(self) -> None:
        run()
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'search_tags'::regclass"
            )
        assert run() == "Built search_tags."
        assert indexes.states() == dict.fromkeys(NAMES, True)

    def test_writers_go_on_while_it_is_built(self, store: Store) -> None:
        """It waits for the transaction that is open, and writers do not wait for it."""
        store.put("before")
        told: list[indexes.Progress] = []
        heard = threading.Event()

        def tell(_name: str, progress: indexes.Progress) -> None:
            told.append(progress)
            heard.set()

        def build() -> None:
            try:
                search_index.build(tell=tell)
            finally:
                connections.close_all()

        other = connection.copy()
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("UPDATE stored_object SET node_id = 'open'")
            builder = threading.Thread(target=build)
            builder.start()
            assert heard.wait(30)
            store.put("meanwhile")
            with pytest.raises(search_index.CannotBuild, match="already"):
                search_index.build()
            cursor.execute("COMMIT")
        other.close()
        builder.join(30)
        assert told[0].phase.startswith("waiting")
        assert indexes.states() == dict.fromkeys(NAMES, True)

    def test_statistics_that_an_interrupted_build_lacks_are_made(self) -> None:
        run()
        indexes.forget()
        run()
        assert indexes.is_analyzed()

    def test_the_planner_knows_how_many_keys_hold_a_text(self, store: Store) -> None:
        bucket = Bucket.objects.get(pk=store.bucket().id)
        keys = [f"{n}/{'Invoice' if n % 4 == 0 else 'note'}" for n in range(2000)]
        rows = [StoredObject(bucket=bucket, key=k, size=1, etag="e") for k in keys]
        StoredObject.objects.bulk_create(rows, batch_size=500)
        run()
        assert 250 < search.expected(Wanted(text="invoice")) < 750

    def test_checks_say_when_setting_and_index_differ(self, settings: Settings) -> None:
        assert found() == set()
        settings.SEARCH_INDEX = True
        assert found() == {"objects_app.W007"}
        run()
        assert found() == set()
        settings.SEARCH_INDEX = False
        assert found() == {"objects_app.W008"}

    def test_who_may_not_have_trigrams_is_told_whom_to_ask(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP EXTENSION IF EXISTS pg_trgm")
            cursor.execute("CREATE ROLE nobody_much")
            cursor.execute("SET ROLE nobody_much")
        try:
            with pytest.raises(CommandError, match="CREATE EXTENSION pg_trgm"):
                run()
        finally:
            with connection.cursor() as cursor:
                cursor.execute("RESET ROLE")
                cursor.execute("DROP ROLE nobody_much")
