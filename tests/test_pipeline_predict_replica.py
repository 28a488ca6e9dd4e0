"""Videos of a bundle, scored as files: the same crops, the same scores."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command_line import ocim, verbs
from made_predict import Recorder, write_model

from labels.landmarks import load as load_landmarks
from pipeline.bundle import Bundle
from pipeline.datasets.base import read_index
from pipeline.frames.video import decode
from pipeline.predict.file import predict_file
from train.evaluation.scores import read_scores

Writer = Callable[..., Path]


@pytest.fixture(scope="module")
def of_replica(
    tmp_path_factory: pytest.TempPathFactory, replica: Path, video_writer: Writer
) -> Path:
    """A replica's MSU in a bundle of its own, made and evaluated by the commands of a user.

    One more video has frames without a face, at some of which another stands in.
    """
    place = tmp_path_factory.mktemp("replica")
    shutil.copytree(replica / "msu", place / "replica" / "msu")
    real = place / "replica" / "msu" / "scene01" / "real"
    shown_frames = [image for _, image in decode(next(real.glob("*laptop*.mov")), False, bool)]
    turned = [np.ascontiguousarray(image[::-1, ::-1]) for image in shown_frames]
    video_writer(real / "real_client005_android_SD_scene01.mp4", turned)  # and does not say so
    gone = {5, *range(9, 18)}
    mixed = [f if n not in gone else np.zeros_like(f) for n, f in enumerate(shown_frames[:18])]
    video_writer(real / "real_client032_laptop_SD_scene01.mov", mixed)
    config = {"out": "run", "datasets": {"msu": {"root": "replica/msu", "every": 5,
              "partitions": 1}}}  # fmt: skip
    (place / "c.yaml").write_text(json.dumps(config))
    write_model(place / "model.pt")
    msu = ("--config", "c.yaml", "--dataset", "msu")
    verbs(
        ("index", *msu),
        *((stage, *msu, "--partition", 0) for stage in ("crop", "depth", "parse")),
        ("pack", "--config", "c.yaml"),
        ("evaluate", "model.pt", "--bundle", "run/bundle", "-o", "results.json"),
        cwd=place,
    )
    return place


@pytest.mark.slow
def test_videos_of_a_bundle_give_its_crops_byte_for_byte_and_its_scores(of_replica):
    """The central proof: what `predict` does with a file is what training saw and was measured."""
    rows = read_scores(of_replica / "scores.csv")
    scored = {(row.video, row.frame): row.score for row in rows if row.score is not None}
    failed = {(row.video, row.frame) for row in rows if row.score is None}
    assert len(scored) > 50 and failed
    stored = {
        (video, int(frame)): shard.image[row]
        for shard in Bundle(of_replica / "run" / "bundle").shards("msu")
        for row, (video, frame) in enumerate(
            zip(shard.read("video").tolist(), shard.read("frame").tolist(), strict=True)
        )
    }
    index = {row.path: row for row in read_index(of_replica / "run" / "index" / "msu.csv")}
    assert index["scene01/real/real_client005_android_SD_scene01.mp4"].upside_down
    root = of_replica / "replica" / "msu"
    recorder = Recorder(of_replica / "model.pt")
    found: dict[tuple[str, int], float] = {}
    lost: set[tuple[str, int]] = set()
    with load_landmarks("embedded") as landmarks:
        for video in sorted({video for video, _ in scored}):
            recorder.seen.clear()
            upside_down = bool(index[video].upside_down)
            made = predict_file(root / video, recorder, landmarks, 5, upside_down)
            of_frames = (made.frames.tolist(), made.scores.tolist(), np.concatenate(recorder.seen))
            for frame, score, crop in zip(*of_frames, strict=True):
                found[video, frame] = score
                assert np.array_equal(crop, stored[video, frame]), (video, frame)
            lost |= {(video, one.frame) for one in made.failures}
    assert found.keys() == scored.keys() and lost == failed
    assert any(frame % 5 for _, frame in found)  # one stands in for another
    # Not to the last bit: how many crops are scored at once decides how a product is summed.
    off = max(abs(found[key] - scored[key]) for key in found)
    assert off < 1e-6


@pytest.mark.slow
def test_every_frame_of_a_video_includes_those_of_the_bundle(of_replica):
    rows = read_scores(of_replica / "scores.csv")
    video = next(row.video for row in rows if row.live and row.score is not None)
    path = of_replica / "replica" / "msu" / video
    words = ("predict", of_replica / "model.pt", path, "--json", "--every", "1")
    done = ocim(*words, check=True)
    (file,) = json.loads(done.stdout)["files"]
    all_frames = {one["frame"]: one["score"] for one in file["frames"]}
    for row in rows:
        if row.video == video and row.score is not None:
            assert all_frames[row.frame] == pytest.approx(row.score, abs=1e-6)
