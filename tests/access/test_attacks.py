"""Attacks through what people store: it never runs as this site, and opens nothing."""

import json
from urllib.parse import quote, urlsplit

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from objects_app.models import Bucket
from tests.access.people import (
    Caller,
    make_key,
    make_user,
    session,
    with_csrf,
    with_key,
    with_token,
    with_url,
)
from tests.client import Answer, DataPlane

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

SCRIPT = b"<script>fetch('/auth/keys', {method: 'POST'})</script>"
KEYS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>.html',
    "javascript:alert(1)",
    "a.svg",
    "a.html",
    "a.js",
    "a.xhtml",
    "\u2028alert(1)//",
    "</script><script>alert(1)//",
    "a\r\nSet-Cookie: sessionid=x\r\n\r\n<html>",
]
TYPES = [
    "text/html",
    "TEXT/HTML; charset=utf-7",
    "text/html;a=b",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "application/xml",
    "multipart/related; boundary=a",
    "multipart/x-mixed-replace; boundary=a",
    "text/javascript",
    "application/pdf",
    "text/css",
    "text/plain",
    "image/png",
    "application/octet-stream",
    "x/y",
]
RUNNABLE = ("html", "xml", "multipart", "javascript")


@pytest.fixture
def olga() -> User:
    """Olga owns the bucket photos, whose objects are public."""
    olga = make_user("olga")
    Bucket.objects.create(name="photos", owner=olga, visibility="public-read")
    return olga


@pytest.fixture
def owner(olga: User) -> Caller:
    return with_key(make_key(olga))


def path(key: str) -> str:
    return f"/buckets/photos/objects?key={quote(key, safe='')}"


def put(data_plane: DataPlane, owner: Caller, key: str = "a", **headers: str) -> Answer:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = owner.ask(data_plane, "PUT", path(key), body=SCRIPT, headers=sent)
    assert answer.status in {200, 201}, answer.body
    return answer


def assert_harmless(answer: Answer) -> None:
    """A browser that opens this neither guesses a type nor lets it act as us."""
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    media_type = answer.headers.get("Content-Type", "")
    if media_type.startswith("application/") and media_type.endswith("json"):
        assert "html" not in media_type
        json.loads(answer.body)
        return
    policy = answer.headers["Content-Security-Policy"]
    assert policy == "sandbox; default-src 'none'"
    if any(word in media_type.lower() for word in RUNNABLE):
        assert answer.headers["Content-Disposition"].startswith("attachment")


# What people store


