"""A backup's hold broken on purpose, to see that the search finds what it loses."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from objects_app.queries import holds, sqlite_upkeep
from tests.races.actors import START, Delete, Local, Put, Step
from tests.races.backups import Backup, Release
from tests.races.explorer import Explored, Explorer, Scenario, what_is_lost
from tests.races.laboratory import Laboratory
from tests.races.scenarios import STARTS
from tests.races.states import Files, Rows
from tests.races.sweepers import Sweeper

pytestmark = [pytest.mark.race, pytest.mark.sqlite_only, pytest.mark.django_db]

HOLD_SWEEP = sqlite_upkeep.hold_sweep


def search(lab: Laboratory, *actors: Any) -> Explored:
    parties = (Put(0, 0), Delete(0), Sweeper(), *actors)
    scenario = Scenario("a broken backup", parties, STARTS)
    return Explorer(lab, scenario, judge=what_is_lost).explore()


def assert_lost_from_backup(explored: Explored) -> None:
    assert explored.violation is not None, explored
    assert explored.violation.endswith("is in the backup that is held for"), explored


def test_a_sound_backup_keeps_the_bytes_of_all_its_objects(lab: Laboratory) -> None:
    explored = search(lab, Backup(), Release())

    assert explored.complete, explored


def test_without_undoing_stale_condemnings_a_backup_loses_bytes(
    lab: Laboratory,
) -> None:
    nothing = "UPDATE blob SET condemned_at = NULL WHERE 0"

    with patch.object(sqlite_upkeep, "_UNDO_STALE", nothing):
        assert_lost_from_backup(search(lab, Backup()))


def test_a_mark_that_knows_no_hold_loses_bytes_of_a_backup(lab: Laboratory) -> None:
    with patch.object(sqlite_upkeep, "_HELD", "0"):
        assert_lost_from_backup(search(lab, Backup()))


class BackupReadsFirst(Backup):
    """Takes its moment after it has read."""

    def steps(
        self, lab: Laboratory, rows: Rows, files: Files, local: Local
    ) -> Iterator[Step]:
        if local.at == "start":
            yield self.read(rows, files, Local())._replace(
                local=self.read(rows, files, Local()).local._replace(at="hold")
            )
        elif local.at == "hold":
            step = self.hold(lab, rows, files)
            yield step._replace(
                local=step.local._replace(at="complete", contents=local.contents)
            )
        else:
            yield from super().steps(lab, rows, files, local)

    def crash(self, rows: Rows, local: Local) -> Rows:
        return rows if local.at == "hold" else super().crash(rows, local)


def test_a_backup_that_reads_before_its_moment_loses_bytes(lab: Laboratory) -> None:
    assert_lost_from_backup(search(lab, BackupReadsFirst()))


class BackupMovesFirst(Backup):
    """Moves the hold of the backup before to its own moment, and is not complete."""

    def hold(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        def hold_and_move(**_: str) -> tuple[Any, bool]:
            moment, new = HOLD_SWEEP(backup="backup")
            holds.move(moment=moment, backup="backup")
            return moment, new

        with patch.object(sqlite_upkeep, "hold_sweep", hold_and_move):
            return super().hold(lab, rows, files)


def test_a_hold_moved_before_its_backup_is_complete_loses_the_one_before(
    lab: Laboratory,
) -> None:
    assert_lost_from_backup(search(lab, BackupMovesFirst()))


class BackupInsists(Backup):
    """Does not mind that its hold was released meanwhile."""

    def complete(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        step = super().complete(lab, rows, files, local)
        if step.label == "complete":
            return step
        rows = step.rows._replace(dump=local.contents)
        return Step("complete", rows, files, START)


def test_a_backup_whose_hold_was_released_meanwhile_may_have_lost_bytes(
    lab: Laboratory,
) -> None:
    assert_lost_from_backup(search(lab, BackupInsists(), Release()))
