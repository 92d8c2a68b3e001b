"""A real OpenID Connect provider (oidc-provider-mock) on this machine."""

import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import authlib.deprecate  # noqa: F401 it lets its warnings be seen; they are not ours
import flask
import jwt
import requests
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from werkzeug.serving import make_server

with warnings.catch_warnings():  # it uses what Authlib will drop one day
    warnings.simplefilter("ignore")
    import oidc_provider_mock
    from authlib.jose import RSAKey

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

CLIENT_ID = "objectstore"


class Provider:
    """The provider: its `url`, its users, its key, and how often it was asked."""

    def __init__(self, key: Any = None) -> None:
        """Make one that signs with a `key` of `new_key`'s."""
        given = mock.Mock(return_value=key or new_key())
        with mock.patch.object(RSAKey, "generate_key", given):
            self._app = oidc_provider_mock.app(require_nonce=True)
        self._app.debug = False
        self.asked: Counter[str] = Counter()
        self._server = make_server("localhost", 0, self._counted, threaded=True)
        self.url = f"http://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    @contextmanager
    def running(self) -> Iterator["Provider"]:
        """Answer, for as long as the block lasts."""
        self._thread.start()
        try:
            yield self
        finally:
            self.stop()

    def stop(self) -> None:
        """Be a dead provider."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def settings(self) -> dict[str, str]:
        """What a store needs to be told of it."""
        return {
            "OIDC_ISSUER": self.url,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": "any-will-do",
        }

    def user(self, subject: str, **claims: object) -> None:
        """Let there be a user with these claims."""
        url = f"{self.url}/users/{subject}"
        requests.put(url, json=claims, timeout=5).raise_for_status()

    def agree(self, authorization: str, subject: str) -> str:
        """Be a user who signs in there, and return where the browser is sent."""
        answer = requests.post(
            authorization, data={"sub": subject}, allow_redirects=False, timeout=5
        )
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def token(self, **changes: Any) -> str:
        """Return a JWT of its own, with claims (None: without) and `kid` changed."""
        headers = {"kid": changes.pop("kid", self.key_id)}
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT_ID,
            "sub": "ann",
            "iat": now,
            "exp": now + 300,
        } | changes
        given = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(
            given,
            self.private_key,
            algorithm="RS256",
            headers={n: v for n, v in headers.items() if v is not None},
        )

    @property
    def private_key(self) -> RSAPrivateKey:
        """The key it signs with."""
        key: RSAPrivateKey = self._storage.jwk.get_private_key()
        return key

    @property
    def public_key(self) -> str:
        """What everybody can read of it, PEM."""
        pem: bytes = self._storage.jwk.as_pem(is_private=False)
        return pem.decode()

    @property
    def key_id(self) -> str:
        """The id under which its key is listed."""
        thumbprint: str = self._storage.jwk.thumbprint()
        return thumbprint

    def rotate(self) -> None:
        """Sign with a new key, and list no other."""
        kind = type(self._storage.jwk)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._storage.jwk = kind.generate_key(is_private=True)

    @property
    def _storage(self) -> Any:
        with self._app.test_request_context("/"):
            self._app.preprocess_request()
            return flask.g.oidc_provider_mock_storage

    def _counted(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        self.asked[environ["PATH_INFO"]] += 1
        answer: WSGIApplication = self._app
        return answer(environ, start_response)


def new_key() -> Any:
    """Return a key for a provider; to make one takes as long as some tests."""
    return RSAKey.generate_key(is_private=True)


def parameters(url: str) -> dict[str, str]:
    """Return the query of a URL."""
    return {name: value for name, [value] in parse_qs(urlsplit(url).query).items()}
