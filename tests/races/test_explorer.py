"""The protocol searched state by state; and broken on purpose, to see that it shows."""

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import IntegrityError

from objects_app.queries import sqlite_upkeep
from objects_app.queries.rows import Claim
from objects_app.services import objects
from tests.races.actors import (
    START,
    Delete,
    Local,
    LostClaims,
    Put,
    Reader,
    Step,
)
from tests.races.breaking import (
    SECONDS,
    STATEMENTS,
    assert_lost,
    assert_sound,
    search,
    statement,
)
from tests.races.explorer import (
    Explorer,
    Scenario,
    is_tidy,
)
from tests.races.laboratory import Laboratory
from tests.races.scenarios import SMALL, STARTS, explore_all, untidy
from tests.races.states import (
    ABSENT,
    DIGESTS,
    HOLDER_DEAD,
    TRUSTED,
    WHOLE,
    BlobRow,
    Files,
    Rows,
)
from tests.races.sweepers import OrphanRemover, Sweeper

pytestmark = [pytest.mark.race, pytest.mark.sqlite_only, pytest.mark.django_db]

NOTHING = ((Rows(), (ABSENT, ABSENT)),)
MARK, SECURE = sqlite_upkeep.mark, objects.secure_bytes
CARELESS = STATEMENTS["mark_trusted"].replace("blob.condemned_at IS NULL AND", "")


def test_no_state_that_the_steps_lead_to_has_lost_anything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        assert_sound(explore_all(SMALL, seconds=SECONDS, spool_dir=tmp_path))


def test_from_every_state_one_sweep_leaves_only_what_objects_refer_to(
    lab: Laboratory,
) -> None:
    actors = (Put(0, 0), Put(1, 0), Delete(0), Sweeper())
    explorer = Explorer(lab, Scenario("tidy", actors, STARTS))
    explored = explorer.explore(seconds=SECONDS)

    assert explored.violation is None, explored
    assert len(explorer.reached) > len(STARTS)
    assert untidy(explorer) is None


class SweeperPastItsLease(Sweeper):
    """Takes over at once, also from one that is alive and about to delete."""

    lease_seconds = 0


def test_a_live_sweeper_that_deletes_after_its_lease_loses_bytes(
    lab: Laboratory,
) -> None:
    sweeper = SweeperPastItsLease()

    assert_lost(search(lab, Put(0, 0), sweeper, sweeper))


def look_at_nothing(**arguments: Any) -> Any:
    with patch.object(sqlite_upkeep, "_REFERRED", "0"):
        return MARK(**arguments)


def test_a_mark_without_its_second_look_loses_bytes_when_there_is_no_guard(
    unguarded: Laboratory,
) -> None:
    with patch.object(sqlite_upkeep, "mark", look_at_nothing):
        assert_lost(search(unguarded, Put(0, 0), Sweeper()))


def test_a_mark_without_its_second_look_is_refused_by_the_guard(
    lab: Laboratory,
) -> None:
    with patch.object(sqlite_upkeep, "mark", look_at_nothing):
        explored = search(lab, Put(0, 0), Sweeper())

    assert explored.violation is not None
    assert "a referenced blob cannot be deleting" in explored.violation


