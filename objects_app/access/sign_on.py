"""Single sign-on: OpenID Connect's code flow with PKCE, state and nonce, by Authlib.

Authlib makes and keeps state, nonce and verifier in the session and exchanges the code;
the issuer's endpoints and the check of its ID token are ours (`issuer.py`, `oidc.py`).
"""

import hmac
import logging
from typing import Any

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.django_client import DjangoIntegration, DjangoOAuth2App
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext_noop

from objects_app.access import accounts, claims, issuer, oidc
from objects_app.errors import InvalidCredentials, IssuerUnavailable
from objects_app.services import identities

logger = logging.getLogger(__name__)

STATE_SECONDS = 600
_MOST_STATES = 5


class _Session(issuer.LimitedSession, OAuth2Session):  # type: ignore[misc] # no types
    """Authlib's session with our limits."""


class _States(DjangoIntegration):  # type: ignore[misc] # no types
    """What Authlib keeps in the session: briefly, and no more than a few."""

    expires_in = STATE_SECONDS

    def set_state_data(self, session: Any, state: str, data: Any) -> None:
        """Keep one sign-on under way, and of the earlier ones the latest."""
        own = f"_state_{self.name}_"
        names = session.keys()  # a session cannot be iterated over
        begun = [name for name in names if name.startswith(own)]
        for key in begun[: 1 - _MOST_STATES]:
            del session[key]
        super().set_state_data(session, state, data)


class _Client(DjangoOAuth2App):  # type: ignore[misc] # no types
    """This store at the issuer."""

    client_cls = _Session

    def parse_id_token(
        self, token: dict[str, Any], nonce: str, **_: Any
    ) -> dict[str, Any]:
        """Return the ID token's claims. Raises InvalidCredentials."""
        claimed = oidc.verified(
            str(token["id_token"]), audience=self.client_id, may_lack_key_id=True
        )
        if not hmac.compare_digest(
            str(claimed.get("nonce", "")).encode(), nonce.encode()
        ):
            raise InvalidCredentials(
                gettext_noop("The answer belongs to another sign-on.")
            )
        if claimed.get("azp", self.client_id) != self.client_id:
            raise InvalidCredentials(gettext_noop("The answer is for another client."))
        return claimed


def begin(request: HttpRequest, callback: str) -> HttpResponseRedirect:
    """Send the browser to the issuer, to come back to `callback` (a whole URL).

    Raises IssuerUnavailable, and InvalidCredentials when there is no issuer.
    """
    client = _client()
    if not request.user.is_authenticated:
        request.session.set_expiry(STATE_SECONDS)
    redirect: HttpResponseRedirect = client.authorize_redirect(request, callback)
    return redirect


def finish(request: HttpRequest) -> User:
    """Return the user whom the issuer sent back, made when it is new.

    Raises InvalidCredentials, also for a disabled user, and IssuerUnavailable.
    """
    client = _client()
    try:
        token = client.authorize_access_token(request)
        claimed = _completed(client, token)
    except OAuthError as error:
        logger.info("A sign-on failed: %.200r", error)
        raise InvalidCredentials(
            gettext_noop(
                "The sign-on was not finished, took too long or was begun elsewhere."
            )
        ) from error
    except (requests.RequestException, ValueError) as error:
        raise IssuerUnavailable(
            gettext_noop("The identity provider's answer is unusable.")
        ) from error
    user = identities.sign_on(claims.identity_of(claimed, all_of_them=True)).user
    accounts.forget()  # claims may have changed what the user may do
    if not user.is_active:
        raise InvalidCredentials(
            gettext_noop("This user is disabled here: ask the operator.")
        )
    return user


def _client() -> _Client:
    its = issuer.configured()
    if its is None:
        raise InvalidCredentials(gettext_noop("No OIDC_ISSUER is configured."))
    known = its.known()
    return _Client(
        _States("oidc"),
        "oidc",
        client_id=settings.OIDC_CLIENT_ID,
        client_secret=settings.OIDC_CLIENT_SECRET,
        authorize_url=known.authorization_endpoint,
        access_token_url=known.token_endpoint,
        userinfo_endpoint=known.userinfo_endpoint,
        client_kwargs={
            "scope": settings.OIDC_SCOPES,
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": known.client_authentication,
        },
    )


def _completed(client: _Client, token: dict[str, Any]) -> dict[str, Any]:
    """Return the ID token's claims, those it lacks from the userinfo endpoint."""
    claimed: dict[str, Any] | None = token.get("userinfo")
    if claimed is None:
        raise InvalidCredentials(
            gettext_noop("The identity provider sent no ID token.")
        )
    wanted = {settings.OIDC_USERNAME_CLAIM, settings.OIDC_GROUPS_CLAIM}
    if wanted <= claimed.keys() or not client.server_metadata["userinfo_endpoint"]:
        return claimed
    more: dict[str, Any] = client.userinfo(token=token)
    if more.get("sub") != claimed["sub"]:  # OpenID Connect Core 5.3.2
        raise InvalidCredentials(
            gettext_noop("The identity provider told of somebody else.")
        )
    return {**more, **claimed}
