"""gunicorn's threaded worker, less the hand-overs between its threads.

gthread's accepting thread watches the connections and hands each request to a pool and
each answered connection back: two wake-ups and a dozen changes of the interpreter lock
per request, more than a small request's own work. Here the threads wait for requests
themselves, on one epoll. A connection is armed for one event (EPOLLONESHOT), so exactly
one thread gets it; the kernel wakes the thread that began to wait last, so a light load
stays on few of them. The accepting thread accepts, and says that it lives.

Sockets stay blocking: the kernel limits how long they wait, by what they inherit from
the listening one (objectstore/gunicorn.py). A time limit of Python's would cost another
system call, and a release of the interpreter lock, before each read and write.
"""

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from gunicorn import http
from gunicorn.http import wsgi
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn

from objectstore.graceful import GracefulWorker

_ARMED = select.EPOLLIN | select.EPOLLONESHOT
_CLIENT_LEFT = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EAGAIN)
_YIELD_SECONDS = 0.0001
_MOST_YIELD_SECONDS = 0.002
_STOPPING_POLL_SECONDS = 0.1
_LINGER_SECONDS = 2.0
_LINGER_BYTES = 65536


class Response(wsgi.Response):  # type: ignore[misc] # gunicorn has no types
    """Sends the head together with the first bytes of the body."""

    headers_sent: bool
    _head = b""

    def send_headers(self) -> None:
        """Keep the head until there is a body to send it with."""
        if not self.headers_sent:
            lines = self.default_headers()
            lines += [f"{name}: {value}\r\n" for name, value in self.headers]
            self._head = f"{''.join(lines)}\r\n".encode("latin-1")
            self.headers_sent = True

    def write_file(self, respiter: Any) -> None:
        """Send the head, then the file by sendfile."""
        self.send_headers()
        self._flush()
        super().write_file(respiter)

    def close(self) -> None:
        """End the answer, and send a head that had no body."""
        self.send_headers()
        self._flush()
        super().close()

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._flush()
        head, self._head = self._head, b""
        super()._emit_body(head + data)

    def _flush(self) -> None:
        head, self._head = self._head, b""
        if head:
            self.sock.sendall(head)


class Worker(GracefulWorker):
    """gthread whose threads take the requests themselves (Linux: epoll)."""

    def init_process(self) -> None:
        """Open what the threads wait on, after the fork; then run."""
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
        self._wait(conn.sock.fileno(), conn, self.arrivals.register)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """See gthread; while stopping it looks for `keepalived_conns`, empty here."""
        super().wait_for_and_dispatch_events(
            timeout if self.alive else min(timeout, _STOPPING_POLL_SECONDS)
        )

    def murder_keepalived(self, force: bool = False) -> None:
        """Close the connections that waited too long.

        Whoever takes a connection out of `waiting`, this or a thread with its event,
        owns it; nobody else knows of it.
        """
        now = time.monotonic()
        for fd, conn in list(self.waiting.items()):
            if (force or conn.timeout <= now) and self.waiting.pop(fd, None):
                self._close(fd, conn)

    def _cap_keepalive(self, deadline: float) -> None:
        for conn in list(self.waiting.values()):
            conn.timeout = min(conn.timeout, deadline)

    def _wait(self, fd: int, conn: TConn, arm: Callable[[int, int], None]) -> None:
        """Arm a connection; `waiting` first, for the event may come at once."""
        seconds = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        conn.timeout = time.monotonic() + seconds
        self.waiting[fd] = conn
        arm(fd, _ARMED)

    def _serve(self) -> None:
        while not self.ended:
            for fd, _ in self.arrivals.poll(maxevents=1):
                conn = self.waiting.pop(fd, None)
                if conn is not None:
                    self._answer(fd, conn)

    def _answer(self, fd: int, conn: TConn) -> None:
        """Answer what has arrived; bytes read ahead make no further event."""
        try:
            if fd not in self.leaving:
                while self.handle(conn):
                    if not conn.parser.unreader.buf.tell():
                        self._wait(fd, conn, self.arrivals.modify)
                        return
                self._leave(fd, conn)
            self._linger(fd, conn)
        except Exception:
            self.log.exception("A connection is given up.")
            self.waiting.pop(fd, None)
            self._close(fd, conn)

    def _leave(self, fd: int, conn: TConn) -> None:
        """Send no more, and give the client a moment to read and to end its side.

        Closed at once with bytes unread, a connection is reset, and the end of the
        answer may be lost (RFC 9112 9.6).
        """
        self.leaving[fd] = _LINGER_BYTES
        conn.timeout = time.monotonic() + _LINGER_SECONDS
        with contextlib.suppress(OSError):  # the client has gone already
            conn.sock.shutdown(socket.SHUT_WR)
        conn.sock.setblocking(False)

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
            self.arrivals.modify(fd, _ARMED)
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
            conn.init()
            request = next(conn.parser)
            return self.handle_request(request, conn) and self._at_its_end(conn)
        except (http.errors.NoMoreData, StopIteration) as error:
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
        response, environ = wsgi.create(
            request, conn.sock, conn.client, conn.server, self.cfg, Response
        )
        environ["wsgi.multithread"] = True
        self.nr += 1
        if self.nr >= self.max_requests:
            self.alive = False
        if not self.alive or len(self.waiting) >= self.max_keepalived:
            response.force_close()
        try:
            self._respond(
                self.wsgi(environ, response.start_response), environ, response
            )
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
        return not response.should_close()

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

    def _at_its_end(self, conn: TConn) -> bool:
        """Whether the next byte begins a request, after reading what the body left.

        That sets time limits, which a body that was read to its end can do without.
        """
        if conn.sock.gettimeout() is not None:
            conn.sock.setblocking(True)
        body = conn.parser.mesg.body
        if body.failed:
            return False
        reader = body.reader
        read = isinstance(reader, LengthReader) and not reader.length
        if not read and not self._keepalive_after(conn, True):
            return False
        conn.parser.mesg = None
        return True
