"""The labels of a picture, as `ocim label` writes them."""

import os
from pathlib import Path

import numpy as np
import pytest
from command_line import mistake
from PIL import Image

from labels import classes
from pipeline.config import Config
from pipeline.errors import UserError
from pipeline.look.label import grey, label_image, overlay, palette_image

NAMES = ("crop", "depth", "parsing", "overlay")


@pytest.fixture(scope="module")
def picture(tmp_path_factory, portrait: np.ndarray) -> Path:
    path = tmp_path_factory.mktemp("picture") / "some one.png"
    Image.fromarray(portrait).save(path)
    return path


@pytest.fixture(scope="module")
def labelled(tmp_path_factory, picture: Path) -> Path:
    """The four pictures in the crop's geometry, in a folder that was not there before."""
    out = tmp_path_factory.mktemp("out") / "new" / "folder"
    label_image(picture, out, Config(), frame=False)
    return out


@pytest.fixture(scope="module")
def labelled_frame(tmp_path_factory, picture: Path) -> Path:
    """The four pictures, with depth and parsing in the geometry of the picture itself."""
    out = tmp_path_factory.mktemp("frame")
    label_image(picture, out, Config(), frame=True)
    return out


def opened(folder: Path, name: str) -> Image.Image:
    return Image.open(folder / f"some one_{name}.png")


def test_four_pictures_are_written_and_nothing_else(picture, labelled, tmp_path):
    names = {f"some one_{name}.png" for name in NAMES}
    assert {path.name for path in labelled.iterdir()} == names


def test_crop_labels_have_the_size_and_mode_of_the_issue(labelled):
    modes = {name: (opened(labelled, name).mode, opened(labelled, name).size) for name in NAMES}
    assert modes == {
        "crop": ("RGB", (256, 256)),
        "depth": ("L", (256, 256)),
        "parsing": ("P", (256, 256)),
        "overlay": ("RGB", (256, 256)),
    }


def test_frame_labels_have_the_size_of_the_picture(labelled_frame, portrait):
    size = (portrait.shape[1], portrait.shape[0])
    sizes = {name: opened(labelled_frame, name).size for name in NAMES}
    assert sizes == {"crop": (256, 256), "depth": size, "parsing": size, "overlay": size}


@pytest.mark.parametrize("which", ["labelled", "labelled_frame"])
def test_parsing_holds_class_numbers_and_the_palette_their_colours(which, request):
    picture = opened(request.getfixturevalue(which), "parsing")
    values = set(np.unique(np.asarray(picture)))
    assert {0, 1, 4, 5, 9} <= values
    assert max(values) <= 12
    assert picture.getpalette()[: 3 * 13] == classes.COLOURS.ravel().tolist()


@pytest.mark.parametrize("which", ["labelled", "labelled_frame"])
def test_depth_is_zero_around_the_face_and_white_at_the_nose(which, request):
    folder = request.getfixturevalue(which)
    depth, parsing = np.asarray(opened(folder, "depth")), np.asarray(opened(folder, "parsing"))
    assert (depth.min(), depth.max()) == (0, 255)
    assert parsing[np.unravel_index(depth.argmax(), depth.shape)] == classes.NOSE
    assert not depth[0].any() and not depth[:, 0].any()


def test_the_crop_does_not_depend_on_the_geometry_of_the_labels(labelled, labelled_frame):
    one, other = opened(labelled, "crop"), opened(labelled_frame, "crop")
    assert one.tobytes() == other.tobytes()


