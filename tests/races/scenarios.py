"""What the explorer searches: who takes part, and from which beginnings."""

from collections.abc import Iterator
from pathlib import Path

from tests.races.actors import (
    Actor,
    Delete,
    LostClaims,
    Put,
    Reader,
)
from tests.races.backups import Backup, Release
from tests.races.explorer import Explored, Explorer, Scenario, is_tidy, tidy
from tests.races.laboratory import laboratory
from tests.races.states import (
    ABSENT,
    CLAIMED,
    SHORT,
    TRUSTED,
    UNTRUSTED,
    WHOLE,
    BlobRow,
    Files,
    Ref,
    Rows,
    Version,
    one,
)
from tests.races.sweepers import OrphanRemover, Sweeper
from tests.races.transactions import (
    Batch,
    Copy,
    Marker,
    Move,
    RemoveVersions,
    Restore,
    Switch,
)
from tests.races.uploading import Abort, Begin, Complete, PutPart

_ON_A = ((one(1, 0),), ())

STARTS: tuple[tuple[Rows, Files], ...] = (
    # Nothing at all.
    (Rows(), (ABSENT, ABSENT)),
    # A live blob, and key `a` refers to it; trusted, and after a restore.
    (Rows((BlobRow(0, TRUSTED),), _ON_A), (WHOLE, ABSENT)),
    (Rows((BlobRow(0, UNTRUSTED),), _ON_A), (WHOLE, ABSENT)),
    # Condemned by a look that was stale, and referred to.
    (Rows((BlobRow(0, TRUSTED, condemned=True),), _ON_A), (WHOLE, ABSENT)),
    # Condemned: nothing refers to it.
    (Rows((BlobRow(0, TRUSTED, condemned=True),)), (WHOLE, ABSENT)),
    # Claimed long ago, by a PUT that crashed before or after it wrote.
    (Rows((BlobRow(0, CLAIMED),)), (ABSENT, ABSENT)),
    (Rows((BlobRow(0, CLAIMED),)), (WHOLE, ABSENT)),
    # Bytes without a row, whole and damaged.
    (Rows(), (WHOLE, ABSENT)),
    (Rows(), (SHORT, ABSENT)),
    # After a restore: a row that nothing refers to, its bytes missing or damaged.
    (Rows((BlobRow(0, UNTRUSTED),)), (ABSENT, ABSENT)),
    (Rows((BlobRow(0, UNTRUSTED),)), (SHORT, ABSENT)),
)

_SWEEP = Sweeper()
_ORPHANS = OrphanRemover()
_BACKUP = Backup()
_PUT = Put(content=0, key=0)
_PUT_ELSEWHERE = Put(content=0, key=1)
_OVERWRITE = Put(content=1, key=0)
_OTHER = Put(content=1, key=1)


# Versions of `a`, oldest first: two of one content; two of different ones, of which the
# first may be gone from the backend's trust; a delete marker over one.
VERSIONED: tuple[tuple[Rows, Files], ...] = tuple(
    (Rows(blobs, histories, versioning=versioning), files)
    for versioning in ("enabled", "suspended")
    for blobs, histories, files in (
        ((), ((), ()), (ABSENT, ABSENT)),
        (
            (BlobRow(0, TRUSTED), BlobRow(1, UNTRUSTED)),
            ((one(1, 0), one(2, 1, null=False)), ()),
            (WHOLE, WHOLE),
        ),
        (
            (BlobRow(0, TRUSTED, condemned=True),),
            ((one(1, 0, null=False), Version(null=False)), ()),
            (WHOLE, ABSENT),
        ),
    )
)

# An upload that has a part; an object made of two.
IN_PARTS: tuple[tuple[Rows, Files], ...] = (
    (Rows(parts=(None, None)), (ABSENT, ABSENT)),
    (
        Rows((BlobRow(0, TRUSTED, condemned=True),), parts=(Ref(1, 0), None)),
        (WHOLE, ABSENT),
    ),
    (
        Rows(
            (BlobRow(0, UNTRUSTED), BlobRow(1, TRUSTED)),
            ((Version((Ref(1, 0), Ref(2, 1)), segmented=True),), ()),
        ),
        (WHOLE, WHOLE),
    ),
)


def scenario(name: str, *actors: Actor) -> Scenario:
    """Return a scenario with every beginning."""
    return Scenario(name, actors, STARTS)


