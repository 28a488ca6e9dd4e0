"""The reader here is written anew, from what RFMetaFAS's released code does with its lists."""

from pathlib import Path

import numpy as np
import pytest
from made_export import bundle_of, image_hash, once_each, samples_by_frame, samples_of, tree
from PIL import Image

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.export.plan import choose
from pipeline.export.rfmetafas import plan
from pipeline.export.write import export

pytestmark = pytest.mark.slow  # each writes bundles, and many start a process

OULU = {
    "train": [("Train_files/1_1_01_1.avi", 1, 6), ("Train_files/1_1_01_2.avi", 0, 6)],
    "dev": [("Dev_files/1_1_21_1.avi", 1, 2), ("Dev_files/1_1_21_2.avi", 0, 2)],
    "test": [("Test_files/1_1_36_1.avi", 1, 5), ("Test_files/1_1_36_3.avi", 0, 4)],
}  # fmt: skip
CASIA = {
    "train": [("train_release/1/HR_1.avi", 1, 10), ("train_release/1/8.avi", 0, 4)],
    "test": [("test_release/1/7.avi", 0, 6)],
}
REPLAY = {
    "train": [("train/real/client001_x 1.mov", 1, 10)],
    "test": [("test/attack/fixed/attack\u00a0client\t002.mov", 0, 11)],
}
MSU = {
    "train": [("scene01/real/real_client002_SD.mp4", 1, 10)],
    "test": [("scene01/attack/attack_client001_SD.mov", 0, 10)],
}
ALL = {"oulu": OULU, "casia": CASIA, "replay": REPLAY, "msu": MSU}
NAMES = {"oulu": "OULU", "casia": "CASIA", "replay": "idiap", "msu": "MSU"}
# Worked out by hand: their reader takes 1, 3, 3 and 2 parts for the folder of the depth.
FOLDERS = {
    "OULU": {
        "Train_files/1_1_01_1.avi": "Train_files_1_1_01_1",
        "Train_files/1_1_01_2.avi": "Train_files_1_1_01_2",
        "Test_files/1_1_36_1.avi": "Test_files_1_1_36_1",
        "Test_files/1_1_36_3.avi": "Test_files_1_1_36_3",
    },
    "CASIA": {
        "train_release/1/HR_1.avi": "train_release/1/HR_1",
        "train_release/1/8.avi": "train_release/1/8",
        "test_release/1/7.avi": "test_release/1/7",
    },
    "idiap": {
        "train/real/client001_x 1.mov": "train/real/client001_x_1",
        "test/attack/fixed/attack\u00a0client\t002.mov": "test/attack/fixed_attack_client_002",
    },
    "MSU": {
        "scene01/real/real_client002_SD.mp4": "scene01/real_real_client002_SD",
        "scene01/attack/attack_client001_SD.mov": "scene01/attack_attack_client001_SD",
    },
}


def listed(root: Path, name: str, kind: str) -> list[tuple[str, int]]:
    rows = []
    with (root / name / f"image_list_{kind}.txt").open() as lines:
        for line in lines:
            image, label, *more = line.split()
            assert more == []
            rows.append((image, int(label)))
    return rows


def tensor(image: Image.Image) -> np.ndarray:
    """Channels first, 0 to 1, as a tensor is made of a picture without conversion."""
    array = np.asarray(image, np.float32) / 255
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def read(root: Path, name: str, image: str, live: bool) -> tuple[np.ndarray, ...]:
    """Pixels, the six channels of the network's input, and the depth of one row of a list."""
    picture = Image.open(root / name / image)
    assert (picture.mode, picture.size, picture.format) == ("RGB", (256, 256), "PNG")
    channels = [tensor(picture.convert(mode)) for mode in ("RGB", "HSV")]
    depth = root / name / "depth" / "fake_depth.jpg"
    if live:
        folders = image.split("/")[: {"OULU": 1, "MSU": 2, "CASIA": 3, "idiap": 3}[name]]
        depth = depth.parent.joinpath(*folders, image.split("/")[-1][:-4] + "_depth.jpg")
    grey = Image.open(depth)
    assert (grey.mode, grey.size, grey.format) == ("L", (32, 32), "JPEG")
    grey = grey.resize((32, 32), resample=Image.Resampling.BICUBIC)
    return np.asarray(picture), np.concatenate(channels), tensor(grey)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of(tmp_path_factory.mktemp("rfmetafas") / "bundle", ALL)


@pytest.fixture(scope="module")
def written(four: Path) -> Path:
    out = four.parent / "written"
    bundle = Bundle(four)
    assert export(plan(bundle, choose(bundle, None, ())), out, 2, print)
    return out


@pytest.mark.parametrize("dataset", NAMES)
def test_their_reader_finds_every_train_and_test_sample_once_with_its_labels(
    four, written, dataset
):
    name, samples = NAMES[dataset], samples_of(four, dataset)
    keys: dict[str, list[str]] = {}
    for kind in ("real", "fake", "all"):
        keys[kind] = []
        for image, label in listed(written, name, kind):
            pixels, channels, depth = read(written, name, image, kind == "real")
            key = image_hash(pixels)
            keys[kind].append(key)
            live, wanted = samples[key]  # the very pixels, or this fails
            assert label == live
            assert kind == "all" or live == (kind == "real")
            assert (channels.shape, depth.shape) == ((6, 256, 256), (1, 32, 32))
            if kind == "real":
                assert np.abs(depth[0] - wanted).max() <= 3 / 255
                assert depth.max() > 0.9
            else:
                assert depth.max() == 0
    assert once_each(keys["all"], list(samples))
    assert once_each(keys["real"] + keys["fake"], list(samples))


