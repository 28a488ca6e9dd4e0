"""pipeline/config.py: defaults are those of the pages, and what is refused says why."""

from pathlib import Path

import pytest
import yaml

from pipeline.config import Config, dump, load, read_scalars, validate, write_once
from pipeline.errors import UserError
from pipeline.layout import Layout
from train.variants import VARIANTS

CONFIGS = Path(__file__).parents[1] / "config"


def load_text(folder: Path, text: str) -> Config:
    path = folder / "some.yaml"
    path.write_text(text, "utf-8")
    return load(path)


def refusal(folder: Path, text: str) -> str:
    """The one line with which a configuration is refused."""
    with pytest.raises(UserError) as caught:
        load_text(folder, text)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{folder / 'some.yaml'}: ")
    return message


def test_default_yaml_writes_out_every_key_with_the_models_default():
    written = yaml.safe_load((CONFIGS / "default.yaml").read_text("utf-8"))
    defaults = Config().model_dump(mode="json")
    own = {key for v in VARIANTS.values() for to in ("oulu", "msu", "casia") for key in v.own(to)}
    training, expected = written.pop("train"), defaults.pop("train")
    assert written == defaults
    assert {key for key, value in training.items() if value is None} == own
    assert {k: expected[k] if v is None else v for k, v in training.items()} == expected
    assert load(CONFIGS / "default.yaml") == Config()


def test_a_variant_brings_what_it_was_published_with_and_what_is_stated_stays(tmp_path: Path):
    text = (CONFIGS / "default.yaml").read_text("utf-8")
    ssdg = load_text(tmp_path, text.replace("variant: ours", "variant: ssdg")).train
    assert (ssdg.optimizer, ssdg.steps, ssdg.weight_decay) == ("sgd", 4001, 5e-4)
    stated = load_text(tmp_path, "train: {variant: ssdg, steps: 7}").train
    assert (stated.optimizer, stated.steps) == ("sgd", 7)


def test_defaults_are_the_ones_that_the_datasets_page_gives():
    found = {name: (d.every, d.partitions) for name, d in Config().datasets.items()}
    assert found == {"oulu": (9, 96), "casia": (2, 16), "replay": (5, 32), "msu": (2, 8)}
    crop = Config().crop
    assert (crop.margin, crop.shift, crop.loose) == (1.4, 0.0, "auto")


def test_demo_yaml_is_right_and_keeps_what_it_does_not_state():
    demo = load(CONFIGS / "demo.yaml")
    assert demo.out == "runs/demo"
    assert set(demo.datasets) == {"oulu", "casia", "replay", "msu"}
    assert all(d.root == f"runs/demo/replica/{name}" for name, d in demo.datasets.items())
    assert all(d.partitions == 2 for d in demo.datasets.values())
    assert demo.crop == Config().crop
    assert demo.train.depth_weight == Config().train.depth_weight