def test_no_stored_bytes_run_whoever_opens_them_and_however(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    callers = [Caller(), owner, session(olga), with_token(olga)]
    for media_type in TYPES:
        target = "/buckets/photos/objects/a"
        put(data_plane, owner, Content_Type=media_type)
        callers[-1] = with_url(olga, target)
        for caller in callers:
            for headers in ({}, {"Range": "bytes=0-7"}, {"Accept": "text/html"}):
                answer = caller.ask(data_plane, "GET", target, headers=headers)
                assert answer.status in {200, 206}
                assert answer.headers["Content-Type"] == media_type
                assert_harmless(answer)


def test_no_header_that_is_stored_lifts_that(
    data_plane: DataPlane, owner: Caller
) -> None:
    put(
        data_plane,
        owner,
        Content_Type="text/html",
        Content_Disposition="inline",
        Content_Security_Policy="default-src *",
        X_Content_Type_Options="sniff",
        X_Object_Meta_Content_Security_Policy="default-src *",
        Access_Control_Allow_Origin="*",
        Location="https://evil.example/",
        Refresh="0; url=https://evil.example/",
        Set_Cookie="sessionid=x",
        Link="</evil.css>; rel=stylesheet",
        Service_Worker_Allowed="/",
    )
    answer = Caller().ask(data_plane, "GET", path("a"))
    assert_harmless(answer)
    for name in (
        *("Access-Control-Allow-Origin", "Location", "Refresh", "Set-Cookie"),
        *("Link", "Service-Worker-Allowed"),
    ):
        assert name not in answer.headers


def test_the_type_that_a_presigned_url_asks_for_runs_no_more_than_others(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    target = "/buckets/photos/objects/a"
    url = with_url(olga, target, method="PUT", content_type="text/html")
    headers = {"Content-Type": "text/html"}
    sent = url.ask(data_plane, "PUT", target, body=SCRIPT, headers=headers)
    assert sent.status == 201
    assert_harmless(Caller().ask(data_plane, "GET", target))
    named = with_url(olga, target, filename="page.html")
    answer = named.ask(data_plane, "GET", target)
    assert_harmless(answer)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="page.html"'


def test_names_and_metadata_come_back_as_json_and_never_as_a_page(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    Bucket.objects.update(visibility="public-list")
    as_a_browser = {"Accept": "text/html,application/xhtml+xml"}
    for key in KEYS:
        put(data_plane, owner, key, X_Object_Meta_Author="<script>alert(1)</script>")
        assert_harmless(Caller().ask(data_plane, "GET", path(key)))
        for target in (
            "/objects?bucket=photos",
            f"/objects?bucket=photos&prefix={quote(key, safe='')}",
            f"/buckets/{quote(key, safe='')}",
            f"/buckets/photos/objects?key={quote(key + 'none', safe='')}",
            f"/nowhere/{quote(key, safe='')}",
            f"/objects?{quote(key, safe='')}=1",
        ):
            for caller in (Caller(), owner, session(olga)):
                answer = caller.ask(data_plane, "GET", target, headers=as_a_browser)
                assert_harmless(answer)
                assert "Set-Cookie" not in answer.headers


def test_names_of_people_keys_and_grants_come_back_as_json(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    mallory = make_user("<script>alert(1)</script>")
    person = with_token(olga)
    answers = [
        person.tell(data_plane, "POST", "/auth/keys", label="<script>alert(1)"),
        person.ask(data_plane, "GET", "/auth/keys"),
        with_token(mallory).ask(data_plane, "GET", "/auth/me"),
        owner.tell(
            data_plane,
            "PUT",
            "/buckets/photos/grants",
            user=mallory.username,
            role="reader",
            prefix="<script>",
        ),
        owner.ask(data_plane, "GET", "/buckets/photos/grants"),
        owner.tell(
            data_plane, "PUT", "/buckets/photos/grants", user="<script>", role="reader"
        ),
        owner.tell(data_plane, "POST", "/presign", **{"<script>": 1}),
    ]
    for answer in answers:
        assert_harmless(answer)


def test_answers_that_are_not_public_are_kept_by_no_cache(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    Bucket.objects.update(visibility="private")
    put(data_plane, owner)
    for caller in (owner, session(olga), with_token(olga)):
        for target in (
            *("/auth/me", "/auth/keys", "/buckets", "/buckets/photos", "/objects"),
            *("/objects?bucket=photos", "/buckets/photos/grants", "/nowhere"),
        ):
            answer = caller.ask(data_plane, "GET", target)
            assert answer.headers["Cache-Control"] == "no-store", target


def test_what_a_session_or_url_downloads_no_shared_cache_keeps_and_others_ask_again(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    Bucket.objects.update(visibility="private")
    put(data_plane, owner)
    target = "/buckets/photos/objects/a"
    for caller in (session(olga), with_url(olga, target)):
        answer = caller.ask(data_plane, "GET", target)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        etag = answer.headers["ETag"]
        again = caller.ask(data_plane, "GET", target, headers={"If-None-Match": etag})
        assert again.status == 304
        assert again.headers["Cache-Control"] == "private, no-cache"


# What a public bucket opens


def test_public_read_gives_objects_whose_key_is_known_and_nothing_else(
    data_plane: DataPlane, owner: Caller
) -> None:
    put(data_plane, owner, "known")
    stranger = with_key(make_key(make_user("charlie")))
    for caller in (Caller(), stranger):
        for method in ("GET", "HEAD"):
            assert caller.ask(data_plane, method, path("known")).status == 200
        for target in (
            *("/buckets/photos", "/objects?bucket=photos", "/buckets/photos/grants"),
            *("/objects?bucket=photos&prefix=k", "/objects?bucket=photos&delimiter=/"),
        ):
            answer = caller.ask(data_plane, "GET", target)
            assert answer.status in {401, 403}, answer.body
            assert b"known" not in answer.body
    assert stranger.ask(data_plane, "GET", "/objects").json()["objects"] == []
    assert stranger.ask(data_plane, "GET", "/buckets").json()["buckets"] == []


def test_dots_in_a_path_lead_to_no_other_bucket_or_endpoint(
    data_plane: DataPlane, owner: Caller
) -> None:
    Bucket.objects.create(name="secret", owner=make_user("chief"))
    chief = with_key(make_key(make_user("chief")))
    inside = "/buckets/secret/objects/a"
    assert chief.ask(data_plane, "PUT", inside, body=b"secret").status == 201
    for dots in ("..", "%2e%2e", "%2E.", ".%2e"):
        for target in (
            f"/buckets/photos/{dots}/secret/objects/a",
            f"/buckets/photos/objects/{dots}/{dots}/secret/objects/a",
            f"/buckets/photos/objects/{dots}%2F{dots}%2Fsecret%2Fobjects%2Fa",
            f"/buckets/{dots}/buckets/secret/objects/a",
            f"/healthz/{dots}{inside}",
        ):
            for caller in (Caller(), owner):
                answer = caller.ask(data_plane, "GET", target)
                assert answer.status in {400, 401, 404}, target
                assert answer.body != b"secret"


def test_an_object_of_somebody_else_and_none_at_all_look_alike(
    data_plane: DataPlane, owner: Caller
) -> None:
    Bucket.objects.create(name="secret", owner=make_user("chief"))
    chief = with_key(make_key(make_user("chief")))
    chief.ask(data_plane, "PUT", "/buckets/secret/objects/a", body=b"x")
    for caller in (Caller(), owner):
        for method in ("GET", "PUT", "DELETE"):
            told = []
            for bucket, key in (("secret", "a"), ("secret", "b"), ("absent", "a")):
                target = f"/buckets/{bucket}/objects/{key}"
                answer = caller.ask(data_plane, method, target, body=b"x")
                problem = answer.json() | {"request_id": ""}
                problem["detail"] = problem["detail"].replace(bucket, "it")
                told.append((answer.status, problem, sorted(answer.headers)))
            assert told[0] == told[1] == told[2]


def test_known_content_tells_nobody_that_others_have_it(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    make_user("chief", is_superuser=True)
    chief = with_key(make_key(make_user("chief")))
    secret = "/buckets/secret/objects/a"
    assert chief.ask(data_plane, "PUT", secret, body=b"known").status == 201
    limited = with_key(make_key(olga, only_bucket="photos", only_prefix="in/"))
    assert (
        owner.ask(data_plane, "PUT", path("in/a"), body=b"known").json()["deduplicated"]
        is False
    )
    put(data_plane, owner, "out/a")
    answer = limited.ask(data_plane, "PUT", path("in/b"), body=SCRIPT)
    assert answer.json()["deduplicated"] is False
    answer = limited.ask(data_plane, "PUT", path("in/c"), body=b"known")
    assert answer.json()["deduplicated"] is True


# Redirects


def test_the_data_plane_leads_nowhere_but_to_the_console(
    data_plane: DataPlane, settings: Settings
) -> None:
    settings.ANONYMOUS_ACCESS = "read"
    for target in (
        *("//evil.example/", "/%2F%2Fevil.example", "/\\evil.example", "/?next=//evil"),
        *("/https:%2F%2Fevil.example", "//evil.example/..%2f", "/;@evil.example"),
        "/",
    ):
        answer = data_plane.get(target, headers={"Accept": "text/html"})
        location = urlsplit(answer.headers.get("Location", "/ui/"))
        assert (location.scheme, location.netloc, location.path) == ("", "", "/ui/")


def test_a_signed_in_browser_that_is_led_to_an_object_changes_nothing(
    data_plane: DataPlane, olga: User, owner: Caller
) -> None:
    """A link or an image on another site can only GET, and GET has no effect."""
    put(data_plane, owner)
    signed_in = session(olga)
    for target in (
        *("/buckets/photos/objects/a?method=DELETE", "/auth/keys?_method=POST"),
        *("/buckets/photos?_method=DELETE", "/auth/token", "/presign"),
    ):
        for header in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            signed_in.ask(data_plane, "GET", target, headers={header: "DELETE"})
            caller = with_csrf(signed_in)
            caller.ask(data_plane, "POST", target, headers={header: "DELETE"})
    assert Caller().ask(data_plane, "GET", path("a")).body == SCRIPT
    assert Bucket.objects.filter(name="photos").exists()
