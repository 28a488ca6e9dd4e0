"""`ocim` whose imports are done: a server that forks itself for each command, and its client.

Fifty commands would import torch fifty times over. The server imports once; a client, which a shell
finds as `ocim`, hands it its words, folder, environment and open files; a fork of the server is
then that command, from `main` to its end.
"""

import json
import os
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path

CLIENT = """#!{python} -SsE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    socket.send_fds(server, [b"."], [0, 1, 2])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(int(server.recv(8) or 1))
"""


def write_client(path: Path, address: Path) -> None:
    """An executable that does what `ocim` does, by the server at this address."""
    path.write_text(CLIENT.format(python=sys.executable, address=str(address)))
    path.chmod(0o755)


def serve(address: str) -> None:
    """Answer clients for ever. Returns in a fork, which is then the command of one of them."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen(64)
    print("ready", flush=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        client, _ = server.accept()
        if os.fork() == 0:
            break
        client.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    server.close()
    _, files, _, _ = socket.recv_fds(client, 1, 3)
    words, folder, environment = json.loads(b"".join(iter(lambda: client.recv(65536), b"")))
    command = os.fork()
    if command:
        _, status = os.waitpid(command, 0)
        client.sendall(str(os.waitstatus_to_exitcode(status) % 256).encode())
        os._exit(0)
    client.close()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["ocim", *words]


if __name__ == "__main__":
    # Nothing that starts a thread (as onnxruntime does): its locks would stay locked in a fork.
    for name in ("partition", "report.page", "tables.run", "predict.run", "explain.explain"):
        import_module(f"pipeline.{name}")
    from pipeline.cli import main

    serve(sys.argv[1])
    main()
