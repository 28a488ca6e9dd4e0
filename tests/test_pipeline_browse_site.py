"""What the page asks for, without a socket between: answers, pictures, the way to the frame."""

import io
import re
import shutil

import numpy as np
import pytest
from made_browse import AFFINE, FRAMES, LIVE, SPOOF, make_columns, make_run, opened_site, told
from made_bundle import change_shard, make_bundle
from PIL import Image

from labels.classes import NAMES
from pipeline.browse.catalogue import FIGURES, TEXTS
from pipeline.browse.detail import Roots
from pipeline.browse.site import PAGES, GoneError, Site
from pipeline.bundle import BundleError, Shard
from pipeline.errors import UserError
from pipeline.files.keys import sha256_file


@pytest.fixture(scope="module")
def made(portrait, video_writer, tmp_path_factory):
    """A run with six samples of two videos; nothing of it may be changed."""
    folder = tmp_path_factory.mktemp("made")
    make_run(folder, portrait, video_writer)
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it that may be changed."""
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def site(made):
    """The bundle of the run, the videos given by --root."""
    return opened_site(made / "run" / "bundle", {"own": made / "videos"})


def shard_of(folder):
    return folder / "run" / "bundle" / "own-train-00000-of-00001.h5"


def test_every_file_of_the_page_is_there_and_names_none_that_is_not(site):
    for path, (_, kind) in PAGES.items():
        answer = site.answer(path, "tab=about")
        assert (answer.status, answer.kind) == (200, kind) and answer.body
    text = b"".join(site.answer(path, "").body for path in PAGES).decode()
    assert "http://" not in text.replace("http://www.w3.org/", "") and "https://" not in text


def test_the_page_names_the_texts_figures_and_classes_that_there_are(site):
    script = site.answer("/browse_state.js", "").body.decode()
    for name, expected in (("CHOICES", TEXTS), ("FIGURES", FIGURES)):
        (names,) = re.findall(rf"export const {name} = \[(.*?)\];", script, re.DOTALL)
        assert tuple(re.findall(r'"(\w+)"', names)) == expected
    grid = site.answer("/browse_grid.js", "").body.decode()
    assert f"Array({len(NAMES)}).keys()" in grid


def test_the_samples_of_a_query_come_in_its_order(site, made):
    said = told(site.answer("/api/samples", "sort=identity"))
    identities = [(one["video"], one["frame"]) for one in said["samples"]]
    expected = [(video, frame) for video in (SPOOF, LIVE) for frame in FRAMES]
    assert identities == sorted(expected) and said["total"] == 6
    shard = Shard(shard_of(made))
    for one in said["samples"]:
        assert (one["video"], one["frame"]) == (
            str(shard.video[one["number"]]),
            shard.frame[one["number"]],
        )


def test_a_part_of_them_carries_the_figure_that_sorts_them(site):
    said = told(site.answer("/api/samples", "sort=-yaw&start=4&count=5"))
    assert [one["figure"] for one in said["samples"]] == [1, None]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/nothing", "", 404), ("/etc/passwd", "", 404), ("/../bundle.json", "", 404),
        ("/templates/browse.html", "", 404), ("/picture/6/crop", "", 404),
        ("/picture/99999999999999999999/crop", "", 404), ("/picture/-1/crop", "", 404),
        ("/picture/0/nose", "", 404), ("/picture/0", "", 404), ("/picture/0x1/crop", "", 404),
        ("/picture/१/crop", "", 404), ("/picture/0/crop/../1", "", 404),
        ("/api/sample/0/crop", "", 404), ("/api/sample/6", "", 404),
        ("/api/list/shards", "", 404), ("/api/origin/x", "", 404),
        ("/api/query", "yaw=x..", 400), ("/api/samples", "start=-1", 400),
        ("/api/samples", "count=501", 400), ("/api/samples", "start=" + "9" * 50, 400),
        ("/picture/0/crop", "exact=2", 400), ("/picture/0/parsing", "classes=13", 400),
        ("/picture/0/parsing", "classes=x", 400), ("/picture/0/crop", "live=live", 400),
        ("/api/sample/0", "nose=1", 400),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_in_one_line(site, path, query, status):
    answer = site.answer(path, query)
    assert answer.status == status
    assert told(answer)["error"] and "\n" not in told(answer)["error"]


def test_pictures_are_those_of_the_sample(site, made):
    shard = Shard(shard_of(made))
    for number in range(6):
        crop = site.answer(f"/picture/{number}/crop", "exact=1")
        assert np.array_equal(Image.open(io.BytesIO(crop.body)), shard.image[number])
        parsing = site.answer(f"/picture/{number}/parsing", "")
        assert np.array_equal(Image.open(io.BytesIO(parsing.body)), shard.parsing[number])
    only = Image.open(io.BytesIO(site.answer("/picture/0/parsing", "classes=4").body))
    alpha = np.asarray(only.convert("RGBA"))[..., 3]
    assert np.array_equal(alpha > 0, shard.parsing[0] == 4)


def test_a_sample_tells_its_fields_neighbours_and_the_frames_of_its_video(site, made):
    shard = Shard(shard_of(made))
    order = told(site.answer("/api/samples", "sort=identity&live=live"))["samples"]
    middle = order[1]["number"]
    said = told(site.answer(f"/api/sample/{middle}", "sort=identity&live=live"))
    assert (said["position"], said["total"]) == (1, 3)
    assert (said["before"], said["after"]) == (order[0]["number"], order[2]["number"])
    assert said["of_video"]["samples"] == [[one["number"], one["frame"]] for one in order]
    assert said["of_video"]["at"] == 1
    fields = {field["name"]: field["value"] for field in said["fields"]}
    assert fields["video"] == LIVE and fields["frame"] == FRAMES[1] and fields["subject"] == "zoe"
    assert fields["checksum"] == str(shard.checksum[middle])
    assert said["pixels"] == "right" and said["affine"] == AFFINE.tolist()
    classes, counts = np.unique(shard.parsing[middle], return_counts=True)
    assert said["classes"] == {str(c): n for c, n in zip(classes, counts.tolist(), strict=True)}


def test_a_figure_that_is_no_number_is_none_and_a_spoof_has_no_depth(site):
    said = told(site.answer("/api/sample/0", ""))
    assert {field["name"]: field["value"] for field in said["fields"]}["yaw"] is None
    spoof = told(site.answer("/api/samples", "live=spoof"))["samples"][0]["number"]
    assert told(site.answer(f"/api/sample/{spoof}", ""))["depth_is_zero"] is True


def test_the_frame_is_found_and_gives_the_crop(site, made):
    for number in range(6):
        said = told(site.answer(f"/api/origin/{number}", ""))
        assert said["proof"] == "yes" and said["reason"] == "" and said["size"] == [320, 400]
        assert (
            said["sha256"] == said["found_sha256"] == sha256_file(made / "videos" / said["video"])
        )
        # u = 0.8 x - 16, v = 0.8 y - 24: the crop's corners at (0, 0) and (256, 256)
        assert said["outline"] == [[20, 30], [340, 30], [340, 350], [20, 350]]
        assert np.array(said["landmarks"]).shape == (468, 2)
        frame = Image.open(io.BytesIO(site.answer(f"/picture/{number}/frame", "").body))
        assert frame.size == (320, 400)


def test_without_roots_the_configuration_beside_the_bundle_names_them(made):
    said = told(opened_site(made / "run" / "bundle").answer("/api/origin/0", ""))
    assert said["proof"] == "yes"


def test_where_no_videos_are_it_says_what_to_give(folder):
    shutil.move(folder / "run" / "bundle", folder / "alone")
    site = opened_site(folder / "alone")
    said = told(site.answer("/api/origin/0", ""))
    assert "size" not in said and "--root own=DIR" in said["reason"]
    assert site.answer("/picture/0/frame", "").status == 404


def test_another_video_in_its_place_is_told(folder, video_writer, portrait):
    for name in (LIVE, SPOOF):
        video_writer(folder / "videos" / name, [np.roll(portrait, 40, axis=0)] * 4)
    site = opened_site(folder / "run" / "bundle", {"own": folder / "videos"})
    said = told(site.answer("/api/origin/0", ""))
    assert said["found_sha256"] != said["sha256"] and said["proof"].startswith("no: ")
    assert "another than that which was packed" in said["because"]


def test_a_video_that_was_missing_is_looked_for_again(folder):
    shutil.move(folder / "videos" / "clips", folder / "away")
    site = opened_site(folder / "run" / "bundle", {"own": folder / "videos"})
    assert "is missing in" in told(site.answer("/api/origin/0", ""))["reason"]
    shutil.move(folder / "away", folder / "videos" / "clips")
    assert told(site.answer("/api/origin/0", ""))["proof"] == "yes"


def test_a_video_that_leads_out_of_the_root_is_not_followed(folder):
    secret = folder / "secret.mp4"
    for name in (LIVE, SPOOF):
        path = folder / "videos" / name
        secret.write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(secret)
    site = opened_site(folder / "run" / "bundle", {"own": folder / "videos"})
    assert "leads out of" in told(site.answer("/api/origin/0", ""))["reason"]


def test_no_video_is_opened_for_who_has_gone(made):
    site = opened_site(made / "run" / "bundle", {"own": made / "videos"})
    with pytest.raises(GoneError):
        site.answer("/api/origin/0", "", lambda: True)


def test_roots_that_cannot_be_are_refused_at_the_start(made):
    bundle = made / "run" / "bundle"
    with pytest.raises(UserError, match="no dataset of that name"):
        opened_site(bundle, {"other": made})
    with pytest.raises(UserError, match="no such folder"):
        opened_site(bundle, {"own": made / "nowhere"})
    with pytest.raises(BundleError):
        Site(made / "videos", Roots({}, None))


def test_a_sample_with_a_damaged_pixel_is_told_and_the_others_go_on(folder):
    def hurt(file):
        file["parsing"][0, 5, 5] = 99

    change_shard(shard_of(folder), hurt, checksums=False)
    site = opened_site(folder / "run" / "bundle")
    answer = site.answer("/picture/0/parsing", "")
    assert answer.status == 500 and "above 12" in told(answer)["error"]
    assert told(site.answer("/api/sample/0", ""))["pixels"].startswith("wrong")
    assert site.answer("/picture/1/parsing", "").status == 200
    assert told(site.answer("/api/sample/1", ""))["pixels"] == "right"


def test_a_shard_that_changes_while_it_is_open_is_told_and_others_go_on(tmp_path):
    folder = make_bundle(tmp_path / "b", ("casia", "msu"), videos=1, frames=1)
    site = opened_site(folder)
    first = folder / "casia-dev-00000-of-00001.h5"
    with first.open("r+b") as file:
        file.truncate(first.stat().st_size - 5000)
    answer = site.answer("/picture/0/crop", "")
    assert answer.status == 500 and "changed while it was read" in told(answer)["error"]
    assert site.answer("/api/sample/0", "").status == 500
    assert site.answer("/picture/2/crop", "").status == 200
    assert told(site.answer("/api/query", ""))["samples"] == 12


def test_lists_are_filtered_grouped_and_given_in_parts(tmp_path):
    failures = [
        {"dataset": "casia", "split": "dev", "video": f"dev/{n}.avi", "frame": n, "live": n % 2,
         "reason": f"no face in {n} frames", "subject": "s", "attack": "", "instrument": "",
         "session": "", "device": ""}
        for n in range(5)
    ]  # fmt: skip
    site = opened_site(
        make_bundle(tmp_path / "b", ("casia",), videos=1, frames=1, failures=failures)
    )
    said = told(site.answer("/api/list/failures", "live=live&start=1&count=1"))
    assert said["total"] == 2 and said["reasons"] == [["no face in N frames", 2]]
    (row,) = said["rows"]
    assert dict(zip(said["columns"], row, strict=True)) == {
        **{name: str(value) for name, value in failures[3].items()},
        "live": "live",
    }
    assert told(site.answer("/api/list/failures", "text=4.AVI"))["total"] == 1
    assert told(site.answer("/api/list/remarks", ""))["rows"] == []


def test_names_are_given_as_they_are(tmp_path):
    names = ["<img src=x onerror=alert(1)>.mp4", 'quo"te\n\\.mp4', "🦜.mp4"]
    site = opened_site(make_columns(tmp_path / "b", names))
    said = told(site.answer("/api/samples", ""))
    assert [one["video"] for one in said["samples"]] == names
