"""POST /auth/token: a password or an access key for a token that ends by itself."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from objects_app.access import issuing
from objects_app.http.json_bodies import Body, read_json
from objects_app.rest.answers import json_answer, parameters
from objects_app.rest.routing import by_method


class _Login(Body):
    username: str | None = None
    password: str = ""


def _create(request: HttpRequest) -> HttpResponseBase:
    parameters(request)
    wanted = read_json(request.META, _Login)
    if wanted.username is None:
        issued = issuing.token_for_key(request)
    else:
        issued = issuing.token_for_password(request, wanted.username, wanted.password)
    return json_answer(
        {
            "access_token": issued.token,
            "token_type": "Bearer",
            "expires_in": settings.TOKEN_SECONDS,
        }
    )


token = by_method(POST=_create)
