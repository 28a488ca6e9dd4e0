"""The few answers of a Kubernetes API server that Snakemake's executor asks for, on loopback.

A job that is created is written down, and its container's command is run here as a process in an
empty folder. It shows what is asked of a cluster and that the command runs; it is no cluster: there
is no image, no volume, no scheduler, and no limit is kept.
"""

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import yaml


class Pods:
    """What was created, and the processes that run it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = environment
        self.jobs: dict[str, dict[str, Any]] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def create(self, job: dict[str, Any]) -> None:
        """Write a job down and start its command."""
        name = job["metadata"]["name"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        words = [*container["command"], *container["args"]]
        self.jobs[name] = job
        self.running[name] = subprocess.Popen(
            words,
            cwd=tempfile.mkdtemp(dir=self.environment["TMPDIR"]),
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=(Path(self.environment["TMPDIR"]) / f"{name}.txt").open("wb"),
        )

    def status(self, name: str) -> dict[str, int]:
        """The status of a job."""
        code = self.running[name].poll()
        return {} if code is None else {"succeeded": 1} if code == 0 else {"failed": 1}

    def end(self) -> None:
        """Stop what runs."""
        for process in self.running.values():
            process.kill()
            process.wait()


def _handler(pods: Pods) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, body: dict[str, Any], code: int = 200) -> None:
            data = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if urlparse(self.path).path == "/apis/batch/v1/namespaces/default/jobs":
                pods.create(body)
            self._answer(body, 201)

        def do_GET(self) -> None:
            parts = urlparse(self.path).path.strip("/").split("/")
            if parts[-1] == "status" and parts[-2] in pods.jobs:
                self._answer({**pods.jobs[parts[-2]], "status": pods.status(parts[-2])})
            elif parts[-1] == "pods":
                self._answer({"kind": "PodList", "apiVersion": "v1", "items": []})
            else:
                self._answer({"kind": "Status", "code": 404}, 404)

        def do_DELETE(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self._answer({"kind": "Status", "status": "Success"})

        def log_message(self, *words: object) -> None:
            pass

    return Handler


@contextmanager
def pods_server(folder: Path, environment: dict[str, str]) -> Iterator[tuple[Pods, dict[str, str]]]:
    """Serve until the block ends; give what was created, and the environment that leads there.

    environment: of the commands that are run; folder: for what is temporary.
    """
    pods = Pods({**environment, "TMPDIR": str(folder)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pods))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    one = {"name": "test"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [{**one, "cluster": {"server": address}}],
        "users": [{**one, "user": {}}],
        "contexts": [{**one, "context": {"cluster": "test", "user": "test"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    try:
        yield pods, {**os.environ, **environment, "KUBECONFIG": str(folder / "kubeconfig")}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        pods.end()
