"""A door before an S3-compatible server that lets some requests fail, and counts them all.

    python tests/failing_store.py --upstream http://127.0.0.1:5555 --port 5556 --every 10

One request in ten (drawn by a seed) is then answered 503, cut before it is answered, or cut in the
middle of the answer. Programs reach the server through it by AWS_ENDPOINT_URL=http://127.0.0.1:5556.
"""

import argparse
import http.client
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Fault = Callable[[str, str], str]
"""From method and path of a request to "", "503", "cut" (no answer) or "half" (of the answer)."""


def one_in(every: int, seed: int = 0) -> Fault:
    """A fault that falls on one request in `every`, of all three kinds, drawn by a seed."""
    rng, lock = random.Random(seed), threading.Lock()

    def fault(method: str, path: str) -> str:
        with lock:
            return rng.choice(["503", "cut", "half"]) if rng.randrange(every) == 0 else ""

    return fault


class FailingStore:
    """The door, on a free port of 127.0.0.1. fault may be set at any time; requests are counted by
    method in `counts` and listed in `seen` as (method, path, fault).
    """

    def __init__(self, upstream: str, port: int = 0) -> None:
        self.fault: Fault = lambda method, path: ""
        self.counts: Counter[str] = Counter()
        self.seen: list[tuple[str, str, str]] = []
        self.upstream = urlsplit(upstream)
        handler = type("Handler", (_Handler,), {"store": self})
        self.server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def start(self) -> "FailingStore":
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def forget(self) -> None:
        """Count from nothing."""
        self.counts.clear()
        self.seen.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A program that hangs up is its own business."""


class _Handler(BaseHTTPRequestHandler):
    store: FailingStore
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self) -> None:
        store = self.store
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # http.server has answered it
        body = self.body()
        fault = store.fault(self.command, self.path)
        store.counts[self.command] += 1
        store.seen.append((self.command, self.path, fault))
        if fault == "cut":
            self.cut()
            return
        if fault == "503":
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        upstream = http.client.HTTPConnection(
            store.upstream.hostname or "", store.upstream.port or 80, timeout=60
        )
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("transfer-encoding", "connection", "expect", "content-length")
        }
        headers["Content-Length"] = str(len(body))
        upstream.request(self.command, self.path, body, headers)
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date",
                                    "server"):  # fmt: skip
                self.send_header(name, value)
        length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        if fault == "half":
            self.wfile.write(data[: len(data) // 2])
            self.cut()
            return
        self.wfile.write(data)

    def cut(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = answer  # noqa: N815


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--every", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    words = parser.parse_args()
    store = FailingStore(words.upstream, words.port)
    store.fault = one_in(words.every, words.seed)
    print(store.url, flush=True)
    store.server.serve_forever()


if __name__ == "__main__":
    main()
