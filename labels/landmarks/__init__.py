"""Faces and their landmarks: `load` gives a runtime by its name, all of them alike in use.

search.py has what the runtimes share: the search for all faces of a picture. embedded.py (with
plain_mesh.py and graph.py) and tasks.py are MediaPipe's two generations, fan.py does without it;
quiet.py keeps MediaPipe's notices off standard error.

All coordinates are frame pixels with pixel centres at +0.5, x to the right and y down. Nothing is
kept between pictures: the same picture gives the same landmarks whatever came before it.
"""

from importlib import import_module
from typing import cast

from labels.backends import LANDMARKS
from labels.landmarks.search import Face, FaceFinder

__all__ = ["Face", "FaceFinder", "load"]


def load(name: str) -> FaceFinder:
    """The runtime of a name in labels.backends.LANDMARKS. Use it as a context manager.

    Raises UserError where it cannot run here (another MediaPipe, weights that are missing).
    """
    return cast(FaceFinder, import_module(LANDMARKS[name].module).load())
