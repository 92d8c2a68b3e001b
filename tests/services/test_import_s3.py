"""Another S3 store's objects come over whole, once, with all that belongs to them."""

import hashlib
import random
import secrets
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from objects_app.blobs import s3_source
from objects_app.blobs.s3_client import S3Server
from objects_app.blobs.s3_source import Listed, S3Source, SourceError
from objects_app.errors import InvalidArgument
from objects_app.http.foreign import describe
from objects_app.models import ImportedObject, StoredObject
from objects_app.services import buckets, import_s3, objects
from objects_app.services.import_s3 import SourceAddress
from objects_app.services.transfer import Kind, Moved, Outcome, Place, Watch
from tests.servers.cutting import CuttingProxy, cutting_proxy
from tests.servers.ports import free_port
from tests.services.store import ACTOR, Store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

MIB = 1024 * 1024


class Source:
    """A bucket of its own on the real server, and how to import from it."""

    def __init__(self, variables: dict[str, str]) -> None:
        self.endpoint_url = variables["S3_ENDPOINT_URL"]
        self.key = variables["AWS_ACCESS_KEY_ID"]
        self.secret = variables["AWS_SECRET_ACCESS_KEY"]
        self.bucket = f"source-{secrets.token_hex(6)}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
            config=Config(retries={"mode": "standard"}),
        )
        self.client.create_bucket(Bucket=self.bucket)

    def put(self, key: str, body: bytes = b"content", **options: Any) -> None:
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, **options)

    def put_in_parts(self, key: str, parts: list[bytes]) -> str:
        place = {"Bucket": self.bucket, "Key": key}
        upload = self.client.create_multipart_upload(**place)["UploadId"]
        done = [
            {
                "PartNumber": number,
                "ETag": self.client.upload_part(
                    **place, UploadId=upload, PartNumber=number, Body=part
                )["ETag"],
            }
            for number, part in enumerate(parts, 1)
        ]
        made = self.client.complete_multipart_upload(
            **place, UploadId=upload, MultipartUpload={"Parts": done}
        )
        return str(made["ETag"])

    def address(self, prefix: str = "", **changed: str) -> SourceAddress:
        given = {
            "endpoint_url": self.endpoint_url,
            "access_key_id": self.key,
            "secret_access_key": self.secret,
        } | changed
        return SourceAddress.parse(f"s3://{self.bucket}/{prefix}", **given)

    def open(self) -> S3Source:
        return S3Source(self.address().server, self.bucket)


@pytest.fixture
def source(s3_server: dict[str, str]) -> Iterator[Source]:
    made = Source(s3_server)
    yield made
    made.client.close()


def run(
    address: SourceAddress, place: str = "test", **watch: Any
) -> tuple[Moved, dict[str, str]]:
    told: list[Outcome] = []
    moved = import_s3.import_s3(
        source=address,
        place=Place.parse(place),
        owner_id=None,
        describe=describe,
        threads=4,
        watch=Watch(done=told.append, **watch),
    )
    return moved, {o.name: o.reason for o in told if o.kind is Kind.FAILED}


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


# Faults


@pytest.fixture
def proxy(source: Source) -> Iterator[CuttingProxy]:
    with cutting_proxy(source.endpoint_url) as made:
        yield made


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_s3, "_PAUSE_SECONDS", 0.01)


def test_a_stream_that_breaks_off_is_read_again(
    store: Store, source: Source, proxy: CuttingProxy
) -> None:
    body = random.Random("cut").randbytes(4 * MIB)  # noqa: S311
    source.put("large", body)
    proxy.cuts, proxy.after = 2, MIB

    moved, failed = run(source.address(endpoint_url=proxy.url))

    assert (moved.objects, failed) == (1, {})
    assert proxy.cuts <= 0
    assert store.read("large") == body


def test_a_stream_that_always_breaks_off_is_a_failure_and_no_object(
    store: Store, source: Source, proxy: CuttingProxy
) -> None:
    source.put("large", b"x" * 4 * MIB)
    source.put("small")
    proxy.cuts, proxy.after = 1000, MIB

    moved, failed = run(source.address(endpoint_url=proxy.url))

    assert (moved.objects, moved.failed) == (1, 1)
    assert "does not answer" in failed["large"]
    assert StoredObject.objects.get().key == "small"
    assert list(ImportedObject.objects.values_list("key", flat=True)) == ["small"]

    proxy.cuts = 0
    moved, failed = run(source.address(endpoint_url=proxy.url))
    assert (moved.objects, moved.skipped, failed) == (1, 1, {})


