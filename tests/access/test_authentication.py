"""Which credentials hold, which do not, and for how long."""

import base64
import secrets
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from cachetools import TTLCache
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client
from pytest_django import Settings

from objects_app.access import accounts, keys, rates
from objects_app.access.keys import NewKey
from objects_app.models import AccessKey, Bucket, ConsoleSession
from tests.access.keys import OLD, rotate
from tests.access.people import (
    BY,
    CSRF,
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
from tests.rest.problem import assert_problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("nothing_for_anybody")]

PATH = "/buckets/olgas/objects/a"
PUBLIC = "/buckets/public/objects/a"


@pytest.fixture
def olga(data_plane: DataPlane) -> User:
    """Olga has a private bucket and a public one, with an object each."""
    olga = make_user("olga")
    Bucket.objects.create(name="olgas", owner=olga)
    Bucket.objects.create(name="public", owner=olga, visibility="public-list")
    caller = with_key(make_key(olga))
    for path in (PATH, PUBLIC):
        assert caller.ask(data_plane, "PUT", path, body=b"content").status == 201
    return olga


@pytest.fixture
def key(olga: User) -> NewKey:
    return make_key(olga)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """A clock of what is remembered; call it to let seconds pass."""
    passed = 0.0

    def timer() -> float:
        return time.monotonic() + passed

    def cache(most: int, seconds: float) -> TTLCache[object, object]:
        return TTLCache(most, seconds, timer=timer)

    def advance(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(accounts, "TTLCache", cache)
    monkeypatch.setattr(accounts, "_remembered", None)
    yield advance
    monkeypatch.setattr(accounts, "_remembered", None)


def showing(authorization: str) -> Caller:
    return Caller({"Authorization": authorization})


def basic(text: str | bytes) -> Caller:
    raw = text if isinstance(text, bytes) else text.encode()
    return showing(f"Basic {base64.b64encode(raw).decode()}")


def get(data_plane: DataPlane, caller: Caller, path: str = PATH) -> Answer:
    return caller.ask(data_plane, "GET", path)


# Access keys


def test_a_key_is_taken_as_bearer_and_as_basic(
    data_plane: DataPlane, key: NewKey
) -> None:
    pair = f"{key.row.key_id}:{key.secret}"
    for caller in (
        showing(f"Bearer {key.row.key_id}.{key.secret}"),
        showing(f"bearer  {key.row.key_id}.{key.secret} "),
        basic(pair),
        showing(f"BASIC {base64.b64encode(pair.encode()).decode()}"),
    ):
        answer = get(data_plane, caller)
        assert (answer.status, answer.body) == (200, b"content")


NO_CREDENTIALS = [
    "",
    " ",
    "Bearer",
    "Bearer ",
    "Basic",
    "Basic ",
    "Basic :",
    "Basic !!!!",
    "Basic " + "A" * 5,
    "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "Basic " + base64.b64encode(b"no colon").decode(),
    "Basic " + base64.b64encode(b"OS\0:secret").decode(),
    "Basic " + base64.b64encode("ключ:тайна".encode()).decode(),
    "Bearer .",
    "Bearer ..",
    "Bearer ...",
    "Bearer a.b.c",
    "Bearer ключ.тайна",
    "Bearer \udcff.\udcff".encode("utf-8", "replace").decode(),
    "Bearer OSUNKNOWN.secret",
    "Bearer " + "x" * 8000 + "." + "y" * 8000,
    "Bearer " + "a." * 4000,
    "Digest username=x",
    "AWS4-HMAC-SHA256 Credential=x",
    "Negotiate YII=",
    "garbage",
    "x" * 16000,
]


def test_whatever_does_not_hold_gets_the_same_answer(
    data_plane: DataPlane, key: NewKey
) -> None:
    wrong = get(data_plane, showing(f"Bearer {key.row.key_id}.wrong"))
    expected = assert_problem(wrong, 401, "invalid_credentials")
    for authorization in NO_CREDENTIALS:
        answer = get(data_plane, showing(authorization))
        told = assert_problem(answer, 401, "invalid_credentials")
        assert told | {"request_id": ""} == expected | {"request_id": ""}
        assert answer.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"]


ALTERED: list[Callable[[NewKey], str]] = [
    lambda key: f"{key.row.key_id}.{key.secret}x",
    lambda key: f"{key.row.key_id}.{key.secret[:-1]}",
    lambda key: f"{key.row.key_id}.{key.secret.swapcase()}",
    lambda key: f"{key.row.key_id}. {key.secret}",
    lambda key: f"{key.row.key_id.lower()}.{key.secret}",
    lambda key: f"{key.row.key_id}:{key.secret}",
    lambda key: f"{key.secret}.{key.row.key_id}",
    lambda key: f"{key.row.key_id}.",
    lambda key: f".{key.secret}",
    lambda key: key.secret,
]


def test_a_key_is_held_to_the_letter(data_plane: DataPlane, key: NewKey) -> None:
    for alter in ALTERED:
        answer = get(data_plane, showing(f"Bearer {alter(key)}"))
        assert_problem(answer, 401, "invalid_credentials")


def test_the_secret_of_one_key_is_none_of_another(
    data_plane: DataPlane, olga: User, key: NewKey
) -> None:
    other = make_key(olga)
    answer = get(data_plane, showing(f"Bearer {other.row.key_id}.{key.secret}"))
    assert_problem(answer, 401, "invalid_credentials")


@pytest.mark.parametrize("path", [PUBLIC, "/", "/objects?bucket=public", "/healthz"])
def test_credentials_that_do_not_hold_are_refused_also_where_none_are_needed(
    data_plane: DataPlane, olga: User, path: str
) -> None:
    assert get(data_plane, Caller(), path).status == 200
    answer = get(data_plane, showing("Bearer OSUNKNOWN.secret"), path)
    assert_problem(answer, 401, "invalid_credentials")


def test_a_header_and_a_presigned_url_are_one_too_many(
    data_plane: DataPlane, olga: User, key: NewKey
) -> None:
    url = with_url(olga, PATH)
    assert get(data_plane, url).status == 200
    for authorization in (*with_key(key).headers.values(), "", "Bearer x.y"):
        both = Caller({"Authorization": authorization}, url.query)
        assert_problem(get(data_plane, both), 401, "invalid_credentials")


@pytest.mark.parametrize("known", [True, False])
def test_a_secret_is_compared_in_constant_time_whether_the_key_is_known_or_not(
    data_plane: DataPlane,
    key: NewKey,
    monkeypatch: pytest.MonkeyPatch,
    known: bool,
) -> None:
    compared = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(secrets, "compare_digest", compare_digest)
    key_id = key.row.key_id if known else "OSUNKNOWN"
    answer = get(data_plane, showing(f"Bearer {key_id}.wrong"))
    assert answer.status == 401
    [(one, other)] = compared
    assert (len(one), other) == (len(key.secret), b"wrong")


def test_wrong_credentials_are_counted_and_at_last_refused_with_429(
    data_plane: DataPlane, key: NewKey, settings: Settings
) -> None:
    settings.RATE_LIMITS = {"auth": "3/minute"}
    settings.REDIS_URL = None
    rates.rates.cache_clear()
    try:
        wrong = showing(f"Bearer {key.row.key_id}.wrong")
        told = [get(data_plane, wrong).status for _ in range(5)]
        right = get(data_plane, with_key(key))
    finally:
        rates.rates.cache_clear()
    assert told == [401, 401, 401, 429, 429]
    assert right.status == 200, "a neighbour's failures are not ours"


# Their end


def test_a_revoked_key_ends_at_once_in_this_process(
    data_plane: DataPlane, key: NewKey
) -> None:
    assert get(data_plane, with_key(key)).status == 200
    keys.revoke_key(key_id=key.row.key_id, user_id=None, by=BY)
    answer = get(data_plane, with_key(key))
    assert_problem(answer, 401, "invalid_credentials")


def test_a_key_that_was_revoked_elsewhere_ends_within_the_cache_seconds(
    data_plane: DataPlane, key: NewKey, settings: Settings, clock: Callable[..., None]
) -> None:
    settings.ACCESS_CACHE_SECONDS = 5
    assert get(data_plane, with_key(key)).status == 200
    AccessKey.objects.filter(key_id=key.row.key_id).update(revoked_at=Now())
    clock(4.5)
    assert get(data_plane, with_key(key)).status == 200
    clock(0.6)
    assert get(data_plane, with_key(key)).status == 401


def test_without_a_cache_what_was_revoked_elsewhere_ends_at_once(
    data_plane: DataPlane, key: NewKey, settings: Settings
) -> None:
    settings.ACCESS_CACHE_SECONDS = 0
    assert get(data_plane, with_key(key)).status == 200
    AccessKey.objects.filter(key_id=key.row.key_id).update(revoked_at=Now())
    assert get(data_plane, with_key(key)).status == 401


def test_what_was_being_looked_up_during_a_revocation_is_not_remembered(
    data_plane: DataPlane, key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = accounts._find_key

    def revoked_meanwhile(key_id: str) -> accounts.KeyAccount | None:
        found = find(key_id)
        monkeypatch.setattr(accounts, "_find_key", find)
        keys.revoke_key(key_id=key_id, user_id=None, by=BY)
        return found

    accounts.forget()
    monkeypatch.setattr(accounts, "_find_key", revoked_meanwhile)
    get(data_plane, with_key(key))
    assert get(data_plane, with_key(key)).status == 401


def test_a_key_expires_by_the_clock_of_the_database(
    data_plane: DataPlane, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(olga, seconds=60)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: 4e9)
        assert get(data_plane, with_key(key)).status == 200
    expired = Now() - timedelta(seconds=1)
    AccessKey.objects.filter(key_id=key.row.key_id).update(expires_at=expired)
    accounts.forget()
    monkeypatch.setattr(time, "time", lambda: 1e9)
    assert get(data_plane, with_key(key)).status == 401


def test_a_remembered_key_expires_in_time(
    data_plane: DataPlane, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(olga, seconds=60)
    assert get(data_plane, with_key(key)).status == 200
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "_find_key", lambda _: pytest.fail("asked again"))
        assert get(data_plane, with_key(key)).status == 401


CREDENTIALS: dict[str, Callable[[User, NewKey], Caller]] = {
    "key": lambda _, key: with_key(key),
    "token": lambda user, _: with_token(user),
    "token of a key": lambda user, key: with_token(user, key_id=key.row.key_id),
    "url": lambda user, _: with_url(user, PATH),
    "session": lambda user, _: session(user),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("end", ["disabled", "deleted"])
def test_all_credentials_end_with_their_user(
    data_plane: DataPlane, key: NewKey, olga: User, kind: str, end: str
) -> None:
    caller = CREDENTIALS[kind](olga, key)
    assert get(data_plane, caller).status == 200
    if end == "disabled":
        User.objects.filter(pk=olga.pk).update(is_active=False)
    else:
        Bucket.objects.update(owner=None)
        olga.delete()
    accounts.forget()
    told = get(data_plane, caller)
    code = "credentials_required" if kind == "session" else "invalid_credentials"
    assert_problem(told, 401, code)


@pytest.mark.parametrize("end", ["revoked", "expired", "somebody else's"])
def test_a_token_ends_with_its_key(
    data_plane: DataPlane, key: NewKey, olga: User, end: str
) -> None:
    caller = with_token(olga, key_id=key.row.key_id)
    assert get(data_plane, caller).status == 200
    row = AccessKey.objects.filter(key_id=key.row.key_id)
    if end == "revoked":
        row.update(revoked_at=Now())
    elif end == "expired":
        row.update(expires_at=Now() - timedelta(seconds=1))
    else:
        row.update(user=make_user("charlie"))
    accounts.forget()
    assert_problem(get(data_plane, caller), 401, "invalid_credentials")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("token", 401),
        ("session", 401),
        ("key", 200),
        ("token of a key", 200),
        ("url", 401),
    ],
)
def test_a_new_password_ends_what_the_old_one_got(
    data_plane: DataPlane, key: NewKey, olga: User, kind: str, status: int
) -> None:
    caller = CREDENTIALS[kind](olga, key)
    olga.set_password("another")
    olga.save()
    accounts.forget()
    assert get(data_plane, caller).status == status


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("keep_old", [True, False])
def test_all_credentials_survive_a_new_secret_key_while_the_old_one_is_kept(
    data_plane: DataPlane, settings: Settings, kind: str, keep_old: bool
) -> None:
    settings.SECRET_KEY = OLD
    olga = make_user("olga")
    Bucket.objects.create(name="olgas", owner=olga)
    key = make_key(olga)
    assert with_key(key).ask(data_plane, "PUT", PATH, body=b"x").status == 201
    caller = CREDENTIALS[kind](olga, key)
    rotate(settings, keep_old=keep_old)
    accounts.forget()
    for _ in range(2):
        allowed = 403 if kind == "url" else 401
        assert get(data_plane, caller).status == (200 if keep_old else allowed)
        accounts.forget()


# Sessions of the console


def test_who_is_signed_in_reads_with_the_cookie_alone(
    data_plane: DataPlane, olga: User
) -> None:
    me = get(data_plane, session(olga), "/auth/me").json()
    assert (me["user"], me["kind"]) == ("olga", "session")
    assert get(data_plane, session(olga)).body == b"content"


WRITES = [
    ("PUT", PATH, b"x", 200),
    ("DELETE", PATH, None, 200),
    ("POST", "/auth/keys", b'{"label": "mine"}', 201),
    ("PATCH", "/buckets/olgas", b'{"visibility": "public-read"}', 200),
]


@pytest.mark.parametrize(("method", "path", "body", "status"), WRITES)
def test_who_is_signed_in_writes_with_the_csrf_header_only(
    data_plane: DataPlane,
    olga: User,
    method: str,
    path: str,
    body: bytes | None,
    status: int,
) -> None:
    signed_in = session(olga)
    for caller in (signed_in, with_csrf(signed_in, "d" * 32), with_csrf(signed_in, "")):
        refused = caller.ask(data_plane, method, path, body=body)
        assert_problem(refused, 403, "csrf_required")
    assert get(data_plane, signed_in).body == b"content"
    accepted = with_csrf(signed_in).ask(data_plane, method, path, body=body)
    assert accepted.status == status


def test_a_form_field_does_not_stand_for_the_csrf_header(
    data_plane: DataPlane, olga: User
) -> None:
    form = f"csrfmiddlewaretoken={CSRF}".encode()
    answer = session(olga).ask(
        data_plane,
        "POST",
        f"/auth/keys?csrfmiddlewaretoken={CSRF}",
        body=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert_problem(answer, 403, "csrf_required")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_our_own_page_writes_whether_or_not_tls_ends_here(
    data_plane: DataPlane, olga: User, scheme: str
) -> None:
    for here in ("http", "https"):
        answer = data_plane.put(
            PATH,
            b"x",
            headers={
                **with_csrf(session(olga)).headers,
                "Origin": f"{scheme}://testserver",
                "Sec-Fetch-Site": "same-origin",
            },
            environ={"wsgi.url_scheme": here},
        )
        assert answer.status == 200, answer.body


def test_without_its_cookie_the_csrf_header_is_nothing(
    data_plane: DataPlane, olga: User
) -> None:
    cookie, _, _ = session(olga).headers["Cookie"].partition(";")
    caller = with_csrf(Caller({"Cookie": cookie}))
    answer = caller.ask(data_plane, "PUT", PATH, body=b"x")
    assert_problem(answer, 403, "csrf_required")


def test_who_is_signed_out_is_nobody_in_particular(
    data_plane: DataPlane, olga: User
) -> None:
    signed_in = session(olga)
    assert get(data_plane, signed_in).status == 200
    client = Client()
    name, _, value = signed_in.headers["Cookie"].partition(";")[0].partition("=")
    client.cookies[name] = value
    client.post("/ui/logout/")
    assert_problem(get(data_plane, signed_in), 401, "credentials_required")
    assert get(data_plane, signed_in, PUBLIC).status == 200


NO_SESSIONS = [
    "{name}=",
    "{name}=x",
    '{name}="',
    '{name}="\\000\\000\\000\\000\\000\\000\\000\\000\\000"',
    "{name}=" + "x" * 5000,
    "{name}=ключ",
    "{name}",
    "={name}",
    "x{name}=1",
    ";;;{name};=;",
]


def test_a_cookie_that_is_no_session_is_nobodys(
    data_plane: DataPlane, olga: User
) -> None:
    for cookie in NO_SESSIONS:
        name = django_settings.SESSION_COOKIE_NAME
        caller = Caller({"Cookie": cookie.format(name=name)})
        assert_problem(get(data_plane, caller), 401, "credentials_required")
        assert get(data_plane, caller, PUBLIC).status == 200


def test_odd_cookies_of_others_do_not_sign_anybody_out(
    data_plane: DataPlane, olga: User
) -> None:
    cookie = session(olga).headers["Cookie"]
    for other in ('prefs={"a": 1}', "a b=c", "x=é", "bad[=]", "=;"):
        for both in (f"{other}; {cookie}", f"{cookie}; {other}"):
            assert get(data_plane, Caller({"Cookie": both})).status == 200


def test_what_the_database_holds_of_a_session_signs_nobody_in(
    data_plane: DataPlane, olga: User
) -> None:
    signed_in = session(olga)
    name = django_settings.SESSION_COOKIE_NAME
    row = ConsoleSession.objects.get()
    assert row.session_key not in signed_in.headers["Cookie"]
    stolen = Caller({"Cookie": f"{name}={row.session_key}"})
    assert get(data_plane, stolen).status == 401
    client = Client()
    client.cookies[name] = row.session_key
    assert client.get("/ui/password/").status_code == 302
    assert get(data_plane, signed_in).status == 200


def test_an_expired_session_is_nobodys(data_plane: DataPlane, olga: User) -> None:
    signed_in = session(olga)
    ConsoleSession.objects.update(expire_date=Now())
    assert get(data_plane, signed_in).status == 401


def test_a_key_counts_before_a_cookie_and_needs_no_csrf_header(
    data_plane: DataPlane, olga: User, key: NewKey
) -> None:
    both = Caller({**session(make_user("charlie")).headers, **with_key(key).headers})
    assert get(data_plane, both, "/auth/me").json()["user"] == "olga"
    assert both.ask(data_plane, "PUT", PATH, body=b"x").status == 200
