"""docs/labels.md: the program that it shows mirrors a sample of a bundle."""

import re

import numpy as np
from made_bundle import make_bundle
from page_commands import ROOT

from pipeline.bundle import Bundle

PAGE = "labels.md"


def test_the_program_shown_mirrors_a_sample_and_its_labels(tmp_path, monkeypatch):
    make_bundle(tmp_path / "runs/demo/bundle", ["oulu"], 3, 1)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / PAGE).read_text("utf-8"), re.S)
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    image, depth, parsing, landmarks = names["mirrored"]
    shard = Bundle("runs/demo/bundle").shards("oulu")[0]
    assert np.array_equal(image, shard.image[0][:, ::-1])
    assert np.array_equal(depth, shard.depth[0][:, ::-1])
    assert np.array_equal(parsing == 2, (shard.parsing[0] == 3)[:, ::-1])  # the brows' names turn
    assert landmarks.shape == names["landmarks"].shape
