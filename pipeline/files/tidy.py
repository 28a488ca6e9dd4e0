"""What killed processes have begun in OUT and not finished is removed when a run starts."""

from contextlib import suppress

from pipeline.config import Config
from pipeline.files.store import remove_left_over
from pipeline.files.urls import is_url
from pipeline.layout import Layout
from pipeline.partition import STAGES


def tidy(config: Config) -> None:
    """Remove the temporary files of processes that are gone: see store.remove_left_over."""
    if is_url(config.out):
        return  # nothing unfinished is ever seen there
    layout = Layout(config.out)
    folders = [layout.bundle, layout.out / "index"]
    folders += [layout.out / stage / name for stage in STAGES.values() for name in config.datasets]
    for folder in folders:
        with suppress(OSError):  # one that is only read stays as it is
            remove_left_over(folder)
