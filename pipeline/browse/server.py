"""Serves a bundle to the browser of this machine, and to nobody else.

Only the loopback interface is listened on. A page of somebody else's that is open in the same
browser is refused: by the name that it reached us under (Host, against rebinding of names), and by
what the browser says of where a request comes from (Sec-Fetch-Site).
"""

import select
import socket
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from pipeline.browse.site import Answer, GoneError, Site, refused
from pipeline.errors import UserError
from pipeline.inspect.read import printable

ADDRESS = "127.0.0.1"
PORT = 8765
"""The port, where none is given and it is free: addresses of views then stay what they are."""
_NAMES = ("127.0.0.1", "localhost")
_LONGEST = 8000
"""Letters of an address at most."""
_HEADERS = {
    # Pictures of people: nothing of them stays in the browser's cache folder.
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src"
        " 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Server(ThreadingHTTPServer):
    """A server of one site, on the loopback interface."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, site: Site, port: int) -> None:
        """port: 0 for any free one. Raises OSError where it is not free."""
        self.site = site
        super().__init__((ADDRESS, port), Handler)

    def server_bind(self) -> None:
        """As HTTPServer's, without asking a name server for our own name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, int(self.server_address[1])

    @property
    def address(self) -> str:
        """What to open: http://127.0.0.1:PORT/."""
        return f"http://{ADDRESS}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error; anything else is a mistake of ours, in one line."""
        error = sys.exc_info()[1]
        if error is None or isinstance(error, ConnectionError | TimeoutError):
            return
        *_, last = traceback.extract_tb(error.__traceback__)
        text = printable(" ".join(f"{type(error).__name__}: {error}".split()))
        print(f"ocim: {last.filename}:{last.lineno}: {text}", file=sys.stderr)


def listen(site: Site, port: int | None) -> Server:
    """A server at `port`; without one at PORT, or where that is taken at any free one.

    Raises UserError where the given port cannot be had.
    """
    try:
        return Server(site, PORT if port is None else port)
    except OSError as error:
        if port is None:
            return Server(site, 0)
        why = error.strerror or str(error)
        raise UserError(f"--port {port}: {why}; give another one, or none") from None


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: Server
    protocol_version = "HTTP/1.1"  # connections are kept: a page asks for hundreds of pictures
    timeout = 60
    # Headers and body go out together: apart, the second waits 40 ms for word of the first.
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    server_version, sys_version = "ocim", ""

    def do_GET(self) -> None:
        """Answer."""
        self._send(self._answer())

    def do_HEAD(self) -> None:
        """Answer without what is in it."""
        self._send(self._answer())

    def _answer(self) -> Answer:
        path, _, query = self.path.partition("?")
        if len(self.path) > _LONGEST:
            return refused(414, "the address is too long")
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or host_name(hosts[0]) not in _NAMES:
            return refused(403, f"this is {ADDRESS}, and was asked for under another name")
        site = self.headers.get("Sec-Fetch-Site", "none")
        # A link to the page itself may lie anywhere.
        if site not in ("none", "same-origin") and path != "/":
            return refused(403, "asked for by a page of somebody else's")
        if self.headers.get("Transfer-Encoding") or self.headers.get("Content-Length", "0") != "0":
            self.close_connection = True
            return refused(400, "nothing is taken, things are only given")
        return self.server.site.answer(path, query, self._gone)

    def _gone(self) -> bool:
        """Whether the browser has closed the connection: it was asked for something else since."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        try:
            return bool(poll.poll(0)) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def handle_one_request(self) -> None:
        """As BaseHTTPRequestHandler's; an answer that nobody waits for ends the connection."""
        try:
            super().handle_one_request()
        except GoneError:
            self.close_connection = True

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Refuse what is no request that is answered: in one line, as everything is."""
        self.close_connection = True
        line = "only GET and HEAD are answered" if code == 501 else message or "no such request"
        if not hasattr(self, "command"):
            self.command = ""
        self._send(refused(405 if code == 501 else code, printable(line)))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a page asks for thousands of pictures."""


def host_name(host: str) -> str:
    """The name in a Host header, without the port, which an ssh tunnel may have changed."""
    name, colon, port = host.strip().lower().rpartition(":")
    return name if colon and port.isdigit() else host.strip().lower()
