"""Who works on the soak's store, each in a thread of its own."""

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

from objects_app.blobs.ingest import Spool
from objects_app.errors import NoSuchKey
from objects_app.queries.rows import ANYTHING, Preconditions
from objects_app.services import backup, dumps, journal, sweep
from tests.races.soak_world import CREATE_ONLY, World

Act = Callable[[random.Random], None]
UNKNOWN = object()


def writer(world: World) -> Act:
    """Puts any content under any shared key, sometimes only if it is new or as read."""
    contents = list(world.contents.values())
    weights = [4] * (len(contents) - 1) + [1]

    def act(dice: random.Random) -> None:
        key = dice.choice(world.keys)
        [content] = dice.choices(contents, weights)
        world.put(key, content, _conditions(world, dice, key))

    return act


def _conditions(world: World, dice: random.Random, key: str) -> Preconditions:
    chosen = dice.random()
    if chosen < 0.15:
        return CREATE_ONLY
    if chosen < 0.3 and (row := world.look_up(key)) is not None:
        return Preconditions(if_match=(row.etag,))
    return ANYTHING


def owner(world: World, key: str) -> Act:
    """Works alone on a key of its own: what it did is what it must find."""
    contents = list(world.contents.values())[:-1]
    expected: object = UNKNOWN

    def act(dice: random.Random) -> None:
        nonlocal expected
        before, expected = expected, UNKNOWN  # stays so if this crashes
        if dice.random() < 0.3 and before not in {None, UNKNOWN}:
            try:
                world.delete(key)
            except NoSuchKey:
                world.lose(f"{key}: its only writer cannot delete what it put")
            expected = None
        else:
            content = dice.choice(contents)
            world.put(key, content)
            expected = content
        if (found := world.read(key)) != expected:
            world.lose(f"{key}: its only writer finds {_short(found)}")

    return act


def _short(content: bytes | None) -> str:
    return "nothing" if content is None else hashlib.sha256(content).hexdigest()


def keeper(world: World, key: str) -> Act:
    """Puts a key and comes back for it later; nobody heals it meanwhile."""
    contents = list(world.contents.values())[:-1]

    def act(dice: random.Random) -> None:
        content = dice.choice(contents)
        world.put(key, content)
        for _ in range(3):
            world.stop.wait(dice.uniform(0, 0.1))
            if world.read(key) != content:
                world.lose(f"{key}: not what its only writer put")
        world.delete(key)

    return act


def deleter(world: World) -> Act:
    """Deletes any shared key."""

    def act(dice: random.Random) -> None:
        world.delete(dice.choice(world.keys))
        world.stop.wait(dice.uniform(0, 0.01))

    return act


def reader(world: World) -> Act:
    """Reads any shared key, at once or slowly, and compares every byte."""

    def act(dice: random.Random) -> None:
        world.read(dice.choice(world.keys), pause=dice.choice([0, 0.002, 0.05]))

    return act


def sweeper(world: World) -> Act:
    """Sweeps with hardly any grace."""

    def act(dice: random.Random) -> None:
        swept = sweep.sweep(
            grace_seconds=dice.choice([0, 0, 0.1, 1]),
            progress=lambda _: world.check_references(),
        )
        world.count("sweeps")
        world.count("removed blobs", swept.removed)
        world.count("rescues", swept.rescued)
        world.stop.wait(dice.uniform(0, 0.02))

    return act


def orphan_remover(world: World) -> Act:
    """Removes bytes without a row, its own and those of writers that crashed."""

    def act(dice: random.Random) -> None:
        if dice.random() < 0.3:
            leave_orphan(world, dice.randbytes(50))
        if dice.random() < 0.3:
            leave_orphan(world, dice.choice(list(world.contents.values())))
        swept = sweep.remove_orphans(grace_seconds=dice.choice([0, 0.1]))
        world.count("removed orphans", swept.removed)
        world.stop.wait(dice.uniform(0, 0.05))

    return act


def leave_orphan(world: World, content: bytes) -> str:
    """Store bytes that no row names, as a writer does that was too late."""
    sha256 = hashlib.sha256(content).hexdigest()
    with Spool(world.store.spool_dir) as spool:
        spool.write(content)
        world.store.write(sha256, spool)
    return sha256


def bookkeeper(world: World) -> Act:
    """Folds the journal, and compares its totals with the rows at one moment."""

    def act(dice: random.Random) -> None:
        world.count("folded journal rows", journal.fold())
        world.check_totals()
        world.check_references()
        world.stop.wait(dice.uniform(0, 0.05))

    return act


def backup_taker(world: World) -> Act:
    """Takes backups; until the next one, the bytes of all objects in it are there."""
    taken = 0

    def act(dice: random.Random) -> None:
        nonlocal taken
        taken += 1
        path = world.root / f"backup {taken}"
        try:
            backup.backup(path=path)
        except dumps.Unusable:  # on SQLite somebody else wrote for too long
            world.count("503s")
            return
        world.count("backups")
        needed = blobs_needed(path)
        for _ in range(5):
            world.stop.wait(dice.uniform(0, 0.1))
            for sha256, size in needed.items():
                if world.store.stat(sha256) != size:
                    world.lose(f"{sha256} is in the latest backup, its bytes are gone")
        if dice.random() < 0.5:  # and the sweep has its time
            backup.release()
            world.stop.wait(dice.uniform(0, 2))

    return act


def blobs_needed(path: Path) -> dict[str, int]:
    """Return the digests, and sizes, of all that is referred to in a backup."""
    blobs: dict[int, tuple[str, int]] = {}
    referred: set[int] = set()
    with dumps.Reader(path) as reader:
        for batch in reader.batches():
            for values in batch.rows:
                row = dict(zip(batch.columns, values, strict=True))
                if batch.table == "blob":
                    blobs[row["id"]] = (row["sha256"], row["size"])
                elif row.get("blob_id") is not None:
                    referred.add(row["blob_id"])
    return dict(blobs[id_] for id_ in referred)


def everybody(world: World) -> dict[str, Act]:
    """Return the actors of a soak by name."""
    return {
        **{f"writer {i}": writer(world) for i in range(4)},
        **{f"owner {i}": owner(world, f"own/{i}") for i in range(2)},
        **{f"keeper {i}": keeper(world, f"kept/{i}") for i in range(3)},
        **{f"deleter {i}": deleter(world) for i in range(2)},
        **{f"reader {i}": reader(world) for i in range(3)},
        **{f"sweeper {i}": sweeper(world) for i in range(2)},
        "orphan remover": orphan_remover(world),
        "backup taker": backup_taker(world),
        "bookkeeper": bookkeeper(world),
    }
