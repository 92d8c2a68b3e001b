"""Who is asking."""

from typing import Literal, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from objects_app.access.presigned import Presigned
from objects_app.queries.rows import Actor


class Principal(NamedTuple):
    """A caller. `user_id` is None for one without credentials.

    `label` is what the journal calls it. `on_this_machine`: the request comes from
    here and no proxy passed it on. `read_only`, `only_bucket` and `only_prefix` are an
    access key's own limits, whatever its user may do. `kind` says what was shown: a
    `token` was got with a key (then `key_id` is there) or by a person.
    """

    label: str
    address: str
    on_this_machine: bool
    kind: Literal["nothing", "key", "token", "session", "url"] = "nothing"
    user_id: int | None = None
    key_id: str = ""
    is_superuser: bool = False
    may_create: bool = False
    read_only: bool = False
    only_bucket: str = ""
    only_prefix: str = ""
    presigned: Presigned | None = None

    @property
    def is_person(self) -> bool:
        """Whether a password, or the identity provider, proved who this is."""
        return self.kind == "session" or (self.kind == "token" and not self.key_id)


def principal_of(request: HttpRequest) -> Principal:
    """Return who sends the request, as the middleware found out."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    return principal


def actor_of(request: HttpRequest) -> Actor:
    """Return who did it, from where and in which request, for the journal."""
    principal = principal_of(request)
    return Actor(
        label=principal.label,
        node_id=settings.NODE_ID,
        request_id=request.request_id,  # type: ignore[attr-defined]
        key_id=principal.key_id,
        address=principal.address,
    )
