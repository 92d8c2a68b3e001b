"""Who is asking."""

from ipaddress import ip_address
from typing import NamedTuple

from django.conf import settings
from django.http import HttpRequest

from objects_app.queries.rows import Actor

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


class Principal(NamedTuple):
    """A caller. `user_id` is None for one without credentials.

    `on_this_machine`: the request comes from here and no proxy passed it on.
    """

    user_id: int | None
    label: str
    on_this_machine: bool


def principal_of(request: HttpRequest) -> Principal:
    """Return who sends the request, as the middleware found out."""
    principal: Principal = request.principal  # type: ignore[attr-defined]
    return principal


def actor_of(request: HttpRequest) -> Actor:
    """Return who did it, where and in which request, for the journal."""
    return Actor(
        label=principal_of(request).label,
        node_id=settings.NODE_ID,
        request_id=request.request_id,  # type: ignore[attr-defined]
    )


def authenticate(request: HttpRequest) -> Principal:
    """Find out who sends this request. Until keys exist, nobody in particular."""
    meta = request.META
    local = _is_loopback(meta.get("REMOTE_ADDR", "")) and not any(
        name in meta for name in _FORWARDED
    )
    return Principal(user_id=None, label="anonymous", on_this_machine=local)


def _is_loopback(address: str) -> bool:
    if address == "127.0.0.1":
        return True
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
