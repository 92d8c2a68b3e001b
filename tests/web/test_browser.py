"""The browser: what is in a folder, and who sees what of it."""

import io
import json
import re
import zipfile
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from objects_app.models import Bucket, Grant, Role, StoredObject
from tests.client import DataPlane
from tests.histories import hour, make_history, passed_moment
from tests.stored import lose

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

HERE = "/ui/buckets/photos/"
ODD = ["a b+c%20&?#.txt", 'it\'s "quoted"', "😀.txt", "שלום.txt", "<script>x</script>"]


@pytest.fixture
def photos(alice: User) -> Bucket:
    """Alice's bucket."""
    return Bucket.objects.create(name="photos", owner=alice)


@pytest.fixture
def reader(client: Client, alice: User) -> Client:
    """Alice, signed in."""
    client.force_login(alice)
    return client


@pytest.fixture
def versioned(photos: Bucket) -> Bucket:
    """Alice's bucket, with versions since long ago."""
    photos.versioning = Bucket.Versioning.ENABLED
    photos.versioned_since = hour(-1)
    photos.save()
    return photos


def fill(bucket: Bucket, *keys: str) -> None:
    """Give the bucket an object of one byte, never stored, under each key."""
    for key in keys:
        make_history(bucket, key, [0])


def names(page: str) -> list[str]:
    """Return what a page or part shows, in order."""
    return [
        unescape(name)
        for name in re.findall(r"<a href=[^>]*><bdi>(.*?)</bdi>", _rows(page))
    ]


def hrefs(page: str) -> list[str]:
    """Return where the names lead."""
    return [
        unescape(href) for href in re.findall(r'<a href="([^"]*)"><bdi>', _rows(page))
    ]


def _rows(page: str) -> str:
    return page[page.index("<tbody") :] if "<tbody" in page else ""


def part(client: Client, query: str = "") -> str:
    """Return what htmx gets."""
    return client.get(
        f"{HERE}?{query}", headers={"HX-Request": "true"}
    ).content.decode()


def test_folders_and_files_are_in_the_order_of_names(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "b.txt", "a/1.jpg", "a/2.jpg", "c/d/e.jpg")
    page = reader.get(HERE).content.decode()
    assert names(page) == ["a", "b.txt", "c"]
    assert hrefs(page) == [
        f"{HERE}?prefix=a%2F",
        f"{HERE}object?key=b.txt",
        f"{HERE}?prefix=c%2F",
    ]


def test_a_folder_shows_where_one_is(reader: Client, photos: Bucket) -> None:
    fill(photos, "c/d/e.jpg")
    page = reader.get(HERE, {"prefix": "c/d/"}).content.decode()
    assert names(page) == ["e.jpg"]
    crumbs = page[page.index("<ol>") : page.index("</ol>")]
    assert re.findall(r'href="([^"]*)"', crumbs) == [
        "/ui/",
        HERE,
        f"{HERE}?prefix=c%2F",
        f"{HERE}?prefix=c%2Fd%2F",
    ]


@pytest.mark.parametrize("name", ODD)
def test_any_key_is_shown_as_text_and_its_links_lead_to_it(
    reader: Client, photos: Bucket, name: str
) -> None:
    fill(photos, f"{name}/x", f"in/{name}")
    page = reader.get(HERE, {"prefix": "in/"}).content.decode()
    assert names(page) == [name] if "/" not in name else ["<script>x<"]
    folder = hrefs(reader.get(HERE).content.decode())[0]
    assert reader.get(folder).status_code == 200
    assert "<script>x" not in page


def test_a_name_of_several_lines_is_shown_in_one(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "\nbegins", "two\r\nlines\x7f", "\tin/it")
    page = reader.get(HERE).content.decode()
    assert names(page) == ["␉in", "␊begins", "two␍␊lines␡"]
    assert reader.get(hrefs(page)[1]).status_code == 200


def test_an_objects_row_has_its_size_type_and_bytes(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "a/b.txt", "a/../c")
    page = reader.get(HERE, {"prefix": "a/"}).content.decode()
    assert "#file-text" in page
    assert ">1 B<" in page
    assert 'href="/buckets/photos/objects/a/b.txt?redirect=0"' in page
    assert 'href="/archive?bucket=photos&amp;prefix=a%2F..%2F"' in page
    assert "/buckets/photos/objects?key=a/../c" in part(reader, "prefix=a/../")


