"""Which files are scored: folders walked, links left alone, nothing at all a mistake."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from pipeline.errors import UserError
from pipeline.predict.inputs import gather


@pytest.mark.parametrize("words", [["nothing.png"], ["empty"], ["text"]])
def test_nothing_to_score_is_a_mistake_that_names_the_path(words, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a")
    with pytest.raises(UserError, match=words[0]):
        gather([tmp_path / words[0]])


def test_links_out_of_a_folder_are_told_and_never_followed(tmp_path):
    outside = tmp_path / "outside.png"
    Image.new("RGB", (4, 4)).save(outside)
    place = tmp_path / "place"
    (place / "in").mkdir(parents=True)
    shutil.copy(outside, place / "in" / "z.PNG")
    (place / "out.png").symlink_to(outside)
    (place / "up").symlink_to(place)
    (place / "same.png").symlink_to(place / "in" / "z.PNG")
    found = gather([place])
    assert found.files == [place / "in" / "z.PNG", place / "same.png"]
    assert [(Path(one.path).name, one.reason) for one in found.passed_over] == [
        ("out.png", "a link that leads out of the root is not followed")
    ]
