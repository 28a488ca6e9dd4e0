"""The whole replica of one subject a split, as a user gets it."""

import hashlib
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from labels.landmarks.embedded import FaceMesh
from pipeline.datasets import oulu, replay
from pipeline.errors import UserError
from pipeline.replica import check_replica, make_replica
from pipeline.replica.layout import Video, all_videos
from pipeline.replica.make import all_targets
from pipeline.replica.video import make_video, write_faces

SEED = 5


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def decode(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def upright(video: Video, frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame[::-1, ::-1]) if video.upside_down else frame


@pytest.mark.parametrize(("subjects", "seed"), [(0, 0), (16, 0), (2, -1)])
def test_impossible_numbers_are_refused(tmp_path: Path, subjects: int, seed: int) -> None:
    with pytest.raises(UserError, match="give"):
        make_replica(tmp_path / "r", subjects, seed)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "oulu").mkdir()
    (tmp_path / "README.md").write_text("# My real datasets\n")
    with pytest.raises(UserError, match="other files"):
        make_replica(tmp_path, 1, 0)
    assert (tmp_path / "oulu").is_dir()


@pytest.mark.slow
def test_one_video_is_the_same_bytes_twice_and_another_with_another_seed(tmp_path: Path) -> None:
    videos = all_videos(1, 0)
    number = next(i for i, v in enumerate(videos) if v.dataset == "replay" and v.live)
    targets = all_targets(videos, 0)[number]
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        make_video(tmp_path / name, videos[number], targets, seed)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    assert not set(a.values()) & set(c.values())


@pytest.mark.slow
def test_stopped_it_goes_on_with_the_same_bytes_in_another_number_of_processes(
    replica: Path, tmp_path: Path
) -> None:
    place = tmp_path / "stopped"
    shutil.copytree(replica, place)
    videos = all_videos(1, SEED)
    # One of every kind: each camera with each attack, what moves and what is held.
    gone = {(v.camera, v.attack, v.moving, v.held): place / v.dataset / v.path for v in videos}
    for path in gone.values():
        for beside in path.parent.glob(f"{path.stem}.*"):
            beside.unlink()
    kept = {p: p.stat().st_ino for v in videos if (p := place / v.dataset / v.path).exists()}
    assert len(gone) > 20 and len(kept) == len(videos) - len(gone)
    calls: list[tuple[int, int]] = []
    make_replica(place, 1, SEED, 1, lambda done, total: calls.append((done, total)))
    assert calls == [(number, len(gone)) for number in range(1, len(gone) + 1)]
    assert {path: path.stat().st_ino for path in kept} == kept
    assert digests(place) == digests(replica)


@pytest.mark.slow
def test_every_video_is_there_with_the_frames_it_should_have(replica: Path) -> None:
    videos = all_videos(1, SEED)
    for video, targets in zip(videos, all_targets(videos, SEED), strict=True):
        path = replica / video.dataset / video.path
        frames = decode(path)
        assert len(frames) == targets.frames
        assert path.with_suffix(".npz").is_file() == video.live
        if video.live:
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as truth:
                assert len(truth["box"]) == len(frames)
                assert (truth["box"][:, 2:] <= frames[0].shape[1::-1]).all()
        if video.dataset == "oulu":
            assert len(path.with_suffix(".txt").read_text().splitlines()) == len(frames)


@pytest.mark.slow
def test_faces_are_found_live_and_spoof_and_where_the_truth_says(replica: Path) -> None:
    found: dict[bool, list[bool]] = {True: [], False: []}
    distances = []
    with FaceMesh() as mesh:
        for video in all_videos(1, SEED)[::2]:
            path = replica / video.dataset / video.path
            frames = decode(path)
            number = len(frames) // 2
            faces = mesh.find(upright(video, frames[number]))
            found[video.live].append(bool(faces))
            if video.live and faces:
                with np.load(path.with_suffix(".npz"), allow_pickle=False) as truth:
                    true = truth["landmarks"][number]
                miss = np.linalg.norm(faces[0].landmarks[:, :2] - true[:, :2], axis=1).mean()
                distances.append(miss / np.ptp(true[:, 0]))
    assert np.mean(found[True]) == 1
    assert np.mean(found[False]) > 0.9
    assert np.median(distances) < 0.03  # of the face's width


