"""From a request to its principal: which credentials it shows, and whether they hold.

    presigned query   the issuer, for this one request
    Authorization     Bearer KEY_ID.SECRET, Basic KEY_ID:SECRET, or Bearer JWT
    session cookie    who is signed in to the console; to write, with the CSRF header
    nothing           anonymous

Passwords are never looked at here: only at the login page and POST /auth/token.
"""

import base64
import binascii
import logging
import secrets
import time
from ipaddress import ip_address
from typing import NoReturn

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.translation import gettext_noop

from objects_app.access import accounts, presigned, rates, tokens
from objects_app.access.accounts import Account
from objects_app.access.addresses import client_address
from objects_app.access.origins import SAFE_METHODS, is_embedded
from objects_app.access.principals import Principal
from objects_app.errors import CsrfRequired, InvalidCredentials
from objects_app.services import key_uses

logger = logging.getLogger(__name__)

_JWT_DOTS = 2
_MOST_CHARACTERS = 8192
_FORWARDED = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_SERVER",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
    "HTTP_X_CLUSTER_CLIENT_IP",
    "HTTP_TRUE_CLIENT_IP",
    "HTTP_CF_CONNECTING_IP",
    "HTTP_VIA",
)


def authenticate(request: HttpRequest, *, path: bytes) -> Principal:
    """Find out who sends this request for a percent-decoded path.

    Raises InvalidCredentials for any that are shown and do not hold, also where none
    would be needed; InvalidPresigned, PresignedExpired, CsrfRequired, RateLimited.
    """
    meta = request.META
    nobody = _nobody(request)
    authorization = meta.get("HTTP_AUTHORIZATION")
    by_url = presigned.is_presigned(meta.get("QUERY_STRING", ""))
    if by_url and authorization is not None:
        raise InvalidCredentials(
            gettext_noop("Send Authorization or a presigned URL, not both.")
        )
    if by_url:
        return _by_url(request, path, nobody)
    if authorization is not None:
        return _by_header(request, authorization, nobody)
    if settings.SESSION_COOKIE_NAME in meta.get("HTTP_COOKIE", ""):
        return _by_session(request, nobody)
    return nobody


def signed_in(request: HttpRequest) -> Principal:
    """Return who opens one of the console's pages: by session, or nobody in particular.

    For Django's usual stack, whose own middleware has checked the CSRF token.
    """
    nobody = _nobody(request)
    user = _session_user(request)
    return nobody if user is None else _of_user(user, nobody)._replace(kind="session")


def by_key(key_id: str, secret: str, nobody: Principal) -> Principal:
    """Return the principal of an access key. Raises InvalidCredentials."""
    found = accounts.key_account(key_id)
    known = found.secret if found else secrets.token_urlsafe(30)
    same = secrets.compare_digest(known.encode(), secret.encode(errors="replace"))
    if found is None or not same:
        _refuse(nobody)
    return _of_key(found, nobody)


def _nobody(request: HttpRequest) -> Principal:
    meta = request.META
    return Principal(
        label="anonymous",
        address=client_address(request),
        on_this_machine=_is_loopback(meta.get("REMOTE_ADDR", ""))
        and not any(name in meta for name in _FORWARDED)
        and meta.get("SERVER_PROTOCOL") == "HTTP/1.1"  # nginx's proxy_pass: 1.0
        and not is_embedded(request),  # in a page that sees whether there is a picture
    )


def _by_header(
    request: HttpRequest, authorization: str, nobody: Principal
) -> Principal:
    scheme, _, value = authorization.partition(" ")
    value = value.strip(" ")
    if len(value) > _MOST_CHARACTERS:
        _refuse(nobody)
    if scheme.lower() == "basic":
        return by_key(*_basic(value, nobody), nobody)
    if scheme.lower() != "bearer":
        _refuse(nobody)
    if value.count(".") == _JWT_DOTS:
        return _by_token(request, value, nobody)
    key_id, _, secret = value.partition(".")
    return by_key(key_id, secret, nobody)


