"""Races over one tus upload, each with the outcomes that are right."""

import io
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from objects_app.errors import (
    ContentUnknown,
    NoSuchUpload,
    OffsetMismatch,
    StorageBusy,
    UploadCompleted,
)
from objects_app.models import StoredObject, Upload, UploadPart
from objects_app.queries.rows import Scope
from objects_app.services import instant, quotas, sweep, tus
from objects_app.services.objects import Description
from objects_app.services.tus_body import Sent
from tests.blobs.bodies import digest
from tests.races.threads import race
from tests.services.store import ACTOR, Store

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 4
ROUNDS = 10
TEXT = Description("text/plain", {}, {})
WHOLE = b"first, second, and last"


@pytest.fixture
def store(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(tus, "PIECE_BYTES", 5)
    return Store()


def begin(store: Store, length: int | None = len(WHOLE)) -> Upload:
    return tus.create_upload(
        bucket=store.bucket(), key="a", length=length, description=TEXT, by=ACTOR
    )


def send(store: Store, upload: Upload, body: bytes, offset: int = 0) -> int:
    """Send a body as one request does, which looks the upload up; return the offset."""
    found = Upload.objects.filter(pk=upload.pk).first()
    if found is None:
        raise NoSuchUpload("It was ended meanwhile.")
    sent = Sent(io.BytesIO(body), offset, len(body))
    now = tus.append(upload=found, bucket=store.bucket(), sent=sent, by=ACTOR)
    return now.received


def lost(results: list[Any]) -> set[type[Exception]]:
    return {type(one) for one in results if isinstance(one, Exception)}


def check_totals(store: Store) -> None:
    used = quotas.used(bucket=store.bucket())
    sizes = list(StoredObject.objects.values_list("size", flat=True))
    assert (used.used_objects, used.used_bytes) == (len(sizes), sum(sizes))
    connection.check_constraints()


def test_of_many_bodies_for_one_offset_one_is_there_unmixed(store: Store) -> None:
    bodies = [bytes([n]) * len(WHOLE) for n in range(PARTIES)]
    for _ in range(ROUNDS):
        upload = begin(store)

        results = race(*(partial(send, store, upload, body) for body in bodies))

        assert results.count(len(WHOLE)) == 1
        assert lost(results) <= {OffsetMismatch, UploadCompleted}
        assert store.read() in bodies
    check_totals(store)


def test_an_upload_that_many_go_on_with_is_what_was_sent(store: Store) -> None:
    """Each looks where the upload is, and sends some of what follows there."""
    for number in range(ROUNDS):
        upload = begin(store)
        chance = random.Random(number)  # noqa: S311

        def go_on(upload: Upload = upload, chance: random.Random = chance) -> None:
            while True:
                upload = Upload.objects.get(pk=upload.pk)
                if upload.completed_at is not None:
                    return
                start = upload.received
                end = start + chance.randint(1, 12)
                try:
                    send(store, upload, WHOLE[start:end], start)
                except (OffsetMismatch, UploadCompleted):
                    continue

        results = race(*[go_on] * PARTIES)

        assert results == [None] * PARTIES
        assert store.read() == WHOLE
        store.delete()
    assert not UploadPart.objects.exists()
    check_totals(store)


def test_terminating_leaves_the_object_or_nothing(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begin(store)

        sent, ended = race(
            partial(send, store, upload, WHOLE), partial(tus.terminate, upload=upload)
        )

        assert ended is None
        assert not Upload.objects.exists()
        if StoredObject.objects.exists():
            assert store.read() == WHOLE
            store.delete()
        else:
            assert isinstance(sent, NoSuchUpload)
    check_totals(store)


def test_a_sweep_takes_nothing_that_is_on_its_way(store: Store) -> None:
    for number in range(ROUNDS):
        body = b"%d " % number + WHOLE
        for start in range(0, len(body), 5):
            store.put("b", body[start : start + 5])
        store.delete("b")
        upload = begin(store, len(body))

        results = race(
            partial(send, store, upload, body),
            *[partial(sweep.sweep, grace_seconds=0)] * 3,
        )

        assert lost(results) == set()
        assert store.read() == body
    check_totals(store)


def test_known_content_is_linked_whole_or_unknown_while_it_is_swept(
    store: Store,
) -> None:
    def link(content: bytes) -> None:
        instant.put_known(
            bucket=store.bucket(),
            key="b",
            sha256=digest(content),
            description=TEXT,
            readable=Scope(everything=True),
            by=ACTOR,
        )

    def forget() -> None:
        store.delete()
        sweep.sweep(grace_seconds=0)

    for number in range(ROUNDS):
        content = b"known %d" % number
        store.put("a", content)

        linked, forgotten, swept = race(
            partial(link, content), forget, partial(sweep.sweep, grace_seconds=0)
        )

        assert lost([forgotten, swept]) == set()
        if linked is None:
            assert store.read("b") == content
            store.delete("b")
        else:
            assert isinstance(linked, ContentUnknown | StorageBusy)
    check_totals(store)
