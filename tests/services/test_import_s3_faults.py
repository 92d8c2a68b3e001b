"""A source that breaks off, changes, lies or is not there: told, and nothing half."""

import hashlib
import random
from collections.abc import Iterator
from typing import Any

import pytest

from objects_app.blobs import s3_source
from objects_app.blobs.s3_client import S3Server
from objects_app.blobs.s3_source import Listed, S3Source, SourceError
from objects_app.errors import InvalidArgument
from objects_app.http.foreign import describe
from objects_app.models import ImportedObject, StoredObject
from objects_app.services import import_s3
from objects_app.services.import_s3 import SourceAddress
from objects_app.services.transfer import Outcome, Place, Watch
from tests.servers.cutting import CuttingProxy, cutting_proxy
from tests.servers.faulty import Fault, faulty_s3
from tests.servers.ports import free_port
from tests.services.source import Source, run
from tests.services.store import Store

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

MIB = 1024 * 1024


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


def test_a_source_that_does_not_say_how_long_an_answer_is_has_listed_it(
    store: Store, source: Source
) -> None:
    source.put("whole", b"x" * 1000)
    source.put("short", b"y" * 1000)
    with faulty_s3(source.endpoint_url) as (url, proxy):
        proxy.choose = lambda request: Fault(
            no_length=request.target.partition("?")[0].endswith(("whole", "short")),
            truncate_to=999 if "short" in request.target else None,
        )
        moved, failed = run(source.address(endpoint_url=url))

    assert (moved.objects, list(failed)) == (1, ["short"])
    assert store.read("whole") == b"x" * 1000


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
