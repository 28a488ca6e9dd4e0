"""What killed processes leave in OUT is removed, and what living ones write is not."""

import os

from made_run import made_config

from pipeline.files.store import this_machine
from pipeline.files.tidy import tidy
from pipeline.layout import Layout

NOBODY = 2**22 + 1  # more than the system gives as a process's number


def test_what_the_dead_have_begun_goes_and_all_else_stays(tmp_path):
    config = made_config(tmp_path)
    layout = Layout(config.out)
    dead, living, finished = [], [], []
    for folder in ("crops/oulu", "depth/oulu", "parsing/oulu", "bundle", "index"):
        place = layout.out / folder
        place.mkdir(parents=True)
        name = f".0000.12345678.{this_machine()}"
        dead.append(place / f"{name}.{NOBODY}.tmp.h5")
        living.append(place / f"{name}.{os.getpid()}.tmp.h5")
        finished.append(place / "0000.h5")
    for path in (*dead, *living, *finished):
        path.write_bytes(b"")
    tidy(config)
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in (*living, *finished))


def test_an_out_that_is_not_there_yet_is_no_trouble(tmp_path):
    tidy(made_config(tmp_path / "nowhere"))