@pytest.mark.slow
def test_oulus_eye_positions_lie_on_the_eyes(replica: Path) -> None:
    path = next((replica / "oulu" / "Train_files").glob("*_1.avi"))
    row = [int(v) for v in path.with_suffix(".txt").read_text().splitlines()[3].split(",")]
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as truth:
        points = truth["landmarks"][3, :, :2]
    assert row[0] == 3
    assert np.hypot(*(points[[33, 133]].mean(0) - row[1:3])) < 4
    assert np.hypot(*(points[[263, 362]].mean(0) - row[3:5])) < 4


@pytest.mark.slow
def test_replays_face_files_lie_on_the_faces_of_live_and_spoof(tmp_path: Path) -> None:
    videos, targets = all_videos(1, 0), all_targets(all_videos(1, 0), 0)
    for live in (True, False):
        number = next(i for i, v in enumerate(videos) if v.dataset == "replay" and v.live == live)
        make_video(tmp_path, videos[number], targets[number], 0)
        path = tmp_path / "replay" / videos[number].path
        place = tmp_path / "replay" / "face-locations" / videos[number].path
        rows = np.loadtxt(place.with_suffix(".face"), dtype=int)
        frames = decode(path)
        assert (rows[:, 0] == np.arange(len(frames))).all()
        with FaceMesh() as mesh:
            found = mesh.find(frames[3])[0].landmarks[:, :2]
        x, y, width, height = rows[3, 1:]
        box = np.array([x, y, x + width, y + height])
        assert np.abs(box - [*found.min(0), *found.max(0)]).max() < 0.1 * width
        if live:
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as truth:
                assert (truth["box"][3] == box).all()


def test_a_face_file_stays_in_the_frame_and_has_zeros_where_no_face_is(tmp_path: Path) -> None:
    faces = np.array([[-3.5, 2.2, 10.4, 9.0], [15.0, 5.0, 40.0, 7.5], [-9.0, 1.0, -2.0, 5.0]])
    write_faces(tmp_path / "a.face", faces, 12, 20)
    assert (tmp_path / "a.face").read_text() == "0 0 2 11 7\n1 15 5 5 3\n2 0 0 0 0\n"


@pytest.mark.slow
def test_the_replicas_index_has_its_protocols_and_positions(replica: Path) -> None:
    for dataset, module in (("oulu", oulu), ("replay", replay)):
        root = replica / dataset
        rows = list(module.rows(root))
        assert all(row.protocols for row in rows)
        assert all(module.shipped_file(root, row.path) for row in rows)


@pytest.mark.slow
def test_the_files_alone_do_not_give_the_attacks_away(replica: Path) -> None:
    for dataset, auc in check_replica(replica).items():
        assert max(auc, 1 - auc) <= 0.7, dataset


@pytest.mark.slow
def test_upside_down_videos_are_stored_turned_with_and_without_a_matrix(tmp_path: Path) -> None:
    videos = all_videos(2, 0)
    kinds = set()
    with FaceMesh() as mesh:
        for video, targets in zip(videos, all_targets(videos, 0), strict=True):
            if not video.upside_down:
                continue
            make_video(tmp_path, video, targets, 0)
            path = tmp_path / video.dataset / video.path
            with av.open(str(path)) as container:
                frame = next(container.decode(video=0))
            kinds.add(abs(frame.rotation))
            with np.load(path.with_suffix(".npz"), allow_pickle=False) as truth:
                true = truth["landmarks"][0, :, :2]
            picture = frame.to_ndarray(format="rgb24")
            # Turned by 180 degrees, not mirrored: the landmarks lie where the upright truth says.
            turned = np.ascontiguousarray(picture[::-1, ::-1])
            found = mesh.find(turned)[0].landmarks[:, :2]
            assert np.linalg.norm(found - true, axis=1).mean() < 0.05 * np.ptp(true[:, 0])
    assert kinds == {0, 180}
