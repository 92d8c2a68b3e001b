"""Search over everything that the reader may list."""

import re
from datetime import UTC, datetime

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from objects_app.errors import SearchTooBroad
from objects_app.models import StoredObject
from objects_app.services import search
from objects_app.templatetags.console import marking
from tests.access.people import make_user
from tests.services.store import Store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

PART = {"HX-Request": "true"}


@pytest.fixture
def olga(client: Client) -> User:
    """The owner of `photos`, with five objects, signed in at another machine."""
    user = make_user("olga")
    store = Store()
    row = store.bucket("photos", owner=user)
    for number, key in enumerate(
        ["2026/Summer/a b.jpg", "2026/summer.pdf", "notes.txt", "big.jpg", "odd<i>.txt"]
    ):
        store.put(key, b"x" * number, bucket=row)
        StoredObject.objects.filter(key=key).update(
            created_at=datetime(2026, 5, 1 + number, 12, tzinfo=UTC)
        )
    StoredObject.objects.filter(key="big.jpg").update(size=2**21)
    StoredObject.objects.filter(key="notes.txt").update(
        content_type="text/markdown", tags={"state": "done"}
    )
    client.force_login(user)
    client.defaults["REMOTE_ADDR"] = "192.0.2.1"
    return user


def page(client: Client, query: str, *, status: int = 200) -> str:
    answer = client.get(f"/ui/search/{query}")
    assert answer.status_code == status
    return re.sub(r"\s+", " ", answer.content.decode())


def part(client: Client, query: str, *, status: int = 200) -> str:
    answer = client.get(f"/ui/search/{query}", headers=PART)
    assert answer.status_code == status
    return answer.content.decode()


def found(shown: str) -> list[str]:
    """Return the keys of the lines, their marks and places to break left out."""
    links = re.findall(r'/object\?key=[^"]*"><bdi>(.*?)</bdi>', shown)
    return [re.sub("</?mark>|<wbr>", "", link) for link in links]


def test_nothing_is_searched_before_anything_is_asked(
    client: Client, olga: User
) -> None:
    for query in ("", "?q=&bucket=&sort=newest"):
        shown = page(client, query)
        assert "Find anything" in shown
        assert found(shown) == []


def test_a_part_of_a_name_is_found_in_any_case_and_marked(
    client: Client, olga: User
) -> None:
    shown = page(client, "?q=summer")
    assert found(shown) == ["2026/Summer/a b.jpg", "2026/summer.pdf"]
    assert "2026/<wbr><mark>Summer</mark>/<wbr>a b.jpg" in shown
    assert 'href="/ui/buckets/photos/object?key=2026%2FSummer%2Fa+b.jpg"' in shown
    assert 'href="/ui/buckets/photos/?prefix=2026%2FSummer%2F"' in shown


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("?q=*.jpg", ["2026/Summer/a b.jpg", "big.jpg"]),
        ("?q=2026/*.pdf", ["2026/summer.pdf"]),
        ("?bucket=photos&prefix=2026/S", ["2026/Summer/a b.jpg"]),
        ("?type=text/markdown", ["notes.txt"]),
        ("?tag=state%3Ddone", ["notes.txt"]),
        ("?min_size=1+MiB", ["big.jpg"]),
        ("?max_size=1&sort=largest", ["2026/summer.pdf", "2026/Summer/a b.jpg"]),
        ("?since=2026-05-02&until=2026-05-03", ["2026/summer.pdf", "notes.txt"]),
        ("?q=.pdf&until=9999-12-31", ["2026/summer.pdf"]),
        ("?q=.jpg&sort=newest", ["big.jpg", "2026/Summer/a b.jpg"]),
        ("?q=.jpg&sort=nonsense", ["2026/Summer/a b.jpg", "big.jpg"]),
    ],
)
def test_filters_narrow_and_orders_sort(
    client: Client, olga: User, query: str, keys: list[str]
) -> None:
    assert found(page(client, query)) == keys