def test_rows_come_page_by_page(reader: Client, photos: Bucket) -> None:
    fill(photos, *(f"{number:03}" for number in range(205)))
    page = reader.get(HERE).content.decode()
    seen = names(page)
    while more := re.search(r'hx-get="([^"]*cursor=[^"]*)"', page):
        page = reader.get(
            unescape(more[1]), headers={"HX-Request": "true"}
        ).content.decode()
        assert page.lstrip().startswith("<tbody")
        seen += names(page)
    assert seen == [f"{number:03}" for number in range(205)]


def test_more_is_a_link_where_there_are_no_scripts(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, *(f"{number:03}" for number in range(101)))
    page = reader.get(HERE).content.decode()
    [more] = re.findall(r'<a href="([^"]*)">More</a>', page)
    page = reader.get(unescape(more)).content.decode()
    assert names(page) == ["100"]
    assert "Back to the first names" in page


def test_as_many_rows_as_were_shown_come_again(reader: Client, photos: Bucket) -> None:
    fill(photos, *(f"{number:03}" for number in range(205)))
    for asked, expected in (("200", 200), ("5", 100), ("-1", 100), ("9999999", 100)):
        assert len(names(part(reader, f"rows={asked}"))) == expected
    assert len(names(part(reader, "rows=99999"))) == 205


def test_the_filter_is_what_names_here_begin_with(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "in/apple", "in/apricot/1", "in/Apple", "in/banana", "apple")
    found = part(reader, "prefix=in/&q=ap")
    assert names(found) == ["apple", "apricot"]
    assert "<html" not in found
    assert "/ui/search/?bucket=photos&amp;prefix=in%2F&amp;q=ap" in found
    assert names(part(reader, "prefix=in/ap")) == ["apple", "apricot"]
    assert "No name here begins with “x”" in part(reader, "prefix=in/&q=x")


def test_the_empty_object_that_makes_a_folder_is_no_row_of_it(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "full/")
    assert names(reader.get(HERE).content.decode()) == ["full"]
    assert names(part(reader, "prefix=full/")) == ["/"]  # one with bytes is to be seen
    StoredObject.objects.update(size=0)
    assert "This folder is empty" in part(reader, "prefix=full/")


def test_an_empty_bucket_says_what_to_do(reader: Client, photos: Bucket) -> None:
    listing = part(reader)
    assert "Drop files or whole folders here" in listing
    assert 'data-pick="files"' in listing
    assert 'data-pick="folder"' in listing


def grant(bucket: Bucket, user: User, role: Role, prefix: str = "") -> None:
    """Let somebody in."""
    Grant.objects.create(bucket=bucket, user=user, role=role, prefix=prefix)


def test_who_only_reads_sees_nothing_that_writes(
    client: Client, photos: Bucket, bob: User
) -> None:
    grant(photos, bob, Role.READER)
    client.force_login(bob)
    empty = client.get(HERE).content.decode()
    assert "Drop files" not in empty
    fill(photos, "a/b")
    page = client.get(HERE).content.decode()
    assert names(page) == ["a"]
    for action in ("delete", "move", "rename", "tags", "newFolder"):
        assert f'data-do="{action}"' not in page
    assert "data-may-write" not in page
    assert "data-may-write" not in client.get(HERE, {"prefix": "a/"}).content.decode()


def test_a_grant_on_a_folder_opens_it_and_no_other(
    client: Client, photos: Bucket, bob: User
) -> None:
    fill(photos, "a/b", "c")
    grant(photos, bob, Role.WRITER, "a/")
    client.force_login(bob)
    page = client.get(HERE, {"prefix": "a/"}).content.decode()
    assert names(page) == ["b"]
    assert "data-may-write" in page
    assert client.get(HERE).status_code == 404


def test_a_public_bucket_is_read_by_anybody(client: Client, photos: Bucket) -> None:
    fill(photos, "a")
    assert client.get(HERE).status_code == 302
    Bucket.objects.update(visibility="public-list")
    page = client.get(HERE).content.decode()
    assert names(page) == ["a"]
    assert "data-needs-key" not in page


def test_a_private_buckets_curl_line_needs_a_key(
    reader: Client, photos: Bucket
) -> None:
    assert "data-needs-key" in reader.get(HERE).content.decode()


