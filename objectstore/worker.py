"""gunicorn's threaded worker, less the hand-overs between its threads.

gthread's accepting thread watches the connections and hands each request to a pool and
each answered connection back: two wake-ups and a dozen changes of the interpreter lock
per request, more than a small request's own work. Here the threads wait for requests
themselves, on one epoll. A connection is armed for one event (EPOLLONESHOT), so exactly
one thread gets it; the kernel wakes the thread that began to wait last, so a light load
stays on few of them. The accepting thread accepts, and says that it lives.

No thread waits for the rest of a head or of a TLS handshake: the epoll does. For bodies
see `receiving`, for answers `sending`.

Sockets stay blocking: the kernel limits how long they wait, by what they inherit from
the listening one (objectstore/gunicorn.py). A time limit of Python's would cost another
system call, and a release of the interpreter lock, before each read and write. Only TLS
has it: OpenSSL would wait on after the kernel's.
"""

import contextlib
import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable
from datetime import datetime
from threading import BoundedSemaphore
from typing import Any

from gunicorn import http
from gunicorn.http import wsgi
from gunicorn.sock import ssl_context
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from objects_app.http.pace import LIMITED, Limits
from objectstore import tls
from objectstore.graceful import GracefulWorker
from objectstore.receiving import Receiver
from objectstore.sending import Response

_CLIENT_LEFT = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EAGAIN)
_YIELD_SECONDS = 0.0001
_MOST_YIELD_SECONDS = 0.002
_STOPPING_POLL_SECONDS = 0.1
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 65536


