"""A Dask cluster of a test: its scheduler, its workers, and certificates for them."""

import contextlib
import datetime
import ipaddress
import os
import socket
import subprocess
from pathlib import Path

from programs import BINARIES, end, hear_signals


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def cluster(
    place: Path,
    *options: object,
    scheme: str = "tcp",
    tags: tuple[str, ...] = ("", ""),
    modules: Path | None = None,
):
    """A scheduler and workers, one for each tag, in another folder than the run. Gives the address,
    the scheduler's process and the workers'. modules: a folder of which they import first.
    """
    address = f"{scheme}://127.0.0.1:{free_port()}"
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": elsewhere}

    def begin(*words: object) -> "subprocess.Popen[bytes]":
        command = [BINARIES / "dask", *map(str, words), *map(str, options), "--no-dashboard"]
        environment = {**os.environ, **({"PYTHONPATH": str(modules)} if modules else {})}
        return subprocess.Popen(
            command, start_new_session=True, preexec_fn=hear_signals, env=environment, **quiet
        )

    host, port = address.rpartition(":")[::2]
    scheduler = begin("scheduler", "--host", host, "--port", port)
    try:
        workers = [
            begin("worker", address, "--nthreads", 1, "--nworkers", 1, "--local-directory",
                  place / "scratch", *(["--resources", tag] if tag else []))
            for tag in tags
        ]  # fmt: skip
        try:
            yield address, scheduler, workers
        finally:
            for worker in workers:
                end(worker)
    finally:
        end(scheduler)


def listens(address: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0


def write_certificates(folder: Path) -> list[object]:
    """An authority, and a certificate that it signed for this machine; the options for Dask."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    folder.mkdir()
    now = datetime.datetime.now(datetime.UTC)

    def certificate(name: str, issuer=None, signer=None):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), True)
            .add_extension(x509.SubjectAlternativeName(here), False)
            .sign(signer or key, hashes.SHA256())
        )
        return made, key

    authority, authority_key = certificate("authority")
    signed, key = certificate("ocim", authority.subject, authority_key)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(authority.public_bytes(pem))
    (folder / "cert.pem").write_bytes(signed.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ["--tls-ca-file", folder / "ca.pem", "--tls-cert", folder / "cert.pem",
            "--tls-key", folder / "key.pem"]  # fmt: skip
