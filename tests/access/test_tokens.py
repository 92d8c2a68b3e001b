import base64
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from objects_app.access.sealing import DerivedKey, derive
from objects_app.access.tokens import (
    LEEWAY_SECONDS,
    MAX_LENGTH,
    auth_digest,
    issue,
    read,
)
from objects_app.errors import InvalidCredentials
from tests.access.keys import OLD, rotate

AUTH_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.fixture(autouse=True)
def _before_the_change(settings: Settings) -> None:
    settings.SECRET_KEY = OLD
    settings.SECRET_KEY_FALLBACKS = []


def make_token(*, seconds: int = 900) -> str:
    issued = issue(user_id=7, key_id="AK1", auth_hash=AUTH_HASH, seconds=seconds)
    return issued.token


def make_claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token; None leaves one out."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "objectstore",
        "aud": "objectstore",
        "iat": now,
        "nbf": now,
        "exp": now + 900,
        "jti": "abc",
        "sub": "7",
        "key": "AK1",
        "auth": auth_digest(AUTH_HASH),
    } | changed
    return {name: value for name, value in claims.items() if value is not None}


def signed(
    claims: dict[str, Any], *, key: DerivedKey | None = None, algorithm: str = "HS256"
) -> str:
    """Sign claims as this server would, whatever they are."""
    key = key or derive("token")[0]
    return jwt.encode(claims, key.key, algorithm, headers={"kid": key.kid})


def segment(data: object) -> str:
    raw = json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def assert_refused(token: str) -> None:
    """Every defect is told alike."""
    with pytest.raises(InvalidCredentials) as refused:
        read(token)
    assert str(refused.value) == (
        "The token is not valid, or no longer: get another from POST /auth/token."
    )
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@given(
    user_id=st.integers(1, 2**63 - 1),
    key_id=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=40),
    auth_hash=st.text(st.characters(exclude_categories=["Cs"])),
    seconds=st.integers(60, 86_400),
)
def test_every_token_is_read_as_it_was_issued(
    user_id: int, key_id: str, auth_hash: str, seconds: int
) -> None:
    issued = issue(user_id=user_id, key_id=key_id, auth_hash=auth_hash, seconds=seconds)

    claims = read(issued.token)

    assert claims.user_id == user_id
    assert claims.key_id == key_id
    assert claims.auth_digest == auth_digest(auth_hash)
    assert claims.expires_at == issued.expires_at
    assert len(issued.token) <= MAX_LENGTH / 2


def test_claims_made_by_hand_are_as_good_as_ours() -> None:
    """What the other tests change must be the reason for their refusal."""
    assert read(signed(make_claims())).user_id == 7


def test_a_token_ends_after_its_seconds() -> None:
    before = int(time.time())
    issued = issue(user_id=7, key_id="", auth_hash=AUTH_HASH, seconds=900)

    assert before + 900 <= issued.expires_at <= int(time.time()) + 900


def test_no_two_tokens_are_the_same() -> None:
    assert make_token() != make_token()


def test_another_password_has_another_digest() -> None:
    assert read(make_token()).auth_digest != auth_digest(AUTH_HASH[::-1])


def test_a_token_does_not_hold_the_session_hash() -> None:
    payload = jwt.decode(make_token(), options={"verify_signature": False})

    assert AUTH_HASH not in str(payload)


def test_an_expired_token_is_refused() -> None:
    assert_refused(make_token(seconds=-LEEWAY_SECONDS - 1))


def test_a_token_that_was_read_before_it_expired_is_refused_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = make_token(seconds=900)
    read(token)

    later = time.time() + 900 + LEEWAY_SECONDS
    monkeypatch.setattr(time, "time", lambda: later)

    assert_refused(token)


def test_clocks_of_nodes_may_differ_by_a_few_seconds() -> None:
    ahead = int(time.time()) + LEEWAY_SECONDS - 2

    assert read(signed(make_claims(iat=ahead, nbf=ahead))).user_id == 7
    assert LEEWAY_SECONDS <= 10


@pytest.mark.parametrize("claim", ["nbf", "iat"])
def test_a_token_that_is_not_yet_valid_is_refused(claim: str) -> None:
    assert_refused(signed(make_claims(**{claim: int(time.time()) + 60})))


@pytest.mark.parametrize(
    "claim", ["iss", "aud", "iat", "nbf", "exp", "jti", "sub", "auth"]
)
def test_a_token_without_one_of_its_claims_is_refused(claim: str) -> None:
    assert_refused(signed(make_claims(**{claim: None})))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("aud", "another"),
        ("aud", ["objectstore"]),
        ("aud", ["objectstore", "another"]),
        ("iss", "another"),
        ("iss", "objectstore "),
        ("sub", "root"),
        ("sub", "-1"),
        ("sub", "7\n"),
        ("sub", "\u0667"),
        ("sub", ""),
        ("sub", "9" * 20),
        ("key", 1),
        ("key", ["AK1"]),
        ("auth", 1),
        ("exp", "never"),
        ("exp", "99999999999"),
        ("exp", 1e300),
        ("exp", float("inf")),
        ("exp", float("nan")),
        ("exp", []),
        ("jti", 1),
    ],
)
def test_a_claim_of_another_kind_is_refused(claim: str, value: object) -> None:
    assert_refused(signed(make_claims(**{claim: value})))


