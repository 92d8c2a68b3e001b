"""Where a request comes from, as far as proxies that are trusted let it be known."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.http import HttpRequest

_SUBSCRIBER_BITS = 64


def client_address(request: HttpRequest) -> str:
    """Return the client's address, IPv4 plainly; "" when there is none (a socket)."""
    given = request.META.get("objectstore.client") or request.META.get("REMOTE_ADDR")
    try:
        address = ip_address((given or "").partition("%")[0])
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)


def client_network(request: HttpRequest) -> str | None:
    """Return whom failed logins are counted by: the address, or IPv6's /64.

    One subscriber has 2**64 addresses of the latter. None when there is no address.
    """
    address = client_address(request)
    if address and isinstance(ip_address(address), IPv6Address):
        subscriber = ip_network(f"{address}/{_SUBSCRIBER_BITS}", strict=False)
        return str(subscriber.network_address)
    return address or None
