"""The soak's uploads in parts: replaced, aborted, completed, shared, left behind."""

import io
import random
from collections.abc import Callable

from objects_app.blobs.ingest import Expected
from objects_app.models import Upload
from objects_app.services import digests, multipart, uploads
from objects_app.services.multipart import Listed
from tests.races.soak_world import BY, DESCRIPTION, World

Act = Callable[[random.Random], None]
_UNKNOWN = object()


def assembler(world: World, key: str) -> Act:
    """Works alone on a key of its own: what it completed is what it must find.

    Now and then the whole is stored elsewhere, too, and the digest is computed, so that
    the key shares a blob that others delete. What it leaves behind in a crash expires.
    """
    contents = list(world.contents.values())[:-1]
    expected: object = _UNKNOWN

    def act(dice: random.Random) -> None:
        nonlocal expected
        before, expected = expected, _UNKNOWN  # stays so if this crashes
        bodies = dice.choices(contents, k=dice.randint(1, 3))
        upload = multipart.create_upload(
            bucket=world.bucket, key=key, description=DESCRIPTION, by=BY
        )
        if dice.random() < 0.3:
            put(world, upload, 1, dice.choice(contents))
        sent = [put(world, upload, n, body) for n, body in enumerate(bodies, start=1)]
        if dice.random() < 0.2:
            uploads.abort_upload(upload=upload)
            expected = before
        else:
            expected = complete(world, upload, sent, whole := b"".join(bodies))
            if dice.random() < 0.3:
                world.put(dice.choice(world.keys), whole)
        if dice.random() < 0.3:
            world.count("digests", digests.compute_digests().objects)
        if expected is not _UNKNOWN and world.read(key) != expected:
            world.lose(f"{key}: not what was completed")
        if dice.random() < 0.1:
            uploads.expire_uploads()

    return act


def put(world: World, upload: Upload, number: int, body: bytes) -> Listed:
    """Put a part; return it as the completion lists it."""
    part = multipart.put_part(
        bucket=world.bucket,
        upload=upload,
        number=number,
        stream=io.BytesIO(body),
        length=len(body),
        expected=Expected(),
    )
    return Listed(part.number, part.sha256)


def complete(world: World, upload: Upload, sent: list[Listed], whole: bytes) -> bytes:
    """Make the object, and let all know what it has to be."""
    etag = uploads.composite_etag([part.sha256 for part in sent])
    world.wholes[etag] = whole
    multipart.complete_upload(bucket=world.bucket, upload=upload, listed=sent, by=BY)
    world.count("completions")
    return whole
