"""Very many videos that cost little: two frames of 64 x 64 with a face, few made, the rest links.

python -m benchmarks.parts.tiny_videos FOLDER COUNT
"""

import os
import sys
from pathlib import Path

import av
import cv2
import numpy as np
from skimage.data import astronaut

FACES = 24
"""So many different videos lie under all the names."""


def tiny_videos(folder: Path, count: int) -> None:
    """So many videos as `split/live|spoof/subject/N.mp4`, ten a subject, all of one split."""
    made = [make_video(folder / f".made{number}.mp4", number) for number in range(FACES)]
    for number in range(count):
        split = ("train", "dev", "test")[number % 3]
        kind = "live" if number % 4 == 0 else "spoof"
        subject = f"{split}-{number // 30:05d}"
        path = folder / split / kind / subject / f"{number:06d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(made[number % FACES], path)


def make_video(path: Path, number: int) -> Path:
    """Write one of the videos; number: which part of the photograph it shows."""
    top = number % 8
    face = np.ascontiguousarray(astronaut()[top : 250 + top, 130 + number : 380 + number])
    image = cv2.resize(face, (64, 64), interpolation=cv2.INTER_AREA)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        for _ in range(2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path


if __name__ == "__main__":
    tiny_videos(Path(sys.argv[1]), int(sys.argv[2]))
