"""Bare decoding of videos: every frame read, each n-th turned to RGB, and nothing done with it."""

from pathlib import Path

import av
import cv2


def bare_opencv(files: list[Path], every: int) -> int:
    """Grab every frame, retrieve each n-th; how many frames there were."""
    frames = 0
    for path in files:
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        number = 0
        while capture.grab():
            if number % every == 0:
                capture.retrieve()
            number += 1
        capture.release()
        frames += number
    return frames


def bare_pyav(files: list[Path], every: int) -> None:
    """Decode every frame, turn each n-th to RGB."""
    for path in files:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            for number, frame in enumerate(container.decode(stream)):
                if number % every == 0:
                    frame.to_ndarray(format="rgb24", threads=1)
