"""Versions, uploads in parts and transactions over several keys, state by state."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from objects_app.queries import sql
from objects_app.queries.changes import Mark
from objects_app.services import multipart
from tests.races.actors import Delete, Local, Put
from tests.races.breaking import (
    SECONDS,
    STATEMENTS,
    assert_found,
    assert_lost,
    assert_sound,
    search,
    statement,
)
from tests.races.explorer import what_is_broken
from tests.races.laboratory import Laboratory
from tests.races.scenarios import IN_PARTS, TRANSACTIONS, VERSIONED, explore_all
from tests.races.states import TRUSTED, WHOLE, BlobRow, Ref, Rows
from tests.races.sweepers import Sweeper
from tests.races.transactions import Copy, RemoveVersions, Restore
from tests.races.uploading import Begin, Complete, PutPart

pytestmark = [pytest.mark.race, pytest.mark.sqlite_only, pytest.mark.django_db]


def test_no_state_of_versions_and_uploads_has_lost_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        assert_sound(explore_all(TRANSACTIONS, seconds=SECONDS, spool_dir=tmp_path))


class CopyWithoutMark(Copy):
    """Refers to the blob that it read of, whatever became of that."""

    def marks(self, local: Local) -> list[Mark]:
        return []


def test_a_copy_that_does_not_mark_its_blob_loses_bytes_when_there_is_no_guard(
    unguarded: Laboratory,
) -> None:
    assert_lost(search(unguarded, CopyWithoutMark(0, 1), Delete(0), Sweeper()))


def test_a_copy_that_does_not_mark_its_blob_is_refused_by_the_guard(
    lab: Laboratory,
) -> None:
    explored = search(lab, CopyWithoutMark(0, 1), Delete(0), Sweeper())

    assert_found(explored, "the blob is gone or being removed")


class RestoreWithoutMark(CopyWithoutMark, Restore):
    """Makes an old version new without its mark."""


def test_a_restore_that_does_not_mark_its_blob_is_refused_by_the_guard(
    lab: Laboratory,
) -> None:
    actors = (RestoreWithoutMark(0), RemoveVersions(0), Sweeper())

    explored = search(lab, *actors, starts=VERSIONED)

    assert_found(explored, "the blob is gone or being removed")


def without_rows(name: str) -> Any:
    return statement(name, STATEMENTS[name].replace("WHERE", "WHERE false AND"))


def test_segments_that_are_copied_without_a_mark_are_held_by_their_source(
    unguarded: Laboratory,
) -> None:
    """It has to be there in the same transaction, and refers to the same blobs."""
    with without_rows("segment_blobs"):
        explored = search(unguarded, Copy(0, 1), Delete(0), Sweeper(), starts=IN_PARTS)

    assert explored.complete, explored


def no_marks(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    return ()


def test_a_part_that_does_not_mark_its_blob_loses_bytes_when_there_is_no_guard(
    unguarded: Laboratory,
) -> None:
    with patch.object(sql, "mark", no_marks):
        assert_lost(
            search(unguarded, Begin(), PutPart(0, 1), Sweeper(), starts=IN_PARTS)
        )


def test_a_part_that_does_not_mark_its_blob_is_refused_by_the_guard(
    lab: Laboratory,
) -> None:
    with patch.object(sql, "mark", no_marks):
        explored = search(lab, Begin(), PutPart(0, 1), Sweeper(), starts=IN_PARTS)

    assert_found(explored, "the blob is gone or being removed")


class CompleteWithoutLooking(Complete):
    """Believes what it was told of the parts before."""

    def send(self, local: Local, marks: Sequence[Mark]) -> Any:
        with patch.object(multipart._Completion, "check", lambda completion: None):
            return super().send(local, marks)


def test_a_completion_that_does_not_look_again_has_other_parts_than_it_says(
    lab: Laboratory,
) -> None:
    both = (BlobRow(0, TRUSTED), BlobRow(1, TRUSTED))
    start = (Rows(both, parts=(Ref(1, 0), Ref(2, 1))), (WHOLE, WHOLE))
    actors = (PutPart(1, 1), PutPart(0, 2), CompleteWithoutLooking())

    explored = search(lab, *actors, starts=(start,), judge=what_is_broken)

    assert_found(explored, "is not where it should be")


def test_parts_that_outlive_their_completion_are_found(lab: Laboratory) -> None:
    with without_rows("drop_parts"):
        explored = search(lab, Begin(), PutPart(0, 1), Complete(), starts=IN_PARTS)

    assert_found(explored, "a completed upload has parts")


def test_segments_that_outlive_an_overwrite_are_found(lab: Laboratory) -> None:
    with without_rows("drop_segments"):
        explored = search(lab, Put(0, 0), starts=IN_PARTS)

    assert_found(explored, "a blob and segments")


def test_a_gap_that_a_removed_version_leaves_is_found(lab: Laboratory) -> None:
    with without_rows("close_gaps"):
        explored = search(
            lab, Put(0, 0), Restore(0), RemoveVersions(0), starts=VERSIONED
        )

    assert_found(explored, "does not last until the next")


def test_a_version_promoted_out_of_turn_is_found(lab: Laboratory) -> None:
    careless = STATEMENTS["promote"].replace("DESC", "ASC")

    with statement("promote", careless):
        explored = search(
            lab, Put(0, 0), Restore(0), RemoveVersions(0), starts=VERSIONED
        )

    assert_found(explored, "does not last until the next")


def test_a_version_that_is_not_superseded_in_time_is_found(lab: Laboratory) -> None:
    careless = STATEMENTS["supersede"].replace("superseded_at =", "prev_size =")

    with statement("supersede", careless):
        explored = search(lab, Put(0, 0), starts=VERSIONED)

    assert_found(explored, "does not last until the next")
