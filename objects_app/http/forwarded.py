"""What proxies say of a request: believed from those in TRUSTED_PROXIES, else not.

Anybody may send X-Forwarded-For, -Proto and -Host. They count when the peer of the
connection is listed, and then only as far as listed ones wrote them: a proxy appends to
the right what it has seen itself, so the list is read from the right. `Forwarded`
(RFC 7239) and X-Real-IP are believed from nobody.

The headers stay in `environ`: a request that bears one, from whomever, is never taken
for one from this machine.
"""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from django.conf import settings

_CLIENT = "objectstore.client"
_PORT = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[0-9.]+))(?::[0-9]{1,5})?")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def believe(environ: dict[str, Any]) -> None:
    """Put what a trusted proxy says where Django looks: the scheme and the host.

    What is malformed is ignored; of several values the last is the nearest proxy's.
    """
    client_address(environ)
    if not _is_trusted(environ.get("REMOTE_ADDR", "")):
        return
    scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
    if scheme in {"http", "https"}:
        environ["wsgi.url_scheme"] = scheme
    host = _last(environ.get("HTTP_X_FORWARDED_HOST", ""))
    if _HOST.fullmatch(host):
        environ["HTTP_HOST"] = host


def client_address(environ: dict[str, Any]) -> str:
    """Return the client's IP address: the nearest one that no trusted proxy has.

    An IPv4 address within IPv6 is returned as IPv4. "" where there is none, as behind a
    Unix socket.
    """
    known: str | None = environ.get(_CLIENT)
    if known is None:
        known = environ[_CLIENT] = _walk(environ)
    return known


def _walk(environ: dict[str, Any]) -> str:
    """Stop at what is no address, too: nobody vouches for what stands left of it."""
    client = _plain(environ.get("REMOTE_ADDR", ""))
    rest = environ.get("HTTP_X_FORWARDED_FOR", "")
    while rest and _is_trusted(client):
        rest, _, hop = rest.rpartition(",")
        if not (hop := hop.strip(" \t")):
            continue  # an empty element of a list means nothing (RFC 9110 5.6.1)
        address = _address(hop)
        if address is None:
            break
        client = str(address)
    return client


def _is_trusted(address: str) -> bool:
    proxies = settings.TRUSTED_PROXIES
    return bool(proxies) and _is_listed(address, tuple(proxies))


@lru_cache(maxsize=4096)
def _is_listed(address: str, proxies: tuple[str, ...]) -> bool:
    ip = _address(address)
    return ip is not None and any(ip in ip_network(proxy) for proxy in proxies)


def _plain(address: str) -> str:
    """Only an IPv6 address has several spellings here, so only one is parsed."""
    return str(_address(address) or address) if ":" in address else address


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address, with or without a port; None for what is neither."""
    if match := _PORT.fullmatch(text):
        text = match["v6"] or match["v4"]
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _last(value: str) -> str:
    return value.rpartition(",")[2].strip(" \t")
