"""Ports that nobody else takes."""

import socket
from itertools import islice

from tests.servers.ports import free_ports, ports_of


def test_a_port_is_not_given_twice_nor_to_two_workers() -> None:
    ours = [*free_ports(3), *free_ports(3)]
    theirs = {*islice(ports_of("gw1"), 1000)}

    assert len({*ours}) == 6
    assert theirs.isdisjoint(islice(ports_of("gw2"), 1000))


def test_a_port_on_which_somebody_listens_is_passed_over() -> None:
    ports = ports_of("gw3")
    with socket.create_server(("127.0.0.1", next(ports))) as taken:
        # In as many turns it would come again.
        assert taken.getsockname()[1] not in islice(ports, 1400)
