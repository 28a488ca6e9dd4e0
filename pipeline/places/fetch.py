"""A bundle from an object store to a folder of this machine, where training reads it."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipeline import bundle
from pipeline.bundle import Bundle, BundleError
from pipeline.errors import UserError
from pipeline.files import keys
from pipeline.files.room import gigabytes, room_for
from pipeline.files.store import remove_left_over, replace_whole, write_bytes
from pipeline.files.urls import checked, is_url
from pipeline.places import scratch
from pipeline.places.store import Store


def fetch_bundle(url: str, folder: Path, tell: Callable[[str], None]) -> int:
    """Copy the bundle at a URL to `folder`, which need not be there; returns how many shards were
    fetched.

    A shard that is there and has the sha256 that the manifest names is left as it is, so the same
    command goes on after an interruption. bundle.json comes last. tell: is given lines for people.
    Raises UserError where there is no bundle, no room, or a shard is not the one that is named.
    """
    if not is_url(url):
        raise UserError(f"{url}: no URL; a bundle of this machine is copied by any program")
    store = Store(checked(url, "URL"))
    store.check()
    with scratch.folder(url) as place:
        text, entries = _manifest(store, place)
    folder.mkdir(parents=True, exist_ok=True)
    remove_left_over(folder)
    own = folder / bundle.MANIFEST
    before = _names(folder)
    if own.is_file() and own.read_bytes() != text:
        own.unlink()  # it would name shards that are about to be others
    missing = [entry for entry in entries if not _is_there(folder / entry["file"], entry)]
    room = room_for(folder, [(folder / entry["file"], int(entry["bytes"])) for entry in missing])
    tell(f"{len(missing)} of {len(entries)} shards to fetch, {gigabytes(room.size)}")
    room.require()
    for entry in missing:
        _fetch(store, entry, folder / entry["file"])
        tell(f"{folder / entry['file']}: {gigabytes(int(entry['bytes']))}")
    with suppress(FileNotFoundError), replace_whole(folder / bundle.NOTICE) as temporary:
        store.get(bundle.NOTICE, temporary)
    write_bytes(own, text)
    for name in before - {entry["file"] for entry in entries}:
        (folder / name).unlink(missing_ok=True)
    return len(missing)


def _manifest(store: Store, place: Path) -> tuple[bytes, list[dict[str, Any]]]:
    """The bytes of bundle.json, and its shards."""
    try:
        store.get(bundle.MANIFEST, place / bundle.MANIFEST)
    except FileNotFoundError:
        raise UserError(
            f"{store.url_of(bundle.MANIFEST)}: not there; name the folder of a finished bundle,"
            " OUT/bundle"
        ) from None
    try:
        entries = Bundle(place).manifest["shards"]
    except BundleError as error:
        raise UserError(str(error).replace(str(place), store.url)) from None
    for entry in entries:
        if Path(entry["file"]).name != entry["file"] or entry["file"].startswith("."):
            raise UserError(f"{store.url}: '{entry['file']}' is not a plain file name")
        if not (isinstance(entry.get("bytes"), int) and isinstance(entry.get("sha256"), str)):
            raise UserError(f"{store.url}: an entry of 'shards' lacks bytes or sha256")
    return (place / bundle.MANIFEST).read_bytes(), entries


def _names(folder: Path) -> set[str]:
    """The shards that a bundle which is there names."""
    try:
        return {Path(entry["file"]).name for entry in Bundle(folder).manifest["shards"]}
    except BundleError:
        return set()


def _is_there(path: Path, entry: dict[str, Any]) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == entry["bytes"]
        and keys.sha256_file(path) == entry["sha256"]
    )


def _fetch(store: Store, entry: dict[str, Any], path: Path) -> None:
    with replace_whole(path) as temporary:
        try:
            store.get(entry["file"], temporary)
        except FileNotFoundError:
            raise UserError(
                f"{store.url_of(entry['file'])}: not there, and bundle.json names it; run ocim pack"
                " again"
            ) from None
        if keys.sha256_file(temporary) != entry["sha256"]:
            raise UserError(
                f"{store.url_of(entry['file'])}: not the shard that bundle.json names: damaged, or"
                " packed anew meanwhile; fetch again"
            )