def _basic(value: str, nobody: Principal) -> tuple[str, str]:
    """Return id and secret (RFC 7617)."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        _refuse(nobody)
    key_id, _, secret = text.partition(":")
    return key_id, secret


def _by_token(request: HttpRequest, token: str, nobody: Principal) -> Principal:
    try:
        claims = tokens.read(token)
    except InvalidCredentials:
        return _by_issuers_token(request, token, nobody)
    if claims.key_id:
        key = accounts.key_account(claims.key_id)
        if key is None or key.user_id != claims.user_id:
            _refuse(nobody)
        return _of_key(key, nobody)._replace(kind="token")
    user = _active(claims.user_id, nobody)
    if claims.auth_digest not in map(tokens.auth_digest, user.auth_hashes):
        _refuse(nobody)
    return _of_user(user, nobody)._replace(kind="token")


def _by_issuers_token(request: HttpRequest, token: str, nobody: Principal) -> Principal:
    if not settings.OIDC_ISSUER:
        _refuse(nobody)
    from objects_app.access import oidc  # noqa: PLC0415 most programs do without

    try:
        user_id = oidc.read(token, request)
    except InvalidCredentials:
        _refuse(nobody)
    return _of_user(_active(user_id, nobody), nobody)._replace(kind="token")


def _by_url(request: HttpRequest, path: bytes, nobody: Principal) -> Principal:
    meta = request.META
    signed = presigned.read(
        method=request.method or "",
        path=path,
        query_string=meta["QUERY_STRING"],
        now=time.time(),
    )
    issuer = signed.issuer
    key = accounts.key_account(issuer.key_id) if issuer.key_id else None
    if issuer.key_id and (key is None or key.user_id != issuer.user_id):
        _refuse(nobody)
    if key is not None:
        principal = _of_key(key, nobody)
    else:
        user = _active(issuer.user_id, nobody)
        if issuer.auth_digest not in map(tokens.auth_digest, user.auth_hashes):
            _refuse(nobody)
        principal = _of_user(user, nobody)
    meta["QUERY_STRING"] = presigned.remaining(meta["QUERY_STRING"])
    return principal._replace(kind="url", presigned=signed)


def _by_session(request: HttpRequest, nobody: Principal) -> Principal:
    user = _session_user(request)
    if user is None:
        return nobody  # signed out: as Django has it, not an error
    if request.method not in SAFE_METHODS:
        _require_csrf_header(request)
    return _of_user(user, nobody)._replace(kind="session")


def _session_user(request: HttpRequest) -> Account | None:
    session_key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    session = accounts.session(session_key)
    return accounts.account(session.user_id) if session is not None else None


def _require_csrf_header(request: HttpRequest) -> None:
    """Check X-CSRFToken against the cookie, by Django's rules.

    On a request made of these two: with POST Django would read the body, and with
    Origin or Referer ask for https where a proxy ended it. `origins` saw to those.
    """
    probe = HttpRequest()
    probe.method = "PUT"
    header = settings.CSRF_HEADER_NAME
    probe.META = {header: request.META[header]} if header in request.META else {}
    probe.COOKIES = request.COOKIES
    middleware = CsrfViewMiddleware(_accepted)
    middleware.process_request(probe)
    if middleware.process_view(probe, _accepted, (), {}) is not None:
        raise CsrfRequired(
            gettext_noop(
                "Signed in by cookie, writing needs the X-CSRFToken header: send "
                "the csrftoken cookie's value in it, or use an access key."
            )
        )


def _accepted(_: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _of_key(key: accounts.KeyAccount, nobody: Principal) -> Principal:
    user = _active(key.user_id, nobody)
    key_uses.note(key.key_id)
    return _of_user(user, nobody)._replace(
        kind="key",
        key_id=key.key_id,
        read_only=key.read_only,
        only_bucket=key.only_bucket,
        only_prefix=key.only_prefix,
    )


def _of_user(user: Account, nobody: Principal) -> Principal:
    return nobody._replace(
        label=user.name,
        user_id=user.user_id,
        is_superuser=user.is_superuser,
        may_create=user.may_create,
    )


def _active(user_id: int, nobody: Principal) -> Account:
    found = accounts.account(user_id)
    if found is None:
        _refuse(nobody)
    return found


def _refuse(nobody: Principal) -> NoReturn:
    """Tell nothing about what was wrong, and count it against the address.

    An address that sent too many is told so; what is right is still accepted from it:
    secrets cannot be guessed, and others may be behind the same address.
    """
    rates.count_failure(nobody.address)
    raise InvalidCredentials(
        gettext_noop(
            "These credentials are wrong, expired or revoked, or neither Bearer "
            "nor Basic: check the key, or get a new token."
        )
    )


def _is_loopback(address: str) -> bool:
    if address == "127.0.0.1":
        return True
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
