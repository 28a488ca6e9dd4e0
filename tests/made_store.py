"""An S3-compatible server on this machine, for tests: moto's, started for them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOGIN = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """The URL of a server without objects, ended after the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [Path(sys.executable).with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    with log.open("w") as lines, subprocess.Popen(command, stdout=lines, stderr=lines) as server:
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < end, log.read_text()
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def client(url: str) -> Any:
    """boto3's client of a server: another program than the one that is tested."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def objects(s3: Any, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Every object below a prefix, by its key without it."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [one["Key"] for page in pages for one in page.get("Contents", [])]
    return {
        key[len(prefix) :]: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys
    }


def environment(url: str, **more: str) -> dict[str, str]:
    """What a program is started with to reach the server at a URL."""
    return {**os.environ, **LOGIN, "AWS_ENDPOINT_URL": url, **more}
