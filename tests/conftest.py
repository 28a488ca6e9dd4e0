"""What several tests need: real pictures and real video files, made on the spot."""

import fcntl
import json
import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # busy cores and many threads: up to 40 times slower
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

sys.path.append(str(Path(__file__).parents[1]))  # benchmarks/ is not installed

# No test asserts a time, and hypothesis would: 200 ms for an example, however busy the machine.
settings.register_profile("ocim", deadline=None)
settings.load_profile("ocim")

# Imported, and plug-ins of fixtures too.
pytest.register_assert_rewrite("browser", "made_diff", "made_predict", "made_verify")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the memory of video hashes out of the user's home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    """A real photograph with one face: H x W x 3 uint8 RGB, 400 x 320."""
    from skimage.data import astronaut

    return np.ascontiguousarray(astronaut()[:400, 80:400])


@pytest.fixture(scope="module")
def embedded() -> Iterator[Any]:
    """The embedded runtime of landmarks, a FaceMesh."""
    from labels.landmarks import load

    with load("embedded") as finder:
        yield finder


@pytest.fixture(scope="module")
def portrait_face(embedded: Any, portrait: np.ndarray) -> Any:
    """The portrait's Face, by the embedded runtime."""
    (face,) = embedded.find(portrait)
    return face


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    codec: str = "libx264",
    rotation: int | None = None,
    pixel_format: str = "yuv420p",
) -> Path:
    """Encode frames (H x W x 3 uint8 RGB) at 25 a second; rotation sets a display matrix."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = None
        for image in frames:
            if stream is None:
                stream = container.add_stream(codec, rate=25)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pixel_format
                stream.thread_count = 1
                stream.bit_rate = 1_500_000
                if rotation is not None:
                    stream.set_display_rotation(rotation)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame))
        assert stream is not None
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A replica of one subject and seed 5, by the real command, once for all test processes. Only
    to be read.
    """
    from command_line import ocim

    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent  # that of all test processes
    folder = place / "one replica"
    with (place / "replica.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():  # whole, or not there
            done = ocim("replica", "-o", folder, "--subjects", 1, "--seed", 5)
            assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def video_writer() -> Callable[..., Path]:
    """The function above, for tests that make video files."""
    return write_video


def shared_folder() -> Path | None:
    """The folder of reference material that lies beside a developer's checkout, or None."""
    given = os.environ.get("OCIM_SHARED")
    place = Path(given) if given else Path(__file__).resolve().parents[2] / "shared"
    return place if place.is_dir() else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material; a test that asks for it skips where it is missing."""
    place = shared_folder()
    if place is None:
        pytest.skip("the reference material is not beside this checkout (OCIM_SHARED)")
    return place


@pytest.fixture(scope="session")
def reference(shared: Path) -> Callable[[str], Any]:
    """Reads a reference case by its name: what stands in its JSON file."""
    return lambda name: json.loads((shared / "reference" / f"{name}.json").read_text())


@pytest.fixture(scope="module")
def parsed_photographs(shared: Path, embedded: Any) -> list[tuple[np.ndarray, ...]]:
    """Four photographs (1024, 1024, 3) uint8 RGB of one face each, upright and from the front.

    With each, the map (1024, 1024) uint8 that a real BiSeNet gave of it, in the order zllrunning,
    and its refined landmarks (478, 3).
    """
    import cv2

    photographs = []
    for name in ("1", "1112", "1309", "1333"):
        image = cv2.imread(str(shared / f"data/bisenet/{name}.jpg"), cv2.IMREAD_COLOR_RGB)
        numbers = cv2.imread(str(shared / f"data/bisenet/{name}_mask.png"), cv2.IMREAD_UNCHANGED)
        photographs.append((image, numbers, embedded.find(image)[0].landmarks_refined))
    return photographs


@pytest.fixture(scope="session")
def extra_python() -> Path:
    """The Python of the second environment (MediaPipe 1.x, numpy 2, tensorflow; no torch)."""
    folder = Path(__file__).resolve().parents[1] / ".venv-extra"
    # `ready` has its second line when the environment is finished.
    ready = folder / "ready"
    if not ready.is_file() or len(ready.read_text().splitlines()) != 2:
        pytest.skip("needs the second environment: make env-extra")
    return folder / "bin" / "python"


@pytest.fixture
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of weights of the test's own, where nothing is yet, as $OCIM_WEIGHTS."""
    monkeypatch.setenv("OCIM_WEIGHTS", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture(scope="module")
def weights_store(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store of weights that has face-landmarker, from the reference material, as $OCIM_WEIGHTS.

    It is that for the rest of the test file, child processes included; nothing else is in it.
    """
    from labels.weights_fetch import fetch

    store = tmp_path_factory.mktemp("weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCIM_WEIGHTS", str(store))
        fetch("face-landmarker", shared / "data" / "face_landmarker.task")
        yield store
