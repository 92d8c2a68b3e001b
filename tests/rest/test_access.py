"""Who may do what until keys exist: setting x caller x bucket x endpoint."""

from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.models import Bucket, StoredObject
from tests.access.people import make_key, with_key
from tests.client import DataPlane
from tests.rest.problem import assert_problem

pytestmark = pytest.mark.django_db

HERE: dict[str, Any] = {"REMOTE_ADDR": "127.0.0.1"}
HERE_IPV6 = {"REMOTE_ADDR": "::1"}
HERE_MAPPED = {"REMOTE_ADDR": "::ffff:127.0.0.1"}
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.1"}
UNKNOWN = {"REMOTE_ADDR": ""}
PROXIED = [
    HERE | {header: value}
    for header, value in (
        ("HTTP_X_FORWARDED_FOR", "127.0.0.1"),
        ("HTTP_X_FORWARDED_FOR", ""),
        ("HTTP_X_FORWARDED_HOST", "localhost"),
        ("HTTP_X_FORWARDED_PROTO", "https"),
        ("HTTP_X_REAL_IP", "127.0.0.1"),
        ("HTTP_FORWARDED", "for=127.0.0.1"),
        ("HTTP_VIA", "1.1 proxy"),
        ("HTTP_CF_CONNECTING_IP", "127.0.0.1"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),  # all that nginx's bare proxy_pass tells
    )
]


class Endpoint(NamedTuple):
    """A request on a bucket, what it needs, and its answer when allowed."""

    method: str
    path: str
    needs: str
    status: int


ENDPOINTS = [
    Endpoint("GET", "/buckets", "read", 200),
    Endpoint("HEAD", "/buckets", "read", 200),
    Endpoint("PUT", "/buckets/new", "write", 201),
    Endpoint("GET", "/buckets/{bucket}", "read", 200),
    Endpoint("HEAD", "/buckets/{bucket}", "read", 200),
    Endpoint("DELETE", "/buckets/{bucket}", "write", 409),
    Endpoint("PUT", "/buckets/{bucket}/objects/new", "write", 201),
    Endpoint("PUT", "/buckets/{bucket}/objects?key=new", "write", 201),
    Endpoint("PUT", "/buckets/new/objects/new", "write", 201),
    Endpoint("GET", "/buckets/{bucket}/objects/a", "read", 200),
    Endpoint("HEAD", "/buckets/{bucket}/objects/a", "read", 200),
    Endpoint("GET", "/buckets/{bucket}/objects?key=a", "read", 200),
    Endpoint("DELETE", "/buckets/{bucket}/objects/a", "write", 200),
    Endpoint("GET", "/objects?bucket={bucket}", "read", 200),
    Endpoint("GET", "/objects", "read", 200),
]


@pytest.fixture
def buckets(data_plane: DataPlane, alice: User) -> None:
    """`open` belongs to nobody, `hers` to alice; each has an object `a`."""
    for name in ("open", "hers"):
        data_plane.put(f"/buckets/{name}/objects/a", b"content")
    Bucket.objects.filter(name="hers").update(owner=alice)


def ask(
    data_plane: DataPlane, endpoint: Endpoint, bucket: str, peer: dict[str, Any]
) -> int:
    answer = data_plane.request(
        endpoint.method,
        endpoint.path.format(bucket=bucket),
        body=b"x" if endpoint.method == "PUT" else None,
        environ=peer,
    )
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="objectstore"'
    return answer.status


def may(access: str, needs: str) -> bool:
    return access == "write" or access == needs == "read"


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("access", ["none", "read", "write"])
@pytest.mark.parametrize("peer", [HERE, ELSEWHERE, PROXIED[0]])
def test_the_setting_rules_the_buckets_that_nobody_owns(
    data_plane: DataPlane,
    settings: Settings,
    endpoint: Endpoint,
    access: str,
    peer: dict[str, Any],
) -> None:
    settings.ANONYMOUS_ACCESS = access
    allowed = may(access, endpoint.needs)
    status = ask(data_plane, endpoint, "open", peer)
    assert status == (endpoint.status if allowed else 401)


OWNED = [e for e in ENDPOINTS if "{bucket}" in e.path]