@pytest.mark.parametrize("name", ["sub", "iss"])
def test_a_text_claim_that_is_a_number_is_refused(name: str) -> None:
    key = derive("token")[0]
    payload = json.dumps(make_claims() | {name: 7}).encode()

    assert_refused(jwt.PyJWS().encode(payload, key.key, headers={"kid": key.kid}))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None, [], "HS25"])
def test_an_unsigned_token_is_refused(alg: object) -> None:
    header = {"typ": "JWT", "alg": alg, "kid": derive("token")[0].kid}
    head = f"{segment(header)}.{segment(make_claims())}"

    assert_refused(f"{head}.")
    assert_refused(head)
    assert_refused(f"{head}.{make_token().rpartition('.')[2]}")


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_with_the_right_key_is_refused(algorithm: str) -> None:
    key = derive("token")[0]
    long_enough = DerivedKey(kid=key.kid, key=key.key * 2)

    assert_refused(signed(make_claims(), key=long_enough, algorithm=algorithm))


def test_a_token_signed_with_somebodys_rsa_key_is_refused() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    kid = derive("token")[0].kid
    token = jwt.encode(make_claims(), private, "RS256", headers={"kid": kid})

    assert_refused(token)


def test_a_public_key_is_no_hmac_key() -> None:
    """The classic confusion: HS256 under the text of a public key."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    header = {"typ": "JWT", "alg": "HS256", "kid": derive("token")[0].kid}
    head = f"{segment(header)}.{segment(make_claims())}"
    hs256 = jwt.get_algorithm_by_name("HS256")
    signature = hs256.sign(head.encode(), public)

    token = f"{head}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    assert_refused(token)


def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    own = b"k" * 32
    brought = {"kty": "oct", "k": base64.urlsafe_b64encode(own).decode()}
    kid = derive("token")[0].kid
    headers = {"kid": kid, "jwk": brought, "jku": "http://localhost/keys"}

    assert_refused(jwt.encode(make_claims(), own, "HS256", headers=headers))


@pytest.mark.parametrize("purpose", ["presign", "access key"])
def test_a_key_of_another_purpose_is_refused(purpose: str) -> None:
    assert_refused(signed(make_claims(), key=derive(purpose)[0]))


@pytest.mark.parametrize("kid", ["000000000000", "", "../../secret_key", "' OR 1=1"])
def test_an_unknown_kid_is_refused(kid: str) -> None:
    assert_refused(
        signed(make_claims(), key=DerivedKey(kid=kid, key=derive("token")[0].key))
    )


@pytest.mark.parametrize("kid", [None, 1, ["a"], {"a": 1}])
def test_a_kid_of_another_kind_is_refused(kid: object) -> None:
    _, payload, signature = make_token().split(".")
    header = segment({"typ": "JWT", "alg": "HS256", "kid": kid})

    assert_refused(f"{header}.{payload}.{signature}")


def test_a_token_without_a_kid_is_refused() -> None:
    assert_refused(jwt.encode(make_claims(), derive("token")[0].key, "HS256"))


def test_a_changed_payload_is_refused() -> None:
    header, _, signature = make_token().split(".")

    assert_refused(f"{header}.{segment(make_claims(sub='1'))}.{signature}")


def test_no_character_of_a_token_may_be_another() -> None:
    token = make_token()

    for at, character in enumerate(token):
        other = "B" if character == "A" else "A"
        assert_refused(token[:at] + other + token[at + 1 :])


def test_a_cut_or_lengthened_token_is_refused() -> None:
    token = make_token()

    for length in range(0, len(token), 9):
        assert_refused(token[:length])
    for more in ("A", "=", ".", " ", "\n", f".{token}"):
        assert_refused(token + more)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "...", "Bearer", "a.b.c", "é.é.é", "\ud800.a.b", "\0", "[].[].[]"],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert_refused(token)


@given(st.text())
def test_no_text_is_a_token(text: str) -> None:
    assert_refused(text)


def test_an_unencoded_payload_is_refused() -> None:
    """RFC 7797's `b64`: false, which would take the payload from elsewhere."""
    key = derive("token")[0]
    payload = json.dumps(make_claims()).encode()
    headers = {"kid": key.kid, "b64": False, "crit": ["b64"]}

    assert_refused(jwt.PyJWS().encode(payload, key.key, headers=headers))


def test_a_critical_header_that_is_not_known_is_refused() -> None:
    key = derive("token")[0]
    headers = {"kid": key.kid, "crit": ["x"], "x": 1}

    assert_refused(jwt.encode(make_claims(), key.key, "HS256", headers=headers))


def test_a_token_that_is_too_long_is_refused_before_it_is_parsed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = signed(make_claims(more="x" * MAX_LENGTH))

    def parse(_token: str) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(jwt, "get_unverified_header", parse)

    assert_refused(token)


def test_a_token_under_the_former_key_is_still_read(settings: Settings) -> None:
    token = make_token()

    rotate(settings)

    assert read(token).user_id == 7


def test_a_new_token_is_signed_with_the_present_key(settings: Settings) -> None:
    rotate(settings)

    kid = jwt.get_unverified_header(make_token())["kid"]

    assert kid == derive("token")[0].kid


def test_a_token_under_a_forgotten_key_is_refused_even_if_it_was_read_before(
    settings: Settings,
) -> None:
    token = make_token()
    read(token)

    rotate(settings, keep_old=False)

    assert_refused(token)


def test_a_token_does_not_show_where_its_answer_is_printed() -> None:
    issued = issue(user_id=7, key_id="AK1", auth_hash=AUTH_HASH, seconds=900)

    assert issued.token not in f"{issued} {issued!r}"
