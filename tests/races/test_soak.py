"""A short soak on the database of the run, and proof that a soak would notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from objects_app.blobs.backend import BlobReader
from objects_app.models import Blob, StoredObject
from objects_app.queries.rows import ObjectRow
from objects_app.services import digests, objects
from tests.races.soak_actors import leave_orphan
from tests.races.soak_run import compare_blobs, final_check, soak, summary
from tests.races.soak_world import World, world
from tests.stored import lose, replace

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

SECONDS = 12.0
EVERYTHING = (
    "commits",
    "deletes",
    "reads",
    "removed blobs",
    "backups",
    "copies",
    "moves",
    "completions",
    "digests",
    "restores",
    "versions removed",
    "versions that went together",
)


@pytest.mark.alone
def test_a_short_soak_with_crashes_loses_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []

    made = soak(
        tmp_path,
        seconds=SECONDS,
        seed="short soak",
        until=EVERYTHING,
        report=said.append,
    )

    with capsys.disabled():
        print(f"\n{said[-1]}", end="", flush=True)
    assert made.losses == []
    assert said[-1].endswith("losses: 0")
    assert [what for what in EVERYTHING if not made.counts[what]] == []
    assert made.crashes.injected > 0


def quiet_world_with_two_objects(made: World) -> list[str]:
    """Put the smallest and the largest content; return their digests."""
    bodies = list(made.contents.values())
    return [
        made.put("small", bodies[2]).sha256,
        made.put("large", bodies[-1]).sha256,
    ]


def test_the_final_check_finds_nothing_wrong_with_a_sound_store(
    tmp_path: Path,
) -> None:
    with world(tmp_path, seed="sound") as made:
        digests = quiet_world_with_two_objects(made)

        assert final_check(made) == []
        assert made.losses == []
        assert {stored.sha256 for stored in made.store.walk()} == set(digests)


def test_the_final_check_notices_a_file_that_was_deleted_behind_its_back(
    tmp_path: Path,
) -> None:
    with world(tmp_path, seed="deleted") as made:
        small, _ = quiet_world_with_two_objects(made)
        lose(small)

        problems = final_check(made)

        assert f"{small} has a row, no bytes" in problems
        assert f"small: {small} is committed, its bytes are not there" in made.losses
        assert not summary(made, 0).endswith("losses: 0")


def test_the_final_check_notices_one_changed_byte(tmp_path: Path) -> None:
    with world(tmp_path, seed="changed") as made:
        _, large = quiet_world_with_two_objects(made)
        body = bytearray(made.contents[large])
        body[-1] ^= 1
        replace(large, bytes(body))

        final_check(made)

        assert f"large: wrong bytes under {large}" in made.losses


def test_the_comparison_notices_bytes_that_no_row_names(tmp_path: Path) -> None:
    with world(tmp_path, seed="orphan") as made:
        orphan = leave_orphan(made, b"nobody's")

        assert compare_blobs(made) == [f"{orphan} has bytes, no row"]
        assert final_check(made) == []
        assert list(made.store.walk()) == []


def test_the_comparison_notices_a_blob_that_nothing_refers_to(
    tmp_path: Path,
) -> None:
    with world(tmp_path, seed="unreferred") as made:
        small, _ = quiet_world_with_two_objects(made)
        made.delete("small")

        assert compare_blobs(made) == [f"{small} is not referred to"]
        assert final_check(made) == []
        assert not Blob.objects.filter(sha256=small).exists()


def test_the_check_of_totals_notices_an_object_that_the_journal_never_saw(
    tmp_path: Path,
) -> None:
    with world(tmp_path, seed="unjournalled") as made:
        quiet_world_with_two_objects(made)
        StoredObject.objects.filter(key="small").delete()

        made.check_totals()

        assert len(made.losses) == 1
        assert made.losses[0].startswith("the journal says")


@pytest.mark.sqlite_only
def test_the_check_of_references_notices_a_blob_whose_row_is_gone(
    tmp_path: Path,
) -> None:
    with world(tmp_path, seed="dangling") as made:
        small, _ = quiet_world_with_two_objects(made)
        with constraint_checks_disabled():
            Blob.objects.filter(sha256=small)._raw_delete("default")

        made.check_references()

        assert made.losses == [f"small refers to a blob that is gone: {small}"]
        made.delete("small")


@contextmanager
def constraint_checks_disabled() -> Iterator[None]:
    connection.disable_constraint_checking()
    try:
        yield
    finally:
        connection.enable_constraint_checking()


def test_a_version_that_comes_to_share_a_blob_while_it_is_read_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_bytes = objects.open_bytes

    def open_late(*, row: ObjectRow) -> BlobReader:
        digests.compute_digests()
        return open_bytes(row=row)

    with world(tmp_path, seed="shared") as made:
        pieces = list(made.contents.values())[2:4]
        upload = made.begin("in parts", bucket=made.kept)
        listed = [made.put_part(upload, *part) for part in enumerate(pieces, start=1)]
        made.complete(upload, listed)
        made.put("whole", b"".join(pieces))
        version = StoredObject.objects.get(key="in parts")
        monkeypatch.setattr(objects, "open_bytes", open_late)

        made.read_version(version)
        made.read("in parts", bucket=made.kept)

        version.refresh_from_db()
        assert version.blob_id is not None
        assert made.losses == []
        assert made.counts["versions read"] == 1
