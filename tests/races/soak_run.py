"""A soak: everybody works for a while, then everything is checked."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from django.db.models import Q
from django.test import override_settings

from objects_app.models import Blob, StoredObject
from objects_app.services import backup, journal, sweep
from tests.races import soak_transactions
from tests.races.soak_actors import everybody
from tests.races.soak_world import World, lost_races, trust, world

QUIET_SECONDS = 60.0
REPORT_SECONDS = 10.0
MOST_TIMES = 5
COUNTED = (
    "commits",
    "deletes",
    "reads",
    "reads that looked again",
    "sweeps",
    "removed blobs",
    "removed orphans",
    "rescues",
    "versions removed",
    "versions read",
    "delete markers",
    "batches",
    "copies",
    "moves",
    "parts",
    "completions",
    "aborts",
    "restores",
    "restored keys",
    "backups",
    "folded journal rows",
    "totals compared",
    "references compared",
    "503s",
)


def soak(
    root: Path,
    *,
    seconds: float,
    seed: str,
    crash_chance: float = 0.001,
    until: Sequence[str] = (),
    report: Callable[[str], object] = lambda _: None,
) -> World:
    """Let everybody work for so long, then check everything; return what was seen.

    It goes on until each thing of `until` was done, MOST_TIMES as long at most.
    """
    with world(root, seed=seed, crash_chance=crash_chance) as made:
        races = lost_races()
        made.refusals = soak_transactions.REFUSALS
        acts = {**everybody(made), **soak_transactions.everybody(made)}
        threads = [
            threading.Thread(target=made.run, args=(name, act), name=name)
            for name, act in acts.items()
        ]
        for thread in threads:
            thread.start()
        try:
            _watch(made, seconds, until, races, report)
        finally:
            made.stop.set()
            for thread in threads:
                thread.join()
        for problem in final_check(made):
            made.lose(problem)
        report(summary(made, races))
    return made


def _watch(
    made: World,
    seconds: float,
    until: Sequence[str],
    races: int,
    report: Callable[[str], object],
) -> None:
    """Change how long bytes are trusted while time goes by, and say what happens."""
    dice = random.Random(made.seed)  # noqa: S311
    started = reported = time.monotonic()
    while not made.failures:
        now = time.monotonic()
        left_out = not all(made.counts[what] for what in until)
        if now - started >= (seconds * MOST_TIMES if left_out else seconds):
            return
        if now - reported >= REPORT_SECONDS:
            reported = now
            report(f"{now - started:.0f} s: {summary(made, races)}")
        trust(dice.choice([0, 1, 86_400, 86_400]))
        made.stop.wait(min(0.5, seconds / 10))


def summary(made: World, races: int) -> str:
    """Return one line: what was done, and `losses: 0`."""
    done = "".join(f"{what}: {made.counts[what]}, " for what in COUNTED)
    return (
        f"{done}crashes injected: {made.crashes.injected},"
        f" lost races: {lost_races() - races}, losses: {len(made.losses)}"
    )


def final_check(made: World) -> list[str]:
    """Return what is wrong once all is quiet, after everything was swept."""
    made.crashes.chance = 0
    made.check_references()
    problems = [f"a thread failed: {failure}" for failure in made.failures]
    problems += read_everything(made)
    problems += settle()
    problems += read_everything(made)
    made.check_totals()
    journal.fold()
    made.check_totals()
    return problems + compare_blobs(made)


def read_everything(made: World) -> list[str]:
    """Read every version and compare its bytes and its blob's row."""
    problems = []
    for row in StoredObject.objects.select_related("blob"):
        if row.blob is not None and row.blob.sha256 != row.sha256:
            problems.append(f"{row.key} refers to the blob of other content")
        before = len(made.losses)
        if row.is_latest and not row.is_delete_marker:
            bucket = made.kept if row.bucket_id == made.kept.id else made.bucket
            found = made.read(row.key, bucket=bucket)
            if found is None and len(made.losses) == before:
                problems.append(f"{row.key} has a row and cannot be found")
        else:
            made.read_version(row)
        made.check_history(row.bucket_id, row.key)
    return problems


def settle() -> list[str]:
    """Sweep until nothing is condemned; what crashed sweepers held has its lease."""
    backup.release()
    deadline = time.monotonic() + QUIET_SECONDS
    with override_settings(SWEEP_LEASE_SECONDS=1):
        time.sleep(0.25)  # what was claimed last is then old, too
        while time.monotonic() < deadline:
            sweep.sweep(grace_seconds=0)
            if not Blob.objects.filter(condemned_at__isnull=False).exists():
                sweep.remove_orphans(grace_seconds=0)
                return []
            time.sleep(0.1)
    return [f"blobs that no sweep removes: {list(Blob.objects.values())}"]


def compare_blobs(made: World) -> list[str]:
    """Return where rows of blobs, stored files and references disagree."""
    rows = dict(Blob.objects.values_list("sha256", "size"))
    files = {stored.sha256: stored.size for stored in made.store.walk()}
    referred = (
        Q(stored_objects__isnull=False)
        | Q(segments__isnull=False)
        | Q(upload_parts__isnull=False)
    )
    wanted = {
        *Blob.objects.filter(referred).values_list("sha256", flat=True),
        # Segments' objects may know the digest of a whole that nobody has stored.
        *StoredObject.objects.exclude(blob=None).values_list("sha256", flat=True),
    }
    problems = [f"{sha256} has a row, no bytes" for sha256 in rows.keys() - files]
    problems += [f"{sha256} has bytes, no row" for sha256 in files.keys() - rows]
    problems += [f"{sha256} is not referred to" for sha256 in rows.keys() - wanted]
    problems += [f"{sha256} is lost" for sha256 in wanted - rows.keys()]
    problems += [
        f"{sha256} has {files[sha256]} bytes, not {size}"
        for sha256, size in rows.items()
        if files.get(sha256, size) != size
    ]
    return problems