class SweeperThatMinds(Sweeper):
    """Gives up when the database refuses its mark."""

    refusals = 0

    def mark(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        try:
            return super().mark(lab, rows, files)
        except IntegrityError:
            self.refusals += 1
            return Step("refused", rows, files, START)


def test_the_guard_alone_keeps_every_blob_from_a_sweep_that_never_looks(
    lab: Laboratory,
) -> None:
    sweeper = SweeperThatMinds()

    with patch.object(sqlite_upkeep, "mark", look_at_nothing):
        explored = search(lab, Put(0, 0), Put(0, 1), Delete(0), sweeper, sweeper)

    assert explored.complete, explored
    assert sweeper.refusals > 0


def by_id_alone(name: str) -> Any:
    """The mark as it would be if a claim's digest and time were not looked at."""
    identity = re.compile(
        r"\n  AND blob\.sha256 = .*\n  AND \(.* OR blob\.created_at = \S+ \S+\)\)"
    )
    return statement(name, identity.sub("", STATEMENTS[name]))


def test_a_commit_by_id_alone_loses_bytes_once_a_claim_was_lost(
    lab: Laboratory,
) -> None:
    with by_id_alone("mark_seen"), by_id_alone("mark_trusted"):
        assert_lost(
            search(
                lab, Put(0, 0), Put(1, 1), LostClaims(), OrphanRemover(), starts=NOTHING
            )
        )


def test_a_trusted_mark_that_ignores_condemned_loses_bytes_when_there_is_no_guard(
    unguarded: Laboratory,
) -> None:
    with statement("mark_trusted", CARELESS):
        assert_lost(search(unguarded, Put(0, 0), Delete(0), Sweeper()))


def test_a_trusted_mark_that_ignores_condemned_is_refused_by_the_guard(
    lab: Laboratory,
) -> None:
    with statement("mark_trusted", CARELESS):
        explored = search(lab, Put(0, 0), Delete(0), Sweeper())

    assert explored.violation is not None
    assert "the blob is gone or being removed" in explored.violation


def test_a_commit_that_rescues_a_deleting_blob_loses_bytes_when_there_is_no_guard(
    unguarded: Laboratory,
) -> None:
    careless = STATEMENTS["mark_seen"].replace("AND deleting_since IS NULL", "")

    with statement("mark_seen", careless):
        assert_lost(search(unguarded, Put(0, 0), Sweeper()))


class PutRowFirst(Put):
    """Commits what it is going to write."""

    def claim(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        step = super().claim(lab, rows, files)
        if step.local == START:
            return step
        return step._replace(local=step.local._replace(at="commit", wrote=True))


def test_a_row_committed_before_its_bytes_is_a_loss(lab: Laboratory) -> None:
    assert_lost(search(lab, PutRowFirst(0, 0)))


def test_bytes_that_were_once_verified_and_not_looked_for_again_are_a_loss(
    lab: Laboratory,
) -> None:
    def believe(*, claim: Claim, **others: Any) -> bool:
        return claim.once_verified or SECURE(claim=claim, **others)

    with patch.object(objects, "secure_bytes", believe):
        assert_lost(search(lab, Put(0, 0)))


class SweeperDropsFirst(Sweeper):
    """Drops the row, then deletes the bytes."""

    def mark(self, lab: Laboratory, rows: Rows, files: Files) -> Step:
        step = super().mark(lab, rows, files)
        if step.local == START:
            return step
        return step._replace(local=step.local._replace(at="drop"))

    def drop(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        step = super().drop(lab, rows, files, local)
        return step._replace(local=Local("delete", contents=local.contents))

    def delete(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        digest = DIGESTS[local.contents[0]]
        files, _ = lab.on_files(files, lambda store: store.delete(digest))
        return Step("delete bytes", rows, files, START)


def test_a_row_dropped_before_its_bytes_are_deleted_is_a_loss(
    lab: Laboratory,
) -> None:
    assert_lost(search(lab, Put(0, 0), SweeperDropsFirst()))


class SweeperWithoutMark(Sweeper):
    """Deletes the bytes of what it has just condemned."""

    def condemn(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        step = super().condemn(lab, rows, files, local)
        files, _ = lab.on_files(files, lambda store: store.files.clear())
        return step._replace(files=files)


def test_bytes_deleted_as_soon_as_they_are_condemned_are_a_loss(
    lab: Laboratory,
) -> None:
    assert_lost(search(lab, Put(0, 0), SweeperWithoutMark()))


class OrphanRemoverWithoutRow(OrphanRemover):
    """Deletes bytes because they had no row a moment ago."""

    def adopt(self, lab: Laboratory, rows: Rows, files: Files, local: Local) -> Step:
        files, _ = lab.on_files(files, lambda store: store.files.clear())
        return Step("delete bytes", rows, files, START)


def test_orphans_removed_without_a_row_of_their_own_are_a_loss(
    lab: Laboratory,
) -> None:
    assert_lost(search(lab, Put(0, 0), OrphanRemoverWithoutRow()))


class ReaderLooksOnce(Reader):
    """Takes missing bytes for a loss without looking its row up again."""

    def remember(self, local: Local, effect: Any) -> Local:
        return local


def test_a_reader_that_would_look_only_once_sees_bytes_missing(
    lab: Laboratory,
) -> None:
    explored = search(lab, Put(0, 0), Delete(0), ReaderLooksOnce(0), Sweeper())

    assert explored.violation is not None
    assert "the row is what it was" in explored.violation


def test_a_journal_that_forgets_what_was_overwritten_is_found(
    lab: Laboratory,
) -> None:
    careless = STATEMENTS["journal"].replace("'$.bytes_delta'", "'$.size'")

    with statement("journal", careless):
        explored = search(lab, Put(0, 0), Put(1, 0))

    assert explored.violation is not None
    assert "the journal says" in explored.violation


def test_what_a_sweep_left_behind_would_be_seen() -> None:
    condemned = Rows((BlobRow(0, TRUSTED, condemned=True, deleting=HOLDER_DEAD),))

    assert not is_tidy(condemned, (ABSENT, ABSENT))
    assert not is_tidy(Rows(), (WHOLE, ABSENT))
    assert is_tidy(Rows(), (ABSENT, ABSENT))
