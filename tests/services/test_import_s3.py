"""Another S3 store's objects come over whole, once, with all that belongs to them."""

import hashlib
import random

import pytest

from objects_app.blobs.s3_source import Listed
from objects_app.http.foreign import describe
from objects_app.models import ImportedObject, StoredObject
from objects_app.services import buckets, import_s3, objects
from objects_app.services.transfer import Kind, Moved, Place, Watch
from tests.services.source import Source, run
from tests.services.store import ACTOR, Store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MIB = 1024 * 1024
ODD = [
    "a b/ü?&%41",
    "plus+and%2Fslash",
    "x" * 250,
    "tab\tnew\nline",
    "ü" * 60,
]


def test_every_object_comes_over_byte_for_byte(store: Store, source: Source) -> None:
    bodies = {key: key.encode() * 9 for key in [*ODD, "plain", "deep/er/key"]}
    bodies |= {"empty": b"", "large": random.Random("l").randbytes(3 * MIB)}  # noqa: S311
    for key, body in bodies.items():
        source.put(key, body)

    moved, failed = run(source.address())

    assert (moved.objects, failed) == (len(bodies), {})
    assert {key: store.read(key) for key in bodies} == bodies


def test_type_headers_and_metadata_are_kept(store: Store, source: Source) -> None:
    source.put(
        "a",
        ContentType="text/x-odd; charset=utf-8",
        CacheControl="max-age=60",
        ContentDisposition='attachment; filename="a b.txt"',
        ContentEncoding="gzip",
        ContentLanguage="de",
        Metadata={"Author": "Ada", "under_score": "x", "mtime": "1354040105.5"},
    )

    run(source.address())

    row = StoredObject.objects.get()
    assert row.content_type == "text/x-odd; charset=utf-8"
    assert row.headers == {
        "cache-control": "max-age=60",
        "content-disposition": 'attachment; filename="a b.txt"',
        "content-encoding": "gzip",
        "content-language": "de",
    }
    assert row.metadata == {
        "author": "Ada",
        "under_score": "x",
        "mtime": "1354040105.5",
    }


def test_only_the_folder_asked_for_and_its_name_is_replaced(
    store: Store, source: Source
) -> None:
    for key in ("photos/a", "photos/2026/b", "photos-old/c", "photos"):
        source.put(key)

    run(source.address("photos"), "test/pictures")

    keys = StoredObject.objects.order_by("key").values_list("key", flat=True)
    assert list(keys) == ["pictures/2026/b", "pictures/a"]


def test_a_second_run_reads_no_object(store: Store, source: Source) -> None:
    for number in range(30):
        source.put(f"k{number}", str(number).encode())
    run(source.address())
    counted: list[int] = []

    moved, failed = run(source.address(), bytes=counted.append)

    assert (moved, failed, counted) == (Moved(skipped=30), {}, [])


def test_what_changed_there_or_went_here_is_imported_again(
    store: Store, source: Source
) -> None:
    for key in ("same", "changed", "deleted here"):
        source.put(key, b"before")
    run(source.address())
    source.put("changed", b"after!")
    store.delete("deleted here")

    moved, _ = run(source.address())

    assert (moved.objects, moved.skipped) == (2, 1)
    assert store.read("changed") == b"after!"
    assert store.read("deleted here") == b"before"
    assert run(source.address())[0] == Moved(skipped=3)


def test_what_went_elsewhere_is_no_reason_to_skip(store: Store, source: Source) -> None:
    source.put("a")
    run(source.address(), "first")

    assert run(source.address(), "second")[0].objects == 1
    assert run(source.address(), "first/folder")[0].objects == 1


def test_deduplication_is_counted(store: Store, source: Source) -> None:
    store.put("known", b"x" * 1000)
    source.put("again", b"x" * 1000)

    moved, _ = run(source.address())

    assert (moved.bytes, moved.saved) == (1000, 1000)


def test_an_object_in_parts_comes_over_and_its_etag_is_no_digest(
    store: Store, source: Source
) -> None:
    dice = random.Random("parts")  # noqa: S311
    parts = [dice.randbytes(5 * MIB), dice.randbytes(5 * MIB), dice.randbytes(1000)]
    etag = source.put_in_parts("large", parts)
    assert etag.strip('"').endswith("-3")

    moved, failed = run(source.address())

    assert (moved.objects, failed) == (1, {})
    row = StoredObject.objects.get()
    assert row.sha256 == row.etag == hashlib.sha256(b"".join(parts)).hexdigest()
    assert store.read("large") == b"".join(parts)
    assert ImportedObject.objects.get().source_etag == etag.strip('"')
    assert run(source.address())[0] == Moved(skipped=1)


def test_a_key_that_gets_too_long_is_told_and_the_others_come(
    store: Store, source: Source
) -> None:
    source.put("good")
    source.put("n" * 240 + "/" + "n" * 240)

    moved, failed = run(source.address(), "test/" + "p" * 600)

    assert moved.objects == 1
    [reason] = failed.values()
    assert "at most 1024" in reason


def test_the_object_that_stands_for_the_folder_is_passed_by(
    store: Store, source: Source
) -> None:
    source.put("photos/a")
    listed = [Listed("photos/", "e", 0), Listed("photos/a", "f", 7)]
    task = import_s3._Import(
        source.open(),
        "photos/",
        Place("test", ""),
        store.bucket(),
        describe,
        objects.Description("", {}, {}),  # type: ignore[arg-type]
        Watch(),
    )

    first, second = [task._item(one) for one in listed]

    assert first.known is not None
    assert first.known.kind is Kind.PASSED_BY
    assert (second.known, second.key) == (None, "a")


def test_a_bucket_that_goes_takes_with_it_what_was_imported_into_it(
    store: Store, source: Source
) -> None:
    source.put("a")
    run(source.address())
    store.delete("a")

    buckets.delete_bucket(bucket=store.bucket(), by=ACTOR)

    assert not ImportedObject.objects.exists()
