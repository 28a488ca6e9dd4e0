"""One folder of an object store: whole objects, pieces of them and lists of names, by fsspec.

Every request is tried again where that may help, and what a store refuses for good is one line
(failures.py). Keys are relative to the folder.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pipeline.errors import UserError
from pipeline.files.keys import sha256_file
from pipeline.files.urls import below
from pipeline.places.base import State
from pipeline.places.failures import with_retries
from pipeline.places.marks import PART, SHA256, fits_mark, kept_sha256, state_of
from pipeline.places.ranges import Piece, merged
from pipeline.places.systems import file_system

Result = TypeVar("Result")

TOGETHER = 16
"""Requests at a time, of one process."""


class Store:
    """The folder at a URL. UserError where the package that speaks its protocol is missing."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        scheme = url.partition("://")[0]
        self.protocol = "gs" if scheme == "gcs" else scheme
        self.fs = file_system(self.protocol, url)
        self.base = str(self.fs._strip_protocol(self.url)).rstrip("/")

    def url_of(self, key: str) -> str:
        """The URL of an object."""
        return below(self.url, key)

    def _path(self, key: str) -> str:
        return f"{self.base}/{key}" if key else self.base

    def _request(self, request: Callable[[], Result], key: str, doing: str) -> Result:
        return with_retries(request, self.url_of(key) if key else self.url, doing)

    def state(self, key: str) -> State | None:
        """Size and mark of an object; None where there is none. Raises UserError, as every method
        here, where the store refuses or does not answer.
        """
        info = self._info(key)
        return None if info is None else state_of(info)

    def _info(self, key: str) -> dict[str, Any] | None:
        try:
            return self._request(lambda: self._head(self._path(key)), key, "looking")
        except FileNotFoundError:
            return None

    def _head(self, path: str) -> dict[str, Any]:
        """What is known of an object: size, its mark, and what was sent with it."""
        if self.protocol == "s3":
            # s3fs's own asks twice, and says nothing of what was sent with it.
            bucket, key, _ = self.fs.split_path(path)
            info = dict(self.fs.call_s3("head_object", Bucket=bucket, Key=key))
            return {**info, "size": info["ContentLength"]}
        info = dict(self.fs.info(path))
        if info["type"] != "file":
            raise FileNotFoundError(path)
        return info

    def check(self) -> None:
        """UserError where there is no such bucket, or the store does not answer."""
        if self.protocol != "s3":
            return
        bucket = self.base.partition("/")[0]
        try:
            self._request(lambda: self.fs.call_s3("head_bucket", Bucket=bucket), "", "looking")
        except FileNotFoundError:
            raise UserError(f"{self.url}: no such bucket; make it, or correct the URL") from None
        except UserError as error:
            # Who may read and write objects need not be allowed to look at the bucket.
            if "the store refuses" not in str(error):
                raise

    def states(self, folder: str) -> dict[str, State]:
        """The states of the objects directly in a folder, by name; none without a folder."""
        path = self._path(folder)
        try:
            rows = self._request(lambda: self.fs.ls(path, detail=True), folder, "listing")
        except FileNotFoundError:
            return {}
        start = len(path) + 1
        return {
            row["name"][start:]: state_of(row)
            for row in rows
            if row["type"] == "file" and row["name"][start:] and row["name"] != path
        }

    def walk(self) -> Iterator[tuple[str, State]]:
        """Key and state of every object below the folder, in the order of their names."""
        try:
            rows = self._request(
                lambda: self.fs.find(self.base, detail=True, withdirs=False), "", "listing"
            )
        except FileNotFoundError:
            return
        for path in sorted(rows):
            # A link (of file://) may lead anywhere.
            is_file = rows[path]["type"] == "file" and not rows[path].get("islink")
            if is_file and path.startswith(f"{self.base}/"):
                yield path[len(self.base) + 1 :], state_of(rows[path])

    def get(self, key: str, local: Path) -> State:
        """Fetch an object whole to `local`, which is not there before all of it is; its state.

        Raises FileNotFoundError where there is no such object.
        """
        local.parent.mkdir(parents=True, exist_ok=True)
        half = local.with_name(f".{uuid.uuid4().hex}.part")
        options = {"chunksize": PART, "max_concurrency": 4} if self.protocol == "s3" else {}

        def fetch() -> State:
            before = self._info(key)
            if before is None:
                raise FileNotFoundError(self.url_of(key))
            self.fs.get_file(self._path(key), str(half), **options)
            state, found = state_of(before), half.stat().st_size
            if found != state.size:
                raise OSError(f"{found} of {state.size} bytes came")
            digest = kept_sha256(before)
            if digest and sha256_file(half) != digest:
                raise OSError("what came is not what was sent there")
            return state

        try:
            state = self._request(fetch, key, "fetching")
            half.replace(local)
        finally:
            half.unlink(missing_ok=True)
        return state

    def put(self, local: Path, key: str) -> None:
        """Send a file: the object appears whole, and what arrived is what was sent, or not at all.

        The object carries its sha256 where the store keeps such things; one that carries the same
        is left as it is.
        """
        size, digest = local.stat().st_size, sha256_file(local)
        path = self._path(key)
        there = self._info(key)
        if there is not None and there["size"] == size and kept_sha256(there) == digest:
            return

        def send() -> None:
            try:
                self._put(local, path, digest)
            except Exception:
                self._abort_parts(path)
                raise
            info = self._info(key)
            if info is None or info["size"] != size:
                raise OSError(f"{info['size'] if info else 0} of {size} bytes arrived")
            if not (fits_mark(info, local) or self._read_sha256(path) == digest):
                raise OSError("what arrived is not what was sent")

        self._request(send, key, "sending")

    def _put(self, local: Path, path: str, digest: str) -> None:
        if self.protocol == "s3":
            self.fs.put_file(
                str(local), path, chunksize=PART, max_concurrency=4, Metadata={SHA256: digest}
            )
        elif self.protocol == "gs":
            self.fs.put_file(str(local), path, metadata={SHA256: digest})
        elif self.protocol == "memory":
            self.fs.pipe_file(path, local.read_bytes())
        else:
            self.fs.makedirs(self.fs._parent(path), exist_ok=True)
            half = f"{self.fs._parent(path)}/.{uuid.uuid4().hex}.part"
            try:
                self.fs.put_file(str(local), half)
                self.fs.mv(half, path)
            finally:
                if self.fs.exists(half):
                    self.fs.rm_file(half)

    def _abort_parts(self, path: str) -> None:
        """Let no parts of an upload stay that failed: they cost money, and nobody sees them."""
        if self.protocol != "s3":
            return
        bucket, key, _ = self.fs.split_path(path)
        try:
            found = self.fs.call_s3("list_multipart_uploads", Bucket=bucket, Prefix=key)
            for upload in found.get("Uploads", []):
                if upload["Key"] == key:
                    self.fs.call_s3(
                        "abort_multipart_upload",
                        Bucket=bucket,
                        Key=key,
                        UploadId=upload["UploadId"],
                    )
        except Exception:
            return  # the upload's own failure is what is told; a lifecycle rule does the rest

    def sha256(self, key: str) -> str:
        """Sha256 in hex of an object: as it carries it, else all of it is read; "" where there is
        none.
        """
        info = self._info(key)
        if info is None:
            return ""
        path = self._path(key)
        return kept_sha256(info) or self._request(lambda: self._read_sha256(path), key, "reading")

    def _read_sha256(self, path: str) -> str:
        digest, at = hashlib.sha256(), 0
        size = self._head(path)["size"]
        while at < size:
            data = self.fs.cat_file(path, start=at, end=min(size, at + PART))
            if not data:
                raise OSError(f"ends at byte {at}")
            digest.update(data)
            at += len(data)
        return digest.hexdigest()

    def remove(self, key: str) -> None:
        """Remove an object; nothing where there is none."""
        try:
            self._request(lambda: self.fs.rm_file(self._path(key)), key, "removing")
        except FileNotFoundError:
            return

    def pieces(self, wanted: Sequence[Piece]) -> list[bytes]:
        """The bytes of pieces of objects, in order, by many requests at a time, near ones by one.

        Raises UserError where an object is not there, or ends before its piece does.
        """
        larger = merged(wanted)

        def fetch(piece: Piece) -> bytes:
            def request() -> bytes:
                data = self.fs.cat_file(self._path(piece.key), start=piece.start, end=piece.end)
                if len(data) != piece.end - piece.start:
                    raise OSError(f"{len(data)} of {piece.end - piece.start} bytes came")
                return bytes(data)

            try:
                return self._request(request, piece.key, "reading")
            except FileNotFoundError:
                raise UserError(f"{self.url_of(piece.key)}: no more there; make it again") from None

        data = self.in_threads(fetch, [(whole,) for whole, _ in larger])
        found: list[bytes] = [b""] * len(wanted)
        for (whole, numbers), got in zip(larger, data, strict=True):
            for number in numbers:
                piece = wanted[number]
                found[number] = got[piece.start - whole.start : piece.end - whole.start]
        return found

    def in_threads(
        self, function: Callable[..., Result], calls: Sequence[tuple[Any, ...]]
    ) -> list[Result]:
        """function(*call) for every call, TOGETHER at a time; results in the order of the calls."""
        if len(calls) < 2:
            return [function(*call) for call in calls]
        with ThreadPoolExecutor(TOGETHER) as threads:
            futures = [threads.submit(function, *call) for call in calls]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
