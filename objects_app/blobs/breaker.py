"""A circuit breaker: what does not answer is not asked by every thread at once."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pybreaker

from objects_app import metrics

logger = logging.getLogger(__name__)

CircuitOpen = pybreaker.CircuitBreakerError


class Breaker:
    """Guards calls to one service.

    After `failures` in a row it opens: calls are refused at once. Every `reset_seconds`
    one call is let through to try; the first that succeeds closes it again.
    """

    def __init__(
        self,
        name: str,
        *,
        is_failure: Callable[[BaseException], bool],
        failures: int,
        reset_seconds: float,
    ) -> None:
        self._trying = threading.Lock()
        self._circuit = pybreaker.CircuitBreaker(
            name=name,
            fail_max=failures,
            reset_timeout=reset_seconds,
            exclude=[lambda error: not is_failure(error)],
            listeners=[_Reporter()],
            state_storage=_Memory(pybreaker.STATE_CLOSED),
            throw_new_error_on_trip=False,
        )

    @property
    def is_open(self) -> bool:
        return self._circuit.current_state == pybreaker.STATE_OPEN

    @contextmanager
    def call(self) -> Iterator[None]:
        """Run the block as a guarded call. Raises CircuitOpen instead when open.

        pybreaker would let all threads through to try, and its `call` would hold a lock
        for as long as a call takes; `calling` does not.
        """
        if self._circuit.current_state == pybreaker.STATE_CLOSED:
            with self._circuit.calling():
                yield
            return
        if not self._trying.acquire(blocking=False):
            raise CircuitOpen("another call is trying")
        try:
            with self._circuit.calling():
                yield
        finally:
            self._trying.release()


class _Memory(pybreaker.CircuitMemoryStorage):
    """Knows how long ago it opened by a clock that nobody sets."""

    _opened: float | None = None

    @property
    def opened_at(self) -> datetime | None:
        if self._opened is None:
            return None
        return datetime.now(UTC) - timedelta(seconds=time.monotonic() - self._opened)

    @opened_at.setter
    def opened_at(self, _now: datetime) -> None:
        self._opened = time.monotonic()


class _Reporter(pybreaker.CircuitBreakerListener):
    """Says when it opens and when it closes, and nothing of the tries between."""

    def state_change(
        self,
        cb: pybreaker.CircuitBreaker,
        old_state: pybreaker.CircuitBreakerState | None,
        new_state: pybreaker.CircuitBreakerState,
    ) -> None:
        before = old_state.name if old_state else pybreaker.STATE_CLOSED
        if (before, new_state.name) == (pybreaker.STATE_CLOSED, pybreaker.STATE_OPEN):
            metrics.CIRCUIT_OPENINGS.labels(cb.name).inc()
            logger.error(
                "%s does not answer: asked again every %g s", cb.name, cb.reset_timeout
            )
        elif new_state.name == pybreaker.STATE_CLOSED:
            logger.warning("%s answers again", cb.name)
