"""Races over one upload in parts, each with the outcomes that are right."""

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from pytest_django import Settings

from objects_app.errors import InvalidPart, NoSuchKey, NoSuchUpload, UploadCompleted
from objects_app.models import Blob, Segment, StoredObject, Upload, UploadPart
from objects_app.services import digests, quotas, sweep, uploads
from objects_app.services.multipart import Listed
from tests.blobs.bodies import digest
from tests.client import DataPlane
from tests.races.threads import race
from tests.services.store import Store
from tests.services.uploading import begin, complete, listed, put, upload_whole

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

PARTIES = 8
ROUNDS = 10
PATH = "/buckets/test/objects/a"


@pytest.fixture
def store(data_dir: Path, settings: Settings) -> Store:
    settings.MULTIPART_MIN_PART_BYTES = 0
    return Store()


def lost(results: list[Any]) -> list[type[Exception]]:
    return [type(one) for one in results if isinstance(one, Exception)]


def begun(store: Store, *bodies: bytes) -> Upload:
    upload = begin(store)
    for number, body in enumerate(bodies, start=1):
        put(upload, number, body)
    return upload


def present(store: Store) -> bytes | None:
    if not StoredObject.objects.filter(key="a").exists():
        return None
    return store.read()


def check_rows(store: Store) -> None:
    """See that totals are right, and a blob is there if something refers to it.

    Claims of parts that were refused are left out: the sweep gives them an hour.
    """
    used = quotas.used(bucket=store.bucket())
    sizes = list(StoredObject.objects.values_list("size", flat=True))
    assert (used.used_objects, used.used_bytes) == (len(sizes), sum(sizes))
    connection.check_constraints()
    sweep.sweep(grace_seconds=0)
    referred = {
        sha256
        for model in (StoredObject, Segment, UploadPart)
        for sha256 in model.objects.values_list("blob__sha256", flat=True)
    }
    kept = Blob.objects.filter(verified_at__isnull=False)
    assert set(kept.values_list("sha256", flat=True)) == referred - {None}


def test_parts_come_in_parallel_and_any_order(store: Store) -> None:
    upload = begin(store)
    bodies = {n: f"part {n % 5}, ".encode() for n in range(1, 4 * PARTIES + 1)}
    numbers = list(bodies)
    random.Random("order").shuffle(numbers)  # noqa: S311

    def send(mine: list[int]) -> None:
        for number in mine:
            put(upload, number, bodies[number])

    results = race(*(partial(send, numbers[i::PARTIES]) for i in range(PARTIES)))

    assert lost(results) == []
    complete(upload)
    assert store.read() == b"".join(bodies.values())
    check_rows(store)


def test_of_a_part_replaced_by_many_at_once_one_is_there(store: Store) -> None:
    upload = begin(store)
    bodies = [f"body {i}".encode() for i in range(PARTIES)]

    results = race(*(partial(put, upload, 1, body) for body in bodies))

    assert lost(results) == []
    [part] = listed(upload)
    assert part.sha256 in map(digest, bodies)
    complete(upload)
    assert store.read() in bodies


def test_a_part_replaced_while_it_is_completed_is_in_it_or_refused(
    store: Store,
) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first", b"last")
        chosen = listed(upload)

        completed, replaced = race(
            partial(complete, upload, chosen), partial(put, upload, 1, b"other")
        )

        if isinstance(replaced, UploadCompleted):
            assert not isinstance(completed, Exception)
            assert present(store) == b"firstlast"
            store.delete()
        else:
            assert isinstance(completed, InvalidPart)
            assert present(store) is None
            assert listed(upload)[0] == Listed(1, digest(b"other"))
            uploads.abort_upload(upload=upload)
    check_rows(store)