class Worker(GracefulWorker):
    """gthread whose threads take the requests themselves (Linux: epoll).

    `silence`, `least` and `bodies` are set by the configuration (Limits).
    """

    silence = 30.0
    least = 0
    bodies = 1

    def init_process(self) -> None:
        """Open what the threads wait on, after the fork; then run."""
        self.limits = Limits(self.silence, self.least, BoundedSemaphore(self.bodies))
        self.tls = ssl_context(self.cfg) if self.cfg.is_ssl else None
        self.arrivals = select.epoll()
        self.waiting: dict[int, TConn] = {}
        self.leaving: dict[int, int] = {}  # how much is still read of each
        self.ended = False
        super().init_process()

    def run(self) -> None:
        """Serve until told to stop; however that ends, the threads end too."""
        wake_up = os.eventfd(0)
        self.arrivals.register(wake_up, select.EPOLLIN)
        for _ in range(self.cfg.threads):
            self.tpool.submit(self._serve)
        try:
            super().run()
        finally:
            self.ended = True
            os.eventfd_write(wake_up, 1)

    def accept(self, listener: Any) -> None:
        """Accept, later the more connections there are: let others be quicker.

        All workers are woken by a new connection, and one that takes most of them
        leaves the other cores idle.
        """
        time.sleep(min(self.nr_conns * _YIELD_SECONDS, _MOST_YIELD_SECONDS))
        super().accept(listener)

    def enqueue_req(self, conn: TConn) -> None:
        """Take over a connection that was just accepted."""
        conn.sock.setblocking(True)
        seconds = min(self.silence, self.cfg.keepalive)
        self._wait(conn.sock.fileno(), conn, self.arrivals.register, seconds)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """See gthread; while stopping it looks for `keepalived_conns`, empty here."""
        super().wait_for_and_dispatch_events(
            timeout if self.alive else min(timeout, _STOPPING_POLL_SECONDS)
        )

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that waited too long, but for those that wait for us.

        Whoever takes a connection out of `waiting`, this or a thread with its event,
        owns it; nobody else knows of it.
        """
        now = time.monotonic()
        for fd, conn in list(self.waiting.items()):
            if not force and (conn.timeout > now or self._has_said_more(fd)):
                continue
            if self.waiting.pop(fd, None):
                self._close(fd, conn)

    def _has_said_more(self, fd: int) -> bool:
        """Whether there is something for a thread, once one is free."""
        if fd in self.leaving:
            return False
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(0))

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in list(self.waiting.values()):
            conn.timeout = min(conn.timeout, deadline)

    def _wait(
        self,
        fd: int,
        conn: TConn,
        arm: Callable[[int, int], None],
        seconds: float,
        event: int = select.EPOLLIN,
    ) -> None:
        """Arm a connection; `waiting` first, for the event may come at once."""
        conn.timeout = time.monotonic() + seconds
        self.waiting[fd] = conn
        arm(fd, event | select.EPOLLONESHOT)

    def _wait_for_more(self, fd: int, conn: TConn) -> None:
        """Wait for a request, or for the rest of its head: as long as for a body."""
        since = conn.parser.unreader.since
        if since is not None:
            seconds = since + self.silence - time.monotonic()
        else:
            seconds = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        self._wait(fd, conn, self.arrivals.modify, seconds)

    def _serve(self) -> None:
        while not self.ended:
            for fd, _ in self.arrivals.poll(maxevents=1):
                conn = self.waiting.pop(fd, None)
                if conn is not None:
                    self._take(fd, conn)

    def _take(self, fd: int, conn: TConn) -> None:
        try:
            if fd in self.leaving:
                self._linger(fd, conn)
            elif conn.parser is not None or self._begin(fd, conn):
                self._answer(fd, conn)
        except Exception:
            self.log.exception("A connection is given up.")
            self.waiting.pop(fd, None)
            self._close(fd, conn)

    def _begin(self, fd: int, conn: TConn) -> bool:
        """Make a parser; whether there is one, for TLS may want to hear more first."""
        if self.tls is not None:
            try:
                if not isinstance(conn.sock, ssl.SSLSocket):
                    conn.sock = tls.wrap(conn.sock, self.tls)
                    conn.deadline = time.monotonic() + self.silence
                event = tls.shake_hands(conn.sock)
            except OSError as error:
                self.log.debug("No TLS with %s: %s", conn.client, error)
                self._leave(fd, conn)
                return False
            if event:
                seconds = conn.deadline - time.monotonic()
                self._wait(fd, conn, self.arrivals.modify, seconds, event)
                return False
            conn.sock.settimeout(self.silence)
        conn.initialized = True
        conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
        conn.parser.unreader = Receiver(conn.sock, self.limits)
        return True

    def _answer(self, fd: int, conn: TConn) -> None:
        """Answer what has arrived; bytes read ahead make no further event."""
        receiver: Receiver = conn.parser.unreader
        more = True
        while more and receiver.has_head():
            if not self.handle(conn):
                self._leave(fd, conn)
                return
            more = receiver.holds_more()
        self._wait_for_more(fd, conn)

    def _leave(self, fd: int, conn: TConn) -> None:
        """Send no more, and give the client a moment to read and to end its side.

        Closed at once with bytes unread, a connection is reset, and the end of the
        answer may be lost (RFC 9112 9.6).
        """
        self.leaving[fd] = _LINGER_BYTES
        conn.timeout = time.monotonic() + _LINGER_SECONDS
        tls.say_goodbye(conn.sock)
        with contextlib.suppress(OSError):  # the client has gone already
            conn.sock.shutdown(socket.SHUT_WR)
        conn.sock.setblocking(False)
        self._linger(fd, conn)

    def _linger(self, fd: int, conn: TConn) -> None:
        """Read what the client still sends; no thread waits for more of it.

        gthread's accepting thread does: one client after another would keep all others
        out for as long as it keeps its side open.
        """
        try:
            while self.leaving[fd] > 0:
                read = conn.sock.recv(_LINGER_BYTES)
                self.leaving[fd] -= len(read) or _LINGER_BYTES
        except BlockingIOError:
            self.waiting[fd] = conn
            self.arrivals.modify(fd, select.EPOLLIN | select.EPOLLONESHOT)
            return
        except OSError:
            pass
        self._close(fd, conn)

    def _close(self, fd: int, conn: TConn) -> None:
        """Close; the accepting thread alone counts the connections."""
        self.leaving.pop(fd, None)
        conn.close()
        self.method_queue.defer(self._forget)

    def _forget(self) -> None:
        self.nr_conns -= 1

    def handle(self, conn: TConn) -> bool:
        """Answer one request; return whether the connection may bring another."""
        request = None
        try:
            request = next(conn.parser)
            return self.handle_request(request, conn)
        except (http.errors.NoMoreData, StopIteration, ssl.SSLError) as error:
            self.log.debug("The client has left: %s", error)
        except OSError as error:
            silent = isinstance(error, TimeoutError)
            if not silent and error.errno not in _CLIENT_LEFT:
                self.log.exception("Socket error processing request.")
        except (Exception, SystemExit) as error:  # noqa: BLE001 it logs and answers
            self.handle_error(request, conn.sock, conn.client, error)
        return False

    def handle_request(self, request: Any, conn: TConn) -> bool:
        """Call the application; return whether the answer leaves the connection open.

        gthread's, for HTTP/1 without hooks, with our Response.
        """
        begun = datetime.now()  # noqa: DTZ005 gunicorn's access log takes the difference
        receiver: Receiver = conn.parser.unreader
        # gunicorn would say it before the application has looked at the request.
        receiver.begin(asks_first=request._expected_100_continue)  # noqa: SLF001
        request._expected_100_continue = False  # noqa: SLF001
        response, environ = wsgi.create(
            request,
            conn.sock,
            conn.client,
            conn.server,
            self.cfg,
            response_class=Response,
            response_args=(self.limits,),
        )
        environ["wsgi.multithread"] = True
        environ[LIMITED] = True
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False
        if not self.alive or len(self.waiting) >= self.max_keepalived:
            response.force_close()
        try:
            answer = self._ask(environ, response, receiver)
            if not receiver.has_ended(request.body):
                response.force_close()
            self._respond(answer, environ, response)
        except OSError:
            raise
        except (Exception, SystemExit):
            if not response.headers_sent:
                raise
            # An error page in the middle of an answer would pass for its body.
            self.log.exception("Error handling request")
            return False
        finally:
            self.log.access(response, request, environ, datetime.now() - begun)  # noqa: DTZ005
        conn.parser.mesg = None  # or its body would be read to the end again
        return not response.should_close()

    def _ask(
        self, environ: dict[str, Any], response: Response, receiver: Receiver
    ) -> Any:
        try:
            return self.wsgi(environ, response.start_response)
        finally:
            receiver.end()

    @staticmethod
    def _respond(answer: Any, environ: dict[str, Any], response: Response) -> None:
        try:
            if isinstance(answer, environ["wsgi.file_wrapper"]):
                response.write_file(answer)
            else:
                for item in answer:
                    response.write(item)
            response.close()
        finally:
            if hasattr(answer, "close"):
                answer.close()
