"""Clients that send or read slowly, or not at all: they keep nobody else out."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tests.e2e.attacked import (
    OBJECTS,
    PATIENCE,
    THREADS,
    assert_untouched,
    attacked,
    seconds_for_an_answer,
)
from tests.e2e.test_wire import code
from tests.e2e.wire import Wire
from tests.servers.store import Server

pytestmark = [pytest.mark.e2e, pytest.mark.alone]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with attacked(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def rested(server: Server) -> Server:
    """The store once it has noticed that the clients of earlier tests have left."""
    deadline = time.monotonic() + 30
    while not _waits_for_as_many_as_it_may(server):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return server


def _waits_for_as_many_as_it_may(server: Server) -> bool:
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(THREADS - 2)]
        for wire in wires:
            expects = ("Expect: 100-continue", "Content-Length: 1")
            wire.ask("PUT", f"{OBJECTS}/rested", *expects)
        if {wire.hear().status for wire in wires} != {100}:
            return False
        return {wire.say(b"x").hear().status for wire in wires} <= {200, 201}


@pytest.mark.once
@pytest.mark.parametrize(
    "framing",
    ["Content-Length: 9", "Content-Length: 1000000", "Transfer-Encoding: chunked"],
)
def test_thirty_stalled_uploads_do_not_stop_the_thirty_first_request(
    rested: Server, framing: str
) -> None:
    """Six are waited for and told so in the end, the others are turned away at once."""
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(rested.port)) for _ in range(30)]
        for wire in wires:
            wire.ask("PUT", f"{OBJECTS}/new", framing).say(b"9\r\n1234")

        assert seconds_for_an_answer(rested) < 2
        heard = [wire.hear() for wire in wires]
    told = sorted(code(answer) for answer in heard)
    assert told == ["body_stalled"] * (THREADS - 2) + ["too_many_uploads"] * (
        30 - THREADS + 2
    )
    for answer in heard:
        assert answer.headers["Connection"] == "close"
        assert (answer.status == 503) == ("Retry-After" in answer.headers)
    assert_untouched(rested)


@pytest.mark.once
def test_small_bodies_that_have_arrived_are_taken_while_others_stall(
    rested: Server,
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS):
            wire = stack.enter_context(Wire(rested.port))
            wire.ask("PUT", f"{OBJECTS}/new", "Content-Length: 9").say(b"1234")
        time.sleep(0.2)
        with Wire(rested.port) as wire:
            for number in range(20):
                body = bytes(number * 100)
                heard = wire.ask("PUT", f"{OBJECTS}/arrived", body=body).hear()
                assert heard.status in {200, 201}


@pytest.mark.once
def test_whoever_asks_before_sending_is_turned_away_without_sending(
    rested: Server,
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(THREADS - 2):
            wire = stack.enter_context(Wire(rested.port))
            wire.ask("PUT", f"{OBJECTS}/new", "Content-Length: 9").say(b"1234")
        time.sleep(0.2)
        with Wire(rested.port) as wire:
            wire.ask(
                "PUT", f"{OBJECTS}/new", "Expect: 100-continue", "Content-Length: 9"
            )
            heard = wire.hear()
        assert (heard.status, code(heard)) == (503, "too_many_uploads")


@pytest.mark.once
@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_that_drips_is_cut_off(rested: Server, chunked: bool) -> None:
    """Never silent for long, it would hold its thread for days."""
    framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000000"
    stop = threading.Event()
    with Wire(rested.port) as wire:
        wire.ask("PUT", f"{OBJECTS}/new", framing)

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.1):
                    wire.say(b"1\r\na\r\n" if chunked else b"a")

        dripping = threading.Thread(target=drip)
        started = time.monotonic()
        dripping.start()
        try:
            heard = wire.hear()
        finally:
            stop.set()
            dripping.join()
        assert (heard.status, code(heard)) == (408, "body_stalled")
        assert PATIENCE <= time.monotonic() - started < 3 * PATIENCE
    assert_untouched(rested)


@pytest.mark.once
def test_a_slow_upload_above_the_least_rate_is_stored(rested: Server) -> None:
    with Wire(rested.port) as wire:
        wire.ask("PUT", f"{OBJECTS}/steady", "Content-Length: 60000")
        for _ in range(60):
            wire.say(bytes(1000))
            time.sleep(0.06)
        assert wire.hear().status == 201


@pytest.mark.once
def test_refused_uploads_that_stall_keep_nobody_out(rested: Server) -> None:
    """Their refusal is sent at once, and nobody waits for a body nobody wants."""
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            wire = stack.enter_context(Wire(rested.port))
            wire.ask("PUT", "/nowhere", "Content-Length: 60000").say(b"1234")
            heard = wire.hear()
            assert (heard.status, heard.headers["Connection"]) == (404, "close")
        assert seconds_for_an_answer(rested) < 2


@pytest.mark.once
def test_forms_that_stall_keep_nobody_out(rested: Server) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(30):
            wire = stack.enter_context(Wire(rested.port))
            wire.ask("POST", "/admin/login/", "Content-Length: 900").say(b"username=")
        assert seconds_for_an_answer(rested) < 2


def test_a_reader_that_drips_is_cut_off(rested: Server) -> None:
    """It keeps the kernel's buffer full but for a few bytes now and then."""
    size = 32 * 1024 * 1024
    with Wire(rested.port) as wire:
        put = wire.ask("PUT", f"{OBJECTS}/large", body=bytes(size)).hear()
        assert put.status in {200, 201}
    with contextlib.ExitStack() as stack:
        readers = [
            stack.enter_context(Wire(rested.port, receive_buffer=4096))
            for _ in range(THREADS)
        ]
        for reader in readers:
            reader.ask("GET", f"{OBJECTS}/large")
        stop = threading.Event()

        def drip() -> None:
            with contextlib.suppress(OSError):
                while not stop.wait(0.2):
                    for reader in readers:
                        reader.hear_at_most(10)

        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            assert seconds_for_an_answer(rested) < 4 * PATIENCE
        finally:
            stop.set()
            dripping.join()