@pytest.mark.parametrize("dataset", NAMES)
def test_the_folders_have_the_depth_that_their_reader_counts_on(four, written, dataset):
    name = NAMES[dataset]
    wanted = {
        (f"{FOLDERS[name][video]}/{frame}.png"): key
        for (video, frame), key in samples_by_frame(four, dataset).items()
    }
    found = {
        image: image_hash(np.asarray(Image.open(written / name / image)))
        for image, _ in listed(written, name, "all")
    }
    assert found == wanted


def test_nothing_is_written_that_no_list_leads_to(written):
    expected = {"export.json"}
    for name in NAMES.values():
        expected |= {f"{name}/image_list_{kind}.txt" for kind in ("real", "fake", "all")}
        expected.add(f"{name}/depth/fake_depth.jpg")
        for image, label in listed(written, name, "all"):
            expected.add(f"{name}/{image}")
            if label:
                expected.add(f"{name}/depth/{image[:-4]}_depth.jpg")
    assert set(tree(written)) == expected


def test_graded_depth_is_within_the_error_that_the_manual_states():
    import io

    from pipeline.export.write import depth_jpeg

    rng = np.random.default_rng(5)
    y, x = np.mgrid[:32, :32] / 31
    worst = 0.0
    for _ in range(200):
        depth = np.clip(1 - rng.uniform(2, 6) * ((x - 0.5) ** 2 + (y - 0.5) ** 2), 0, 1)
        depth[rng.random((32, 32)) < 0.1] = rng.random()
        image = Image.open(io.BytesIO(depth_jpeg(depth.astype(np.float32))))
        worst = max(worst, float(np.abs(np.asarray(image) / 255 - depth).max()))
    assert worst <= 3 / 255


def test_a_protocol_exports_its_datasets_alone(four, tmp_path):
    bundle = Bundle(four)
    export(plan(bundle, choose(bundle, "C&I to M", ())), tmp_path / "e", 1, print)
    assert sorted(path.name for path in (tmp_path / "e").iterdir()) == [
        "CASIA", "MSU", "export.json", "idiap",
    ]  # fmt: skip


def refused(folder: Path, match: str, *names: str, protocol: str | None = None) -> None:
    bundle = Bundle(folder)
    with pytest.raises(UserError, match=match) as caught:
        plan(bundle, choose(bundle, protocol, names))
    assert "\n" not in str(caught.value)


def test_a_path_with_too_few_folders_is_refused(tmp_path):
    flat = {"train": [("1/a.avi", 1, 10), ("1/b.avi", 0, 10)]}
    folder = bundle_of(tmp_path / "b", {"casia": flat, "msu": flat})
    refused(folder, r"casia: .* first 3 parts of a path, and 1/a\.avi has 2; .*--dataset")
    bundle = Bundle(folder)
    assert len(plan(bundle, choose(bundle, None, ("msu",))).parts) == 1


def test_two_videos_that_would_get_one_name_are_refused_by_both_names(tmp_path):
    videos = [("a/b/c.avi", 1, 10), ("a/b_c.mov", 0, 10)]
    folder = bundle_of(tmp_path / "b", {"msu": {"train": videos}})
    refused(folder, r"msu: a/b/c\.avi and a/b_c\.mov would both be written to a/b_c")


@pytest.mark.parametrize("live, spoof, told", [(9, 10, "9 live images"), (10, 9, "9 spoof images")])
def test_fewer_images_than_a_batch_are_refused_where_they_are_trained_on(
    tmp_path, live, spoof, told
):
    few = {"train": [("a/b.avi", 1, live)], "test": [("a/c.avi", 0, spoof)]}
    folder = bundle_of(tmp_path / "b", {"msu": few, "oulu": OULU})
    refused(folder, f"msu: {told}, .* whole batches of 10")
    refused(folder, f"msu: {told}", protocol="M to O")
    bundle = Bundle(folder)
    parts = plan(bundle, choose(bundle, "O to M", ())).parts  # their target loader drops none
    assert [part.dataset for part in parts] == ["msu", "oulu"]


@pytest.mark.parametrize("value", [0.0, np.nan, 1.5])
def test_a_live_sample_without_depth_or_with_depth_out_of_range_is_refused(tmp_path, value):
    import h5py

    folder = bundle_of(tmp_path / "b", {"msu": MSU})
    path = folder / "msu-train-00000-of-00001.h5"
    with h5py.File(path, "r+") as file:
        depth = np.full((32, 32), value, np.float32)
        depth[0, 0] = value if value == 0 else 0.5
        file["depth"][3] = depth
        frame = int(file["frame"][3])
    refused(folder, rf"{path.name}: scene01/real/.*, frame {frame}: .*ocim bundle verify")