def test_what_is_not_found_is_said(client: Client, olga: User) -> None:
    assert "Nothing was found" in page(client, "?q=elephant")


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("?min_size=much", 400, "is no size"),
        ("?min_size=2&max_size=1", 400, "nothing is between"),
        ("?since=yesterday", 400, "is no time"),
        ("?tag=done", 400, "Write a tag as name=value"),
        ("?type=picture", 400, "content_type is a media type"),
        ("?bucket=nothing", 404, "There is no bucket nothing"),
    ],
)
def test_what_cannot_be_searched_is_said_where_the_results_would_be(
    client: Client, olga: User, query: str, status: int, said: str
) -> None:
    assert said in page(client, query, status=status)
    assert said in part(client, query)


def test_a_search_of_too_much_says_what_to_do(
    client: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def give_up(**_: object) -> None:
        raise SearchTooBroad("Name a bucket, a prefix, or more of the key.")

    monkeypatch.setattr(search, "find", give_up)
    assert "Name a bucket, a prefix" in page(client, "?q=a", status=422)


def test_typing_fetches_results_alone_and_the_address_follows(
    client: Client, olga: User
) -> None:
    answer = client.get("/ui/search/?q=notes&bucket=&sort=", headers=PART)
    assert answer["HX-Replace-Url"] == "/ui/search/?q=notes"
    assert "<html" not in answer.content.decode()
    assert found(answer.content.decode()) == ["notes.txt"]


def test_more_is_fetched_page_by_page_until_the_end(client: Client, olga: User) -> None:
    store = Store()
    row = store.bucket("photos", owner=olga)
    for number in range(51):
        store.put(f"many/{number:02}", bucket=row)
    first = page(client, "?q=many&sort=")
    assert len(found(first)) == 50
    [more] = re.findall(r'hx-get="/ui/search/(\?[^"]*cursor[^"]*)"', first)
    rest = part(client, more.replace("&amp;", "&"))
    assert found(rest) == ["many/50"]
    assert "cursor" not in rest
    part(client, "?q=many&cursor=nonsense", status=400)


def test_without_scripts_the_next_page_is_a_page(client: Client, olga: User) -> None:
    store = Store()
    row = store.bucket("photos", owner=olga)
    for number in range(51):
        store.put(f"many/{number:02}", bucket=row)
    [more] = re.findall(
        r'<a href="/ui/search/(\?[^"]*cursor[^"]*)"', page(client, "?q=many")
    )
    rest = page(client, more.replace("&amp;", "&"))
    assert "<html" in rest
    assert found(rest) == ["many/50"]


def test_the_page_takes_ten_statements_at_most(
    client: Client,
    olga: User,
    settings: LazySettings,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    settings.ACCESS_CACHE_SECONDS = 5
    page(client, "")
    with django_assert_max_num_queries(10):
        page(client, "?q=summer&min_size=0")


def test_nobody_finds_what_others_have(client: Client, olga: User) -> None:
    client.force_login(make_user("charlie"))
    assert "Nothing was found" in page(client, "?q=summer")
    client.logout()
    assert client.get("/ui/search/?q=a")["Location"].startswith("/ui/login/")


def test_on_this_machine_nobody_signs_in_to_search(
    client: Client, settings: LazySettings
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    Store().put("summer")
    assert found(page(client, "?q=sum")) == ["summer"]


def test_every_page_has_a_field_that_leads_to_the_search_but_the_search(
    client: Client, olga: User
) -> None:
    fields = [
        client.get(path).content.count(b'name="q"') for path in ("/ui/", "/ui/search/")
    ]
    assert fields == [1, 1]


def test_marks_are_put_around_text_never_into_it() -> None:
    assert marking("a<b>A", "a") == "<mark>a</mark>&lt;b&gt;<mark>A</mark>"
    assert marking("a.c", ".") == "a<mark>.</mark>c"
    assert marking("abc", "") == "abc"
    assert marking("a/bc", "/b") == "a<mark>/<wbr>b</mark>c"