@pytest.mark.usefixtures("buckets")
@pytest.mark.parametrize("endpoint", OWNED)
@pytest.mark.parametrize("access", ["none", "read", "write"])
@pytest.mark.parametrize("peer", [HERE, ELSEWHERE])
def test_an_owned_bucket_is_closed_to_everybody_without_credentials(
    data_plane: DataPlane,
    settings: Settings,
    endpoint: Endpoint,
    access: str,
    peer: dict[str, Any],
) -> None:
    settings.ANONYMOUS_ACCESS = access
    assert ask(data_plane, endpoint, "hers", peer) == 401
    hers = StoredObject.objects.filter(bucket__name="hers")
    assert [stored.key for stored in hers] == ["a"]


@pytest.mark.usefixtures("buckets")
def test_listings_leave_out_what_others_own(data_plane: DataPlane) -> None:
    names = [b["name"] for b in data_plane.get("/buckets").json()["buckets"]]
    assert names == ["open"]
    listed = data_plane.get("/objects").json()["objects"]
    assert [(o["bucket"], o["key"]) for o in listed] == [("open", "a")]


@pytest.mark.parametrize("local_mode", [True, False])
@pytest.mark.parametrize(
    ("peer", "here"),
    [
        (HERE, True),
        (HERE_IPV6, True),
        (HERE_MAPPED, True),
        (HERE | {"REMOTE_ADDR": "127.8.8.8"}, True),
        (ELSEWHERE, False),
        (HERE | {"REMOTE_ADDR": "::ffff:192.0.2.1"}, False),
        (UNKNOWN, False),
        *((peer, False) for peer in PROXIED),
    ],
)
def test_unset_only_this_machine_may_write_and_only_in_local_mode(
    data_plane: DataPlane,
    settings: Settings,
    local_mode: bool,
    peer: dict[str, Any],
    here: bool,
) -> None:
    settings.ANONYMOUS_ACCESS = None
    settings.LOCAL_MODE = local_mode
    put = data_plane.put("/buckets/test/objects/a", b"x", environ=peer)
    got = data_plane.get("/buckets/test/objects/a", environ=peer)
    expected = (201, 200) if local_mode and here else (401, 401)
    assert (put.status, got.status) == expected


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}, 401),
        ({"Origin": "https://evil.example"}, 401),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}, 200),
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, 200),
    ],
)
def test_a_page_of_another_site_is_not_this_machine(
    data_plane: DataPlane, settings: Settings, headers: dict[str, str], status: int
) -> None:
    """Else it would see, by a picture that loads or not, which objects there are."""
    data_plane.put("/buckets/test/objects/a", b"x")
    settings.ANONYMOUS_ACCESS = None
    settings.LOCAL_MODE = True
    answer = data_plane.get("/buckets/test/objects/a", headers=headers)
    assert answer.status == status


def test_a_known_caller_may_no_less_than_anybody(
    data_plane: DataPlane, settings: Settings, alice: User
) -> None:
    settings.ANONYMOUS_ACCESS = "write"
    caller = with_key(make_key(alice))
    assert caller.ask(data_plane, "PUT", "/buckets/hers").status == 201
    assert Bucket.objects.get(name="hers").owner == alice


def test_a_refusal_comes_before_the_body_is_read(
    data_plane: DataPlane, settings: Settings
) -> None:
    class Untouched:
        def read(self, size: int = -1, /) -> bytes:
            raise AssertionError("the body was read")

    settings.ANONYMOUS_ACCESS = "read"
    answer = data_plane.put(
        "/buckets/test/objects/a", Untouched(), headers={"Content-Length": "10"}
    )
    assert_problem(answer, 401, "credentials_required")


def test_without_permission_a_missing_bucket_looks_like_any_other(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.ANONYMOUS_ACCESS = "none"
    for path in ("/buckets/none", "/buckets/none/objects/a", "/objects?bucket=none"):
        assert_problem(data_plane.get(path), 401, "credentials_required")


@pytest.mark.parametrize("host", ["evil.example", "testserver.evil.example", "", "a b"])
@pytest.mark.parametrize("path", ["/", "/objects", "/buckets/test/objects/a"])
def test_a_host_that_is_not_ours_is_refused(
    data_plane: DataPlane, host: str, path: str
) -> None:
    answer = data_plane.get(path, headers={"Host": host})
    assert_problem(answer, 400, "bad_host")


def test_a_forwarded_host_does_not_replace_the_real_one(data_plane: DataPlane) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "testserver"}
    assert_problem(data_plane.get("/objects", headers=headers), 400, "bad_host")
