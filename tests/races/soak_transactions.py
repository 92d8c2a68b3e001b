"""Who works on versions, and on many keys at once, in the soak's store."""

import random
from datetime import timedelta

from objects_app.errors import (
    BatchRefused,
    BytesMissing,
    InvalidPart,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    PreconditionFailed,
    SourceIsTarget,
    UploadCompleted,
)
from objects_app.models import StoredObject, Upload
from objects_app.queries import sql
from objects_app.queries.rows import BucketRow
from objects_app.services import (
    digests,
    objects,
    operations,
    prefixes,
    restore,
    uploads,
)
from objects_app.services.drafts import Draft
from tests.races.soak_actors import Act
from tests.races.soak_world import BY, World

REFUSALS = (
    BatchRefused,
    BytesMissing,  # what was to be copied is gone, and swept, since it was read
    InvalidPart,
    NoSuchKey,
    NoSuchUpload,
    NoSuchVersion,
    PreconditionFailed,
    SourceIsTarget,
    UploadCompleted,
)
MOST_VERSIONS = 3  # of a key, or so: more are removed
LONGEST_AGO = timedelta(seconds=1)


def versioner(world: World) -> Act:
    """Puts and deletes keys that keep their versions, and removes some of these."""
    contents = list(world.contents.values())[:3]

    def act(dice: random.Random) -> None:
        key = dice.choice(world.keys)
        chosen = dice.random()
        if chosen < 0.4:
            world.put(key, dice.choice(contents), bucket=world.kept)
        elif chosen < 0.5:
            world.delete(key, bucket=world.kept)
            world.count("delete markers")
        else:
            _remove_version(world, dice, key)

    return act


def _remove_version(world: World, dice: random.Random, key: str) -> None:
    rows = StoredObject.objects.filter(bucket_id=world.kept.id, key=key)
    ids = list(rows.order_by("created_at").values_list("version_id", flat=True))
    if len(ids) > dice.randrange(MOST_VERSIONS):
        objects.delete_version(
            bucket=world.kept, key=key, version_id=dice.choice(ids), by=BY
        )
        world.count("versions removed")


def batcher(world: World) -> Act:
    """Copies, moves and deletes several keys at once, also between the buckets."""

    def act(dice: random.Random) -> None:
        keys = dice.sample(world.keys, k=len(world.keys))
        wanted: list[operations.Operation] = []
        while keys and len(wanted) < 3:
            target = operations.Target(_either(world, dice), keys.pop())
            if dice.random() < 0.2:
                wanted.append(operations.Delete(target))
            elif keys:
                source = operations.Source(_either(world, dice), keys.pop())
                verb = operations.Move if dice.random() < 0.5 else operations.Copy
                wanted.append(verb(source, target))
            if dice.random() < 0.4:
                break
        operations.perform(operations=wanted, by=BY)
        for one in wanted:
            world.count("moves" if isinstance(one, operations.Move) else "copies")
        world.count("batches")

    return act


def _either(world: World, dice: random.Random) -> BucketRow:
    return world.kept if dice.random() < 0.8 else world.bucket


def uploader(world: World) -> Act:
    """Puts parts, in any order and again, and completes or aborts; so may others, for
    it takes up what they have begun."""
    contents = list(world.contents.values())[2:5]

    def act(dice: random.Random) -> None:
        begun = list(Upload.objects.filter(completed_at=None).select_related("bucket"))
        upload = (
            dice.choice(begun)
            if len(begun) > 2
            else world.begin(dice.choice(world.keys), bucket=_either(world, dice))
        )
        if dice.random() < 0.2:
            uploads.abort_upload(upload=upload)
            world.count("aborts")
            return
        most = dice.randint(1, 3)
        numbers = dice.sample(range(1, most + 1), k=most)
        listed = [
            world.put_part(upload, number, dice.choice(contents)) for number in numbers
        ]
        if dice.random() < 0.6:
            world.complete(upload, sorted(listed))

    return act


def digester(world: World) -> Act:
    """Computes the digests of what was uploaded in parts, and puts some of that whole,
    so that versions made of segments come to share its blob."""

    def act(dice: random.Random) -> None:
        world.count("digests", digests.compute_digests().objects)
        if world.composed:
            pieces = dice.choice(list(world.composed.values()))
            whole = b"".join(world.contents[sha256] for sha256 in pieces)
            world.put(dice.choice(world.keys), whole)
        world.stop.wait(dice.uniform(0, 0.2))

    return act


def restorer(world: World) -> Act:
    """Makes all of a bucket what it was a moment ago."""

    def act(dice: random.Random) -> None:
        moment = sql.clock() - LONGEST_AGO * dice.random()
        if world.kept.versioned_since is not None:
            moment = max(moment, world.kept.versioned_since)
        done = restore.restore(bucket=world.kept, prefix="", moment=moment, by=BY)
        world.count("restores")
        world.count("restored keys", done.restored + done.removed)
        world.stop.wait(dice.uniform(0, 0.1))

    return act


def emptier(world: World) -> Act:
    """Lets all that a key had a moment ago go for good, a few versions at a time."""

    def act(dice: random.Random) -> None:
        moment = sql.clock() - LONGEST_AGO * dice.random()
        bucket = _either(world, dice)
        work = prefixes.Work(bucket, dice.choice(world.keys), at=moment.isoformat())
        step = prefixes.Step(0, "")

        def draw(draft: Draft) -> None:
            nonlocal step
            now = prefixes.look_up_again(work)
            step = prefixes.plan_delete_versions(draft, now, "", dice.randint(1, 4))

        prefixes.commit(draw=draw, by=BY)
        world.count("versions that went together", step.keys)
        world.stop.wait(dice.uniform(0, 0.1))

    return act


def historian(world: World) -> Act:
    """Reads any version that there is, and sees that each lasts until the next."""

    def act(dice: random.Random) -> None:
        key = dice.choice(world.keys)
        world.check_history(world.kept.id, key)
        rows = list(StoredObject.objects.filter(bucket_id=world.kept.id, key=key))
        if rows:
            world.read_version(dice.choice(rows))

    return act


def everybody(world: World) -> dict[str, Act]:
    """Return the actors of versions and transactions by name."""
    return {
        **{f"versioner {i}": versioner(world) for i in range(2)},
        **{f"batcher {i}": batcher(world) for i in range(2)},
        **{f"uploader {i}": uploader(world) for i in range(2)},
        "digester": digester(world),
        "restorer": restorer(world),
        "emptier": emptier(world),
        "historian": historian(world),
    }
