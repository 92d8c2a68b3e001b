"""Whose word about the client, the scheme and the host is taken."""

from typing import Any

import pytest
from pytest_django import Settings

from objects_app.http.forwarded import believe, client_address

NGINX = "10.0.0.7"
CLIENT = "203.0.113.9"


@pytest.fixture(autouse=True)
def _one_proxy_and_a_network(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = (NGINX, "192.168.0.0/16", "fd00::/8")


def request(peer: str = NGINX, **headers: str) -> dict[str, Any]:
    environ = {
        "REMOTE_ADDR": peer,
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "node",
        **{f"HTTP_X_FORWARDED_{name.upper()}": text for name, text in headers.items()},
    }
    believe(environ)
    return environ


@pytest.mark.parametrize(
    ("said", "client"),
    [
        (CLIENT, CLIENT),
        (f"198.51.100.1, {CLIENT}", CLIENT),
        (f"{CLIENT}, 192.168.3.4", CLIENT),
        (f"{CLIENT},192.168.3.4 ,\t{NGINX}", CLIENT),
        ("192.168.3.4, 192.168.3.5", "192.168.3.4"),
        (f"{CLIENT}, fd00::1", CLIENT),
        (f"{CLIENT}:4711", CLIENT),
        ("[2001:db8::9]:4711", "2001:db8::9"),
        ("2001:DB8:0::9", "2001:db8::9"),
        (f"::ffff:{CLIENT}", CLIENT),
        (f"{CLIENT}, ,", CLIENT),
    ],
)
def test_the_client_is_the_nearest_that_is_no_trusted_proxy(
    said: str, client: str
) -> None:
    assert client_address(request(**{"for": said})) == client


@pytest.mark.parametrize(
    "said", ["", "unknown", "_hidden", "203.0.113.999", "1.2.3.4.5", "a" * 8000, "\xff"]
)
def test_a_malformed_address_leaves_the_one_that_is_known(said: str) -> None:
    assert client_address(request(**{"for": said})) == NGINX


def test_nobody_vouches_for_what_stands_left_of_a_malformed_address() -> None:
    environ = request(**{"for": "127.0.0.1, nonsense, 192.168.3.4"})

    assert client_address(environ) == "192.168.3.4"


@pytest.mark.parametrize("peer", [CLIENT, "10.0.0.8", "", "unix:", "fe80::1%eth0"])
def test_of_anybody_else_no_header_is_believed(peer: str) -> None:
    environ = request(peer, **{"for": "127.0.0.1"}, proto="https", host="evil.example")

    assert client_address(environ) == peer
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "node"


def test_without_a_list_nobody_is_trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ()

    environ = request(**{"for": CLIENT}, proto="https")

    assert client_address(environ) == NGINX
    assert environ["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("peer", [f"::ffff:{NGINX}", "fd00::1%eth0"])
def test_a_proxy_is_known_by_any_spelling_of_its_address(peer: str) -> None:
    assert client_address(request(peer, **{"for": CLIENT})) == CLIENT


def test_an_ipv4_client_has_one_spelling_however_it_came() -> None:
    assert client_address(request(f"::ffff:{CLIENT}")) == CLIENT


def test_scheme_and_host_are_those_the_client_used() -> None:
    environ = request(proto="https", host="store.example.com:8443")

    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "store.example.com:8443"


def test_of_several_the_nearest_proxys_word_counts() -> None:
    environ = request(proto="http, HTTPS", host="evil.example, store.example.com")

    assert environ["wsgi.url_scheme"] == "https"
    assert environ["HTTP_HOST"] == "store.example.com"


def test_a_proxy_without_tls_before_a_node_with_it_is_plain_http() -> None:
    environ = {"REMOTE_ADDR": NGINX, "wsgi.url_scheme": "https"}
    environ["HTTP_X_FORWARDED_PROTO"] = "http"

    believe(environ)

    assert environ["wsgi.url_scheme"] == "http"


@pytest.mark.parametrize("proto", ["", "ftp", "https;", "on", "\xe9"])
@pytest.mark.parametrize("host", ["", "a b", "a/b", "user@host", "[::1", "a" * 300])
def test_malformed_schemes_and_hosts_change_nothing(proto: str, host: str) -> None:
    environ = request(proto=proto, host=host)

    assert environ["wsgi.url_scheme"] == "http"
    assert environ["HTTP_HOST"] == "node"


def test_the_headers_stay_for_they_show_that_a_proxy_was_involved() -> None:
    assert "HTTP_X_FORWARDED_FOR" in request(**{"for": CLIENT})


def test_the_address_is_found_out_once() -> None:
    environ = request(**{"for": CLIENT})
    environ["HTTP_X_FORWARDED_FOR"] = "198.51.100.1"

    assert client_address(environ) == CLIENT