def test_a_folder_is_shown_as_it_was(reader: Client, versioned: Bucket) -> None:
    make_history(versioned, "in/a", [0, 2])
    make_history(versioned, "in/b", [2])
    make_history(versioned, "in/deep/c", [0])
    query = {"prefix": "in/", "at": hour(1).isoformat()}
    page = reader.get(HERE, query).content.decode()
    assert names(page) == ["a", "deep"]
    assert "You see this folder as it was on" in page
    assert hrefs(page)[0] == f"{HERE}object?key=in%2Fa&version=v0"
    assert "/buckets/photos/objects/in/a?version=v0&amp;redirect=0" in page
    assert "at=2026-01-01T01" in hrefs(page)[1]
    assert "data-may-write" not in page
    assert "browser/main" not in page


def test_a_moment_when_there_was_nothing_says_so(
    reader: Client, versioned: Bucket
) -> None:
    make_history(versioned, "a", [2])
    page = reader.get(HERE, {"at": hour(1).isoformat()}).content.decode()
    assert "There was nothing here then" in page


def test_the_past_is_for_who_has_a_grant(client: Client, versioned: Bucket) -> None:
    Bucket.objects.update(visibility="public-list")
    assert client.get(HERE).status_code == 200
    assert client.get(HERE, {"at": hour(1).isoformat()}).status_code == 302


def test_what_is_no_time_is_said_to_be_none(reader: Client, versioned: Bucket) -> None:
    assert reader.get(HERE, {"at": "yesterday"}).status_code == 400


def test_a_page_takes_few_statements(
    reader: Client, versioned: Bucket, bob: User
) -> None:
    fill(versioned, *(f"{number:03}/x" for number in range(150)))
    with CaptureQueriesContext(
        connection,
    ) as plain:
        assert len(names(reader.get(HERE).content.decode())) == 100
    assert len(plain) <= 10


def test_the_extent_of_a_folder_is_told_with_a_moment_before_its_end(
    reader: Client, photos: Bucket
) -> None:
    fill(photos, "in/a", "in/b/c", "out")
    told = reader.get(f"{HERE}extent", {"prefix": "in/"}).json()
    assert told["keys"] == 2
    passed_moment()  # SQLite's clock stands still for a millisecond
    assert told["moment"] < passed_moment().isoformat()


def test_who_may_not_list_learns_no_extent(
    client: Client, photos: Bucket, bob: User
) -> None:
    client.force_login(bob)
    assert client.get(f"{HERE}extent").status_code == 404


def put(data_plane: DataPlane, key: str, body: bytes) -> str:
    """Store an object in the bucket that is everybody's."""
    sha256: str = data_plane.put(f"/buckets/test/objects/{key}", body).json()["sha256"]
    return sha256


def download(client: Client, prefix: str = "", **chosen: Any) -> Any:
    """Ask for an archive of what is chosen in a folder."""
    return client.post(
        f"/ui/buckets/test/archive?prefix={prefix}", {"chosen": json.dumps(chosen)}
    )


@pytest.fixture
def open_store(settings: Any, data_plane: DataPlane) -> DataPlane:
    """A store in which everybody may write."""
    settings.ANONYMOUS_ACCESS = "write"
    return data_plane


def test_files_and_folders_are_downloaded_as_one_archive(
    client: Client, open_store: DataPlane
) -> None:
    for key in ("in/a", "in/b", "in/c/d", "in/c/e", "in/f/g", "out"):
        put(open_store, key, key.encode())
    answer = download(client, "in/", keys=["in/b", "in/gone"], prefixes=["in/c/"])
    assert answer.status_code == 200
    assert answer["Content-Disposition"] == 'attachment; filename="in.zip"'
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    assert content == {"b": b"in/b", "c/d": b"in/c/d", "c/e": b"in/c/e"}


@pytest.mark.parametrize(
    ("chosen", "status"),
    [
        ({"keys": ["out"]}, 400),
        ({"keys": "in/a"}, 400),
        ({"others": []}, 400),
        ({}, 404),
        ({"keys": ["in/gone"]}, 404),
    ],
)
def test_an_archive_of_what_is_not_in_the_folder_is_refused(
    client: Client, open_store: DataPlane, chosen: dict[str, Any], status: int
) -> None:
    put(open_store, "in/a", b"a")
    assert download(client, "in/", **chosen).status_code == status


def test_an_archive_whose_bytes_are_missing_is_a_page_that_says_so(
    client: Client, open_store: DataPlane
) -> None:
    lose(put(open_store, "a", b"a"))
    assert download(client, keys=["a"]).status_code == 500


def test_an_archive_is_asked_for_by_a_form_of_ours(
    open_store: DataPlane,
) -> None:
    put(open_store, "a", b"a")
    client = Client(enforce_csrf_checks=True)
    assert download(client, keys=["a"]).status_code == 403
