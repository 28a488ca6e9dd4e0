"""Bundles and their datasets, opened for a run: what is wrong with one becomes one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.bundle import Bundle, BundleError
from pipeline.errors import UserError


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Within the block a bundle that cannot be read is a UserError."""
    try:
        yield
    except BundleError as error:
        raise UserError(str(error)) from None


def open_bundle(folder: Path) -> Bundle:
    """Open a bundle. Raises UserError in one line where it cannot be read."""
    with as_user_errors():
        return Bundle(folder)