ONE_CONTENT = scenario(
    "one content, two keys",
    *(_PUT, _PUT_ELSEWHERE, Delete(0), Delete(1)),
    *(Reader(0), _ORPHANS, _SWEEP, _SWEEP),
)
SMALL = (
    ONE_CONTENT,
    scenario(
        "a lost claim, its number given to other content",
        *(_PUT, _OTHER, Delete(0), Delete(1), LostClaims(), _SWEEP),
    ),
    scenario(
        "two contents overwrite each other",
        *(_PUT, _OVERWRITE, Delete(0), Reader(0), _SWEEP),
    ),
    scenario(
        "a backup of one content",
        *(_PUT, _PUT_ELSEWHERE, Delete(0), Delete(1)),
        *(_BACKUP, Release(), _ORPHANS, _SWEEP),
    ),
    scenario(
        "three PUTs, two DELETEs, three SWEEPs",
        *(_PUT, _PUT, _PUT_ELSEWHERE, Delete(0), Delete(1)),
        *(_SWEEP, _SWEEP, _SWEEP),
    ),
    scenario(
        "two contents, two SWEEPs",
        *(_PUT, _OVERWRITE, Delete(0), _SWEEP, _SWEEP),
    ),
)
"""In the order in which a search that has little time should take them."""

TRANSACTIONS = (
    scenario(
        "a copy, a move and a batch",
        *(_PUT, Copy(0, 1), Move(1, 0), Batch(0, 1), Delete(0), _SWEEP),
    ),
    Scenario(
        "versions removed and restored",
        (_PUT, Restore(0), RemoveVersions(0), _SWEEP),
        VERSIONED,
    ),
    Scenario(
        "versions suspended and enabled again",
        (_PUT, RemoveVersions(0), Marker(0), Switch(), _SWEEP),
        VERSIONED,
    ),
    Scenario(
        "a part of one content, completed, aborted and copied",
        (
            *(Begin(), PutPart(0, 1), PutPart(0, 2), Complete(), Abort()),
            *(Copy(0, 1), Delete(0), Delete(1), _SWEEP),
        ),
        IN_PARTS,
    ),
)

LARGE = (
    scenario(
        "a backup of two contents",
        *(_PUT, _OVERWRITE, Delete(0), _BACKUP, Release(), _ORPHANS, _SWEEP),
    ),
    scenario(
        "a backup and two SWEEPs",
        *(_PUT, _PUT_ELSEWHERE, Delete(0), Delete(1)),
        *(_BACKUP, Release(), _ORPHANS, _SWEEP, _SWEEP),
    ),
    scenario(
        "a lost claim and orphans",
        *(_PUT, _OTHER, Delete(0), Delete(1), LostClaims(), _ORPHANS, _SWEEP),
    ),
    scenario(
        "two contents and orphans",
        *(_PUT, _OVERWRITE, Delete(0), Reader(0), _ORPHANS, _SWEEP),
    ),
    scenario(
        "one content, three PUTs, three SWEEPs and orphans",
        *(_PUT, _PUT, _PUT_ELSEWHERE, Delete(0), Delete(1)),
        *(Reader(0), _ORPHANS, _SWEEP, _SWEEP, _SWEEP),
    ),
    Scenario(
        "two contents in parts, a copy, a sweep",
        (
            *(Begin(), PutPart(0, 1), PutPart(1, 2), Complete(), Abort()),
            *(Copy(0, 1), Delete(0), Delete(1), _SWEEP),
        ),
        IN_PARTS,
    ),
    Scenario(
        "versions of two contents, restored, removed, suspended",
        (
            *(_PUT, _OVERWRITE, Restore(0), RemoveVersions(0), Marker(0)),
            *(Switch(), _SWEEP),
        ),
        VERSIONED,
    ),
    Scenario(
        "an upload completed among versions",
        (
            *(Begin(), PutPart(0, 1), Complete(), _PUT, Restore(0)),
            *(RemoveVersions(0), _SWEEP),
        ),
        VERSIONED,
    ),
    scenario(
        "a copy, a move and a batch of two contents",
        *(_PUT, _OVERWRITE, Copy(0, 1), Move(1, 0), Batch(0, 1), _SWEEP),
    ),
    scenario(
        "two contents, everybody",
        *(_PUT, _OVERWRITE, Delete(0), Reader(0), _ORPHANS, _SWEEP, _SWEEP),
    ),
)
"""Minutes, not seconds."""


def explore_all(
    scenarios: tuple[Scenario, ...], *, seconds: float, spool_dir: Path
) -> Iterator[Explored]:
    """Search one scenario after the other, together at most for so long, which they
    share alike.

    A state from which a sweep and a removal of orphans leave more than what the objects
    refer to counts as a violation, too.
    """
    left = seconds
    for place, each in enumerate(scenarios):
        with laboratory(spool_dir) as lab:
            explorer = Explorer(lab, each)
            share = left / (len(scenarios) - place)
            explored = explorer.explore(seconds=share)
            left -= explored.seconds
            if explored.violation is None and explored.seconds < share:
                explored = explored._replace(violation=untidy(explorer))
        yield explored


def untidy(explorer: Explorer) -> str | None:
    """Return a state from which one sweep does not leave exactly what is wanted."""
    for rows, files in explorer.everything_reached():
        left = tidy(explorer.lab, rows, files)
        if not is_tidy(*left):
            return f"a sweep of {rows}, {files} leaves {left}"
    return None
