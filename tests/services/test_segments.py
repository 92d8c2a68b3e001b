"""Reading objects made of segments: any range, one blob open at a time."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from objects_app.blobs.backend import BlobReader, backend
from objects_app.errors import BytesMissing, StorageBusy
from objects_app.services import objects, segments
from tests.blobs.bodies import digest
from tests.services.store import Store
from tests.services.uploading import begin, complete, look_up, put, upload_whole
from tests.stored import lose, replace

pytestmark = pytest.mark.django_db

BODIES = (b"first", b"", b"second", b"x", b"third")
WHOLE = b"".join(BODIES)
PLACES = st.integers(0, len(WHOLE))


@pytest.fixture(autouse=True)
def any_size(settings: Settings) -> None:
    settings.MULTIPART_MIN_PART_BYTES = 0


class Opened:
    """Counts what is open of the backend."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.ever = 0, 0
        store: Any = backend()
        original = store.open

        def counting(*args: Any, **options: Any) -> BlobReader:
            reader: Any = original(*args, **options)
            close = reader.close
            self.now, self.ever = self.now + 1, self.ever + 1

            def closing() -> None:
                self.now -= 1
                close()

            reader.close = closing
            return reader  # type: ignore[no-any-return]

        monkeypatch.setattr(store, "open", counting)


def read(start: int, length: int) -> bytes:
    with objects.open_bytes(row=look_up(), start=start, length=length) as reader:
        return reader.read()


def test_every_range_is_what_it_would_be_of_one_blob(store: Store) -> None:
    upload_whole(store, "a", *BODIES)

    @given(PLACES, PLACES, st.integers(1, 7))
    def check(one: int, other: int, block: int) -> None:
        start, end = sorted((one, other))
        row, length = look_up(), end - start
        assert read(start, length) == WHOLE[start:end]
        with objects.open_bytes(row=row, start=start, length=length) as reader:
            assert b"".join(iter(lambda: reader.read(block), b"")) == WHOLE[start:end]

    check()


def test_opening_takes_one_more_statement(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    row = look_up()
    with CaptureQueriesContext(connection) as statements:
        objects.open_bytes(row=row).close()
    assert len(statements) == 1


def test_one_blob_is_open_at_a_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_whole(store, "a", *BODIES)
    opened = Opened(monkeypatch)

    with objects.open_bytes(row=look_up()) as reader:
        while reader.read(2):
            assert opened.now == 1

    assert (opened.now, opened.ever) == (0, 4)


def test_what_is_not_read_is_not_opened(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload_whole(store, "a", *BODIES)
    opened = Opened(monkeypatch)

    with objects.open_bytes(row=look_up()) as reader:
        reader.read(6)

    assert (opened.now, opened.ever) == (0, 1)


@pytest.mark.files_only
def test_a_range_within_one_segment_is_a_file_for_sendfile(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    with objects.open_bytes(row=look_up(), start=6, length=3) as reader:
        assert hasattr(reader, "fileno")
        assert reader.read() == b"eco"


def test_the_first_segments_loss_is_known_before_anything_is_read(
    store: Store,
) -> None:
    upload_whole(store, "a", *BODIES)
    lose(digest(b"first"))
    with pytest.raises(BytesMissing) as missing:
        objects.open_bytes(row=look_up())
    assert missing.value.sha256 == digest(b"first")


def test_a_later_segments_loss_ends_the_reading_and_a_part_repairs_it(
    store: Store,
) -> None:
    upload_whole(store, "a", *BODIES)
    lose(digest(b"second"))

    with objects.open_bytes(row=look_up()) as reader:
        assert reader.read(5) == b"first"
        with pytest.raises(BytesMissing):
            reader.read(5)

    assert store.blob(b"second").verified_at is None
    store.put("b", b"second")
    assert store.read("a") == WHOLE


@pytest.mark.files_only
def test_a_segment_that_shrinks_meanwhile_does_not_let_the_next_slip_in(
    store: Store,
) -> None:
    upload_whole(store, "a", b"a segment", b"another")
    path = store.backend._root / "objects"  # type: ignore[attr-defined]
    sha256 = digest(b"a segment")
    with objects.open_bytes(row=look_up()) as reader:
        assert reader.read(1) == b"a"
        with (path / sha256[:2] / sha256[2:4] / sha256).open("r+b") as file:
            file.truncate(3)
        assert reader.read(10) == b" s"
        with pytest.raises(BytesMissing):
            reader.read(10)


def test_an_overwrite_in_place_after_the_look_up_is_noticed(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    row = look_up()

    store.put("a", b"whole")
    with pytest.raises(StorageBusy):
        objects.open_bytes(row=row)

    upload = begin(store)
    put(upload, 1, WHOLE)
    complete(upload)
    with pytest.raises(StorageBusy):
        objects.open_bytes(row=row)


def test_nothing_of_an_object_needs_no_statement(store: Store) -> None:
    upload_whole(store, "a", b"")
    row = look_up()
    with CaptureQueriesContext(connection) as statements:
        assert objects.open_bytes(row=row).read() == b""
    assert len(statements) == 0


def test_no_other_server_gives_what_is_made_of_segments(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    assert objects.download_url(row=look_up(), headers={}) is None


def test_chunks_are_held_against_each_segments_digest(store: Store) -> None:
    upload_whole(store, "a", *BODIES)
    chunks = segments.checked_chunks(store=backend(), row=look_up())
    assert b"".join(chunks) == WHOLE

    replace(digest(b"second"), b"sec0nd")
    with pytest.raises(BytesMissing) as missing:
        list(segments.checked_chunks(store=backend(), row=look_up()))
    assert missing.value.sha256 == digest(b"second")