def test_of_completing_and_aborting_one_wins(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first", b"last")

        completed, aborted = race(
            partial(complete, upload, listed(upload)),
            partial(uploads.abort_upload, upload=upload),
        )

        if isinstance(completed, NoSuchUpload):
            assert aborted is None
            assert present(store) is None
        else:
            assert isinstance(aborted, UploadCompleted)
            assert present(store) == b"firstlast"
            store.delete()
    assert not UploadPart.objects.exists()
    check_rows(store)


def test_of_many_completions_one_wins(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first", b"last")
        chosen = listed(upload)

        results = race(*(partial(complete, upload, chosen) for _ in range(PARTIES)))

        assert lost(results) == [UploadCompleted] * (PARTIES - 1)
        assert Segment.objects.count() == 2
    check_rows(store)


def test_a_part_that_comes_while_it_is_aborted_leaves_nothing(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first")

        _, *results = race(
            partial(uploads.abort_upload, upload=upload),
            *(partial(put, upload, number, b"more") for number in (2, 3)),
        )

        assert set(lost(results)) <= {NoSuchUpload}
        assert not UploadPart.objects.exists()
    check_rows(store)


def test_an_upload_that_gets_a_part_does_not_expire(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first")
        Upload.objects.filter(pk=upload.pk).update(expires_at=Now())

        expired, stored = race(uploads.expire_uploads, partial(put, upload, 2, b"more"))

        assert (expired == 1) == isinstance(stored, NoSuchUpload)
        assert UploadPart.objects.count() == (0 if expired else 2)
        Upload.objects.all().delete()


def test_two_uploads_and_a_put_of_one_key_leave_one_of_them_whole(
    store: Store,
) -> None:
    for number in range(ROUNDS):
        one = begun(store, b"one ", b"%d" % number)
        two = begun(store, b"two ", b"%d " % number, b"more")

        results = race(
            partial(complete, one, listed(one)),
            partial(complete, two, listed(two)),
            partial(store.put, "a", b"put"),
        )

        assert lost(results) == []
        wanted = {b"one %d" % number, b"two %d more" % number, b"put"}
        assert present(store) in wanted
        assert Segment.objects.count() in {0, 2, 3}
    check_rows(store)


def test_a_sweep_takes_no_part_that_is_becoming_a_segment(store: Store) -> None:
    for number in range(ROUNDS):
        bodies = [b"first %d" % number, b"last %d" % number]
        for body in bodies:
            store.put("b", body)
        store.delete("b")
        upload = begin(store)

        def send(upload: Upload = upload, bodies: list[bytes] = bodies) -> None:
            for place, body in enumerate(bodies, start=1):
                put(upload, place, body)
            complete(upload)

        results = race(send, *[partial(sweep.sweep, grace_seconds=0)] * 3)

        assert lost(results) == []
        assert present(store) == b"".join(bodies)
    check_rows(store)


def test_a_digest_is_written_for_the_version_that_was_read_or_not_at_all(
    store: Store,
) -> None:
    for number in range(ROUNDS):
        whole = b"first %d, last" % number
        store.put("whole", whole)
        upload_whole(store, "a", b"first %d, " % number, b"last")

        def change(number: int = number) -> None:
            if number % 2:
                store.put("a", b"other")
            else:
                store.delete("a")

        def forget() -> None:
            store.delete("whole")
            sweep.sweep(grace_seconds=0)

        results = race(digests.compute_digests, change, forget)

        assert lost(results) == []
        assert present(store) == (b"other" if number % 2 else None)
    check_rows(store)


def test_a_copy_and_a_move_of_what_just_gets_its_digest_are_whole(
    store: Store, data_plane: DataPlane, settings: Settings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"

    def ask(path: str, source: str, target: str) -> int:
        names = {"from": source, "to": target}
        body = {end: {"bucket": "test", "key": key} for end, key in names.items()}
        sent = json.dumps(body).encode()
        return data_plane.request("POST", path, body=sent).status

    for number in range(ROUNDS):
        whole = b"first %d, last" % number
        store.put("whole", whole)
        for key in ("a", "b"):
            upload_whole(store, key, b"first %d, " % number, b"last")

        _, *statuses = race(
            digests.compute_digests,
            partial(ask, "/copy", "a", "copied"),
            partial(ask, "/move", "b", "moved"),
        )

        assert set(statuses) <= {200, 201}
        assert {store.read(key) for key in ("a", "copied", "moved")} == {whole}
    check_rows(store)


def test_an_object_that_shares_a_whole_keeps_it_from_the_sweep(store: Store) -> None:
    for number in range(ROUNDS):
        whole = b"first %d, last" % number
        store.put("whole", whole)
        upload_whole(store, "a", b"first %d, " % number, b"last")

        def forget() -> None:
            store.delete("whole")
            sweep.sweep(grace_seconds=0)

        results = race(
            digests.compute_digests, forget, partial(sweep.sweep, grace_seconds=0)
        )

        assert lost(results) == []
        assert present(store) == whole
        assert StoredObject.objects.get(key="a").sha256 == digest(whole)
    check_rows(store)


def test_a_reader_gets_one_whole_version_while_others_overwrite(
    store: Store, data_plane: DataPlane, settings: Settings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    contents = {b"first and last": (b"first ", b"and ", b"last"), b"one": (b"one",)}
    upload_whole(store, "a", b"one")

    def overwrite() -> None:
        for whole, parts in [*contents.items()] * ROUNDS:
            upload_whole(store, "a", *parts)
            store.put("a", whole)
            digests.compute_digests()

    def read() -> set[tuple[int, bytes]]:
        answers = [data_plane.get(PATH) for _ in range(10 * ROUNDS)]
        return {(answer.status, answer.body) for answer in answers}

    _, *results = race(overwrite, read, read)

    assert lost(results) == []
    found = {body for one in results for status, body in one if status == 200}
    refusals = {status for one in results for status, _ in one} - {200}
    assert found <= set(contents)
    assert refusals <= {503}


def test_a_delete_while_it_is_completed_finds_nothing_or_all(store: Store) -> None:
    for _ in range(ROUNDS):
        upload = begun(store, b"first", b"last")

        completed, deleted = race(
            partial(complete, upload, listed(upload)), store.delete
        )

        assert not isinstance(completed, Exception)
        if isinstance(deleted, NoSuchKey):
            assert present(store) == b"firstlast"
            store.delete()
        else:
            assert present(store) is None
    check_rows(store)