def test_the_frames_face_lies_where_the_crops_does(labelled, labelled_frame):
    # The mesh's longer side is 1 / 1.4 of the crop's 256 pixels, its middle the crop's; from depth,
    # which covers the mesh, follows the scale, and parsing must lie in the frame by the same one.
    def box(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
        covered = np.argwhere(np.asarray(opened(folder, name)) > 0)
        return (covered.min(axis=0) + covered.max(axis=0) + 1) / 2, np.ptp(covered, axis=0) + 1

    middle, extent = box(labelled, "depth")
    assert max(extent) == pytest.approx(256 / 1.4, abs=4)
    assert middle == pytest.approx([128, 128], abs=3)
    frame_middle, frame_extent = box(labelled_frame, "depth")
    scale = max(extent) / max(frame_extent)
    crop_parsing, frame_parsing = box(labelled, "parsing"), box(labelled_frame, "parsing")
    assert frame_parsing[1] * scale == pytest.approx(crop_parsing[1], abs=6)
    offset = (frame_parsing[0] - frame_middle) * scale
    assert offset == pytest.approx(crop_parsing[0] - middle, abs=3)


def test_the_overlay_is_the_picture_with_half_of_the_classes_colour(labelled):
    crop, parsing = np.asarray(opened(labelled, "crop")), np.asarray(opened(labelled, "parsing"))
    drawn = np.asarray(opened(labelled, "overlay"))
    assert np.array_equal(drawn[parsing == 0], crop[parsing == 0])
    nose = parsing == classes.NOSE
    mixed = (crop[nose].astype(int) + classes.COLOURS[classes.NOSE].astype(int)) // 2
    assert np.array_equal(drawn[nose], mixed)


def test_a_picture_without_a_face_gives_one_line_and_no_file(tmp_path):
    path = tmp_path / "wall.png"
    Image.new("RGB", (120, 90), (90, 120, 60)).save(path)
    with pytest.raises(UserError, match="no face") as caught:
        label_image(path, tmp_path / "out", Config(), frame=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def contents() -> dict[str, bytes]:
    return {"a text": b"this is no picture", "nothing": b"", "zeros": bytes(500)}


@pytest.mark.parametrize("content", contents().values(), ids=contents())
def test_what_is_no_picture_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"a\.png") as caught:
        label_image(path, tmp_path / "out", Config(), frame=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_picture_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.png: .*cannot read"):
        label_image(tmp_path / "none.png", tmp_path / "out", Config(), frame=False)


@pytest.mark.slow
def test_the_largest_of_several_faces_is_taken(tmp_path, portrait):
    small = Image.fromarray(portrait).resize((160, 200))
    both = Image.new("RGB", (500, 400), (127, 127, 127))
    both.paste(small, (10, 10))
    both.paste(Image.fromarray(portrait), (180, 0))
    both.save(tmp_path / "both.png")
    label_image(tmp_path / "both.png", tmp_path, Config(), frame=True)
    covered = np.argwhere(np.asarray(Image.open(tmp_path / "both_depth.png")))
    assert covered[:, 1].min() > 180


def test_depth_above_zero_stays_above_zero_in_eight_bits():
    depth = np.array([[0.0, 1e-4, 0.5, 1.0]], np.float32)
    assert grey(depth).tolist() == [[0, 1, 128, 255]]


def test_palette_pictures_give_their_classes_back():
    parsing = np.arange(13, dtype=np.uint8).repeat(2).reshape(2, 13)
    assert np.array_equal(np.asarray(palette_image(parsing)), parsing)
    image = np.full((2, 13, 3), 100, np.uint8)
    drawn = overlay(image, parsing)
    assert (drawn[parsing == 0] == 100).all()
    assert np.array_equal(
        np.asarray(palette_image(parsing).convert("RGB")), classes.COLOURS[parsing]
    )


def test_long_names_are_no_trouble(tmp_path, portrait):
    path = tmp_path / f"{'long' * 50}.png"
    Image.fromarray(portrait).save(path)
    written = label_image(path, tmp_path / "out", Config(), frame=False)
    assert [file.name for file in written] == [f"{path.stem}_{name}.png" for name in NAMES]
    assert all(file.is_file() for file in written)


@pytest.mark.slow
def test_a_back_end_is_chosen_by_name_and_its_missing_weights_are_one_line(tmp_path, portrait):
    Image.fromarray(portrait).save(tmp_path / "face.png")
    store = {**os.environ, "OCIM_WEIGHTS": str(tmp_path / "store")}
    for option, name, words in (
        ("--parsing", "bisenet", "run: ocim weights fetch bisenet"),
        ("--depth", "prnet", "run: ocim weights fetch prnet"),
        ("--landmarks", "tasks", "run: ocim weights fetch face-landmarker"),
        ("--depth", "bisenet", "depth.backend: 'bisenet' is none of facemesh, prnet, fan3d"),
    ):
        asked = ("label", tmp_path / "face.png", "-o", tmp_path / "out", option, name)
        assert words in mistake(*asked, env=store)
    assert not (tmp_path / "out").exists()