@pytest.mark.parametrize(
    "text, key",
    [
        # unknown keys
        ("outt: x", "outt"),
        ("crop: {margin: 1.2, margni: 1.2}", "crop.margni"),
        ("datasets: {oulu: {evry: 2}}", "datasets.oulu.evry"),
        ("datasets: {celeba: {root: x}}", "datasets.celeba"),
        ("depth: {backend: facemesh, weights: x}", "depth.weights"),
        ("train: {widht: 1.0}", "train.widht"),
        # values of another type
        ("out: 3", "out"),
        ("out: null", "out"),
        ("seed: 'zero'", "seed"),
        ("seed: true", "seed"),
        ("seed: 1.5", "seed"),
        ("crop: [1.4]", "crop"),
        ("crop: {margin: '1.4'}", "crop.margin"),
        ("datasets: [oulu]", "datasets"),
        ("datasets: {oulu: data/oulu}", "datasets.oulu"),
        ("datasets: {oulu: {every: 2.5}}", "datasets.oulu.every"),
        ("datasets: {oulu: {every: '2'}}", "datasets.oulu.every"),
        ("parse: {weights: 7}", "parse.weights"),
        ("train: {width: '1'}", "train.width"),
        ("train: 5", "train"),
        ("train:", "train"),
        ("train: [1]", "train"),
    ],
)
def test_an_unknown_key_or_a_value_of_another_type_is_refused_with_its_path(tmp_path, text, key):
    assert f": {key}: " in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text, key",
    [
        ("seed: -1", "seed"),
        ("seed: 2147483648", "seed"),
        ("crop: {margin: 0.9}", "crop.margin"),
        ("crop: {margin: .nan}", "crop.margin"),
        ("crop: {margin: .inf}", "crop.margin"),
        ("crop: {shift: 0.6}", "crop.shift"),
        ("crop: {loose: sometimes}", "crop.loose"),
        ("datasets: {}", "datasets"),
        ("datasets: {My-Data: {root: x, adapter: table}}", "datasets.My-Data: a name is of small"),
        ("datasets: {msu: {every: 0}}", "datasets.msu.every"),
        ("datasets: {msu: {partitions: 0}}", "datasets.msu.partitions"),
        ("datasets: {msu: {sampling: random}}", "datasets.msu.sampling"),
        ("depth: {backend: bisenet}", "depth.backend: 'bisenet' is none of facemesh, prnet, fan3d"),
        ("parse: {backend: prnet}", "parse.backend"),
        ("crop: {landmarks: dlib}", "crop.landmarks"),
        ("depth: {spoof_depth: none}", "depth.spoof_depth"),
        ("pack: {shard_samples: 0}", "pack.shard_samples"),
        ("train: {input_size: 100}", "train.input_size"),
        ("train: {protocol: 'O to O'}", "train.protocol"),
    ],
)
def test_an_impossible_value_is_refused_with_its_path(tmp_path, text, key):
    assert f": {key}" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("seed: 1\nseed: 2", "line 2: the key 'seed' stands twice"),
        ("crop:\n  margin: 1.2\n  shift: 0.0\n  margin: 1.3", "line 4: the key 'margin'"),
        ("datasets:\n  msu: {every: 2}\n  msu: {every: 3}", "line 3: the key 'msu'"),
    ],
)
def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path, text, words):
    assert words in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "out: !!python/object/apply:os.system ['touch unsafe']",
        "out: !!python/name:os.system",
        "!!python/object/new:pathlib.Path [unsafe]",
        "out: !unknown x",
        "out: [",
        "out: 2020-13-45",
        "? [a, b]\n: c",
        "\tout: x",
        "- out",
        "just a text",
        "5",
    ],
)
def test_what_is_no_plain_mapping_is_refused_in_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    refusal(tmp_path, text)
    assert not (tmp_path / "unsafe").exists()


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        load(tmp_path / "none.yaml")
    with pytest.raises(UserError):
        load(tmp_path)
    path = tmp_path / "latin.yaml"
    path.write_bytes("out: gr\xfcn".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.yaml"):
        load(path)


def test_an_empty_file_states_nothing_so_all_defaults_hold(tmp_path):
    assert load_text(tmp_path, "# nothing\n") == Config()


def test_naming_datasets_leaves_out_the_others_and_keeps_their_own_defaults(tmp_path):
    config = load_text(tmp_path, "datasets: {msu: {root: m}, oulu: {every: 3}}")
    assert set(config.datasets) == {"msu", "oulu"}
    assert (config.datasets["msu"].every, config.datasets["msu"].partitions) == (2, 8)
    assert (config.datasets["oulu"].root, config.datasets["oulu"].partitions) == ("data/oulu", 96)


def test_dump_and_validate_give_the_same_configuration_back(tmp_path):
    text = (
        "out: rüns\nseed: 7\ndatasets: {msu: {root: 'a: b', partitions: 3}}\n"
        "crop: {margin: 1.25, shift: -0.1, loose: always}\npack: {shard_samples: 5}\n"
        "train: {width: 0.25, decoder_widths: [8, 4, 4], variant: without_asc}\n"
    )
    config = load_text(tmp_path, text)
    again = validate(yaml.safe_load(dump(config)), "again")
    assert again == config
    assert dump(again) == dump(config)
    assert again.train.decoder_widths == (8, 4, 4)


def test_write_once_leaves_a_file_that_says_the_same_untouched(tmp_path):
    config = validate({"out": str(tmp_path / "run")}, "given")
    path = write_once(config)
    assert path == tmp_path / "run" / "config.yaml"
    first = path.stat()
    write_once(config)
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (first.st_mtime_ns, first.st_ino)
    assert load(path) == config


def test_texts_of_nested_values_are_read_as_yaml_scalars():
    given = {"crop": {"margin": "2"}, "train": {"decoder_widths": ["8", 4]}, "seed": "x", "n": 3}
    assert read_scalars(given) == {
        "crop": {"margin": 2},
        "train": {"decoder_widths": [8, 4]},
        "seed": "x",
        "n": 3,
    }


def test_every_file_has_its_place_under_out():
    layout = Layout("a/b")
    assert layout.index("msu") == Path("a/b/index/msu.csv")
    assert layout.partition("crops", "oulu", 7) == Path("a/b/crops/oulu/0007.h5")
    assert layout.bundle == Path("a/b/bundle")