def test_an_interrupted_run_goes_on_where_it_stopped(
    store: Store, source: Source
) -> None:
    for number in range(60):
        source.put(f"k{number:02}", str(number).encode())

    def interrupt(_: Outcome) -> None:
        if StoredObject.objects.count() >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_s3.import_s3(
            source=source.address(),
            place=Place("test", ""),
            owner_id=None,
            describe=describe,
            threads=4,
            watch=Watch(done=interrupt),
        )
    there = StoredObject.objects.count()
    assert 20 <= there < 60

    moved, _ = run(source.address())

    assert (moved.objects, moved.skipped) == (60 - there, there)
    assert store.read("k42") == b"42"


def test_bytes_that_are_not_what_the_source_promises_are_not_stored(
    store: Store, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.put("a", ChecksumAlgorithm="SHA256")
    monkeypatch.setattr(s3_source, "_whole_sha256", lambda *_: "00" * 32)

    moved, failed = run(source.address())

    assert moved.failed == 1
    assert "SHA-256" in failed["a"]
    assert not StoredObject.objects.exists()


def test_a_digest_of_the_whole_object_is_used(source: Source) -> None:
    source.put("a", b"content", ChecksumAlgorithm="SHA256")
    [[listed]] = source.open().pages("")

    with source.open().open(listed) as found:
        assert found.sha256 == hashlib.sha256(b"content").hexdigest()


@pytest.mark.parametrize(
    ("response", "etag"),
    [
        ({"ChecksumSHA256": "x" * 43 + "=-2"}, "e"),
        ({"ChecksumSHA256": "A" * 43 + "=", "ChecksumType": "COMPOSITE"}, "e"),
        ({"ChecksumSHA256": "A" * 43 + "="}, "e-2"),
        ({"ChecksumSHA256": "not base64!"}, "e"),
        ({}, "e"),
    ],
)
def test_other_checksums_are_no_digest(response: dict[str, str], etag: str) -> None:
    assert s3_source._whole_sha256(response, Listed("k", etag, 1)) is None


def test_an_object_that_changed_since_it_was_listed_is_not_taken_for_it(
    source: Source,
) -> None:
    source.put("a", b"before")
    [[listed]] = source.open().pages("")
    source.put("a", b"after!")

    with pytest.raises(SourceError, match="changed since it was listed"):
        source.open().open(listed)


def test_an_object_that_went_since_it_was_listed_is_passed_by(
    store: Store, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.put("a")
    source.put("b")
    pages = S3Source.pages

    def then_deleted(self: S3Source, prefix: str) -> Any:
        for page in pages(self, prefix):
            source.client.delete_object(Bucket=source.bucket, Key="a")
            yield page

    monkeypatch.setattr(S3Source, "pages", then_deleted)

    moved, failed = run(source.address())

    assert (moved.objects, moved.passed_by, failed) == (1, 1, {})


def test_a_source_that_is_not_there_is_one_sentence(store: Store) -> None:
    nowhere = S3Server(f"http://127.0.0.1:{free_port()}", "here", "key", "secret")
    address = SourceAddress(nowhere, "bucket", "")

    with pytest.raises(SourceError, match="does not answer"):
        run(address)


def test_credentials_that_are_wrong_are_one_sentence(
    store: Store, source: Source
) -> None:
    with pytest.raises(SourceError, match="refuses it") as refused:
        run(source.address(secret_access_key="another"))
    assert "another" not in str(refused.value)


@pytest.mark.parametrize("url", ["bucket/prefix", "http://bucket", "s3://", "s3:///a"])
def test_a_source_is_named_by_an_s3_url(url: str) -> None:
    with pytest.raises(InvalidArgument, match="s3://bucket/prefix"):
        SourceAddress.parse(
            url, endpoint_url=None, access_key_id=None, secret_access_key=None
        )


def test_a_key_without_its_secret_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="IMPORT_SECRET_ACCESS_KEY"):
        SourceAddress.parse(
            "s3://b", endpoint_url=None, access_key_id="key", secret_access_key=None
        )


def test_a_bucket_that_goes_takes_with_it_what_was_imported_into_it(
    store: Store, source: Source
) -> None:
    source.put("a")
    run(source.address())
    store.delete("a")

    buckets.delete_bucket(bucket=store.bucket(), by=ACTOR)

    assert not ImportedObject.objects.exists()
