"""How slow a client may be."""

import pytest

from objects_app.http.pace import Crowded, Limits, Pace

LIMITS = Limits(silence=30, least=1024)


def test_whoever_is_never_waited_for_may_send_little() -> None:
    pace = Pace(LIMITS)

    for _ in range(1000):
        pace.moved(1)


def test_a_client_that_drips_is_too_slow_after_as_long_as_silence() -> None:
    pace = Pace(LIMITS)
    for _ in range(29):
        pace.moved(1, 1.0)

    with pytest.raises(TimeoutError):
        pace.moved(1, 1.0)


def test_a_steady_client_above_the_least_rate_is_never_too_slow() -> None:
    pace = Pace(LIMITS)

    for _ in range(1000):
        pace.moved(1025, 1.0)


def test_a_quick_beginning_does_not_pay_for_dripping_later() -> None:
    pace = Pace(LIMITS)
    pace.moved(100_000_000, 30.0)
    for _ in range(29):
        pace.moved(1, 1.0)

    with pytest.raises(TimeoutError):
        pace.moved(1, 1.0)


def test_no_least_rate_lets_everybody_drip() -> None:
    pace = Pace(LIMITS._replace(least=0))

    for _ in range(1000):
        pace.moved(1, 29.0)


def test_being_crowded_is_no_fault_of_the_connection() -> None:
    assert isinstance(Crowded(), BlockingIOError)
    assert Crowded().errno is not None
