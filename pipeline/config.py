"""The configuration: one validated model, read from YAML and written out once.

A configuration file states only what differs from the defaults below. The merged, validated
configuration is written once to OUT/config.yaml, and every verb of the graph reads that file.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import AfterValidator, Field, InstanceOf, ValidationError

from pipeline.backends import Choice
from pipeline.datasets import require_adapter
from pipeline.errors import UserError
from pipeline.files.store import write_text
from pipeline.files.urls import checked, is_url
from pipeline.layout import Layout
from pipeline.places import send_text
from pipeline.sections import CropSettings, DepthSettings, ParseSettings, Section
from train.config import Settings as TrainSettings
from train.evaluation.published import TABLE_II
from train.protocols import parse as parse_protocol
from train.settings import settings_from_dict
from train.variants import Name as Variant

DatasetName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
"""A dataset's name: it becomes part of file names, and of protocols such as "oulu to mydata"."""
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class DatasetSettings(Section):
    """Where a dataset lies, which of its frames are taken, into how many partitions it is cut."""

    root: str
    adapter: str | None = None
    """What reads its names: a module of pipeline/datasets. None: the one named as the dataset."""
    table: str | None = None
    """For the adapter `table`: a CSV of its videos. None: its folders tell split and class."""
    overrides: str | None = None
    """Corrections by hand, a CSV. None: overrides.csv in the root, where it is there."""
    sampling: Literal["every", "uniform", "ssdg", "all"] = "every"
    every: Annotated[int, Field(ge=1, le=10_000)] = 5
    """For `every`: each n-th frame in decoding order, from frame 0."""
    frames: Annotated[int, Field(ge=1, le=10_000)] = 1
    """For `uniform` and `ssdg`: how many frames of each video."""
    reach: Annotated[int, Field(ge=0, le=100)] = 5
    """How many frames away the nearest frame with a face may be, where a wanted one has none."""
    faces: Literal["detected", "shipped"] = "detected"
    """Where the face is looked for: by the detector, or where the dataset's own files say."""
    partitions: Annotated[int, Field(ge=1, le=9999)] = 16

    def decides(self) -> dict[str, Any]:
        """What of this section decides which frames become samples, and where the face is."""
        of_sampling = {"every": "every", "uniform": "frames", "ssdg": "frames"}
        names = {"sampling", "reach", "faces", of_sampling.get(self.sampling, "sampling")}
        return self.model_dump(mode="json", include=names)


class PackSettings(Section):
    """How the bundle is cut into shards."""

    shard_samples: Annotated[int, Field(ge=1, le=1_000_000)] = 4096


def _once(values: list[Any]) -> list[Any]:
    """The same list, where nothing stands twice."""
    twice = [value for number, value in enumerate(values) if value in values[:number]]
    if twice:
        raise ValueError(f"{twice[0]} stands twice")
    return values


def _protocols(texts: list[str]) -> list[str]:
    """The protocols as results name them."""
    try:
        return _once([str(parse_protocol(text)) for text in texts])
    except UserError as error:
        raise ValueError(str(error)) from None


class TablesSettings(Section):
    """Which trainings the tables of results are made of, besides what the training section says."""

    protocols: Annotated[list[str], Field(min_length=1), AfterValidator(_protocols)] | None = None
    """None: those of the paper's four whose datasets are there; where none is, train.protocol."""
    variants: Annotated[list[Variant], AfterValidator(_once)] = Field(
        default_factory=lambda: cast(list[Variant], [*TABLE_II]), min_length=1
    )
    seeds: Annotated[list[Seed], AfterValidator(_once)] = Field(
        default_factory=lambda: [0, 1, 2], min_length=1
    )


def _dataset_defaults() -> dict[str, DatasetSettings]:
    # Every n-th frame as RFMetaFAS's author gives it (2 to 5); OULU's 9 is our choice, for the same
    # 40,000 to 60,000 frames.
    table = {
        "oulu": (9, 96),
        "casia": (2, 16),
        "replay": (5, 32),
        "msu": (2, 8),
    }
    return {
        name: DatasetSettings(root=f"data/{name}", every=every, partitions=partitions)
        for name, (every, partitions) in table.items()
    }


class Config(Section):
    """The whole configuration. Relative paths are from the working directory."""

    out: str = "runs/paper"
    seed: Seed = 0
    datasets: dict[DatasetName, DatasetSettings] = Field(
        default_factory=_dataset_defaults, min_length=1
    )
    crop: CropSettings = CropSettings()
    depth: DepthSettings = DepthSettings()
    parse: ParseSettings = ParseSettings()
    pack: PackSettings = PackSettings()
    tables: TablesSettings = TablesSettings()
    train: InstanceOf[TrainSettings] = TrainSettings()

    def with_backends(
        self, landmarks: str | None, depth: str | None, parsing: str | None
    ) -> "Config":
        """The same with other back ends, None leaving what is; UserError for an unknown name."""
        values = self.model_dump(include={"crop", "depth", "parse"})
        for section, key, name in (
            ("crop", "landmarks", landmarks),
            ("depth", "backend", depth),
            ("parse", "backend", parsing),
        ):
            if name is not None:
                values[section][key] = name
        chosen = validate(values, "back ends")
        return self.model_copy(
            update={"crop": chosen.crop, "depth": chosen.depth, "parse": chosen.parse}
        )

    def choices(self) -> dict[str, Choice]:
        """The back end of each stage that has one, by the stage's name: crop, depth, parse."""
        return {
            "crop": self.crop.choice(),
            "depth": self.depth.choice(),
            "parse": self.parse.choice(),
        }

    def keeps_loose(self) -> bool:
        """Whether the looser picture is kept beside the crops."""
        is_read = any(choice.backend.loose for choice in self.choices().values())
        return self.crop.loose == "always" or (self.crop.loose == "auto" and is_read)


def validate(values: Any, source: str) -> Config:
    """Turn parsed YAML into a Config; None is an empty file.

    A dataset that is named states only what differs from that dataset's own defaults. Raises
    UserError with `source` and the path of the key that is wrong.
    """
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise UserError(f"{source}: expected keys and values, found {type(values).__name__}")
    if isinstance(values.get("datasets"), dict):
        defaults = {name: d.model_dump() for name, d in _dataset_defaults().items()}
        merged = {
            name: {**defaults.get(name, {}), **given} if isinstance(given, dict) else given
            for name, given in values["datasets"].items()
        }
        values = {**values, "datasets": merged}
    if "train" in values:
        if not isinstance(values["train"], dict):
            kind = type(values["train"]).__name__
            raise UserError(f"{source}: train: expected keys and values, found {kind}")
        # A dataclass with a strict reader of its own, since train/ runs where pydantic is not.
        try:
            values = {**values, "train": settings_from_dict(values["train"], "train")}
        except UserError as error:
            message = str(error).replace("train: ", "train.", 1)
            raise UserError(f"{source}: {message}") from None
    try:
        config = Config.model_validate(values)
        checked(config.out, "out")
        for name, dataset in config.datasets.items():
            for field in ("root", "table", "overrides"):
                checked(getattr(dataset, field) or "", f"datasets.{name}.{field}")
            reader = dataset.adapter or name
            require_adapter(name, reader)
            if dataset.table is not None and reader != "table":
                raise UserError(
                    f"datasets.{name}.table: the adapter {reader} reads no table; set"
                    f" datasets.{name}.adapter to table"
                )
        return config
    except UserError as error:
        raise UserError(f"{source}: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]")
        message = {
            "extra_forbidden": "unknown key; see config/default.yaml for those there are",
            "string_pattern_mismatch": "a name is of small letters, digits and _, a letter first",
        }.get(first["type"], first["msg"].removeprefix("Value error, "))
        raise UserError(f"{source}: {key}: {message}") from None


class _SafeLoader(yaml.SafeLoader):
    """The safe loader, that refuses a key written twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # a list or a mapping as key, which the safe loader itself refuses
            if key.value in seen:
                line = key.start_mark.line + 1
                raise yaml.YAMLError(f"line {line}: the key '{key.value}' stands twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_scalars(values: Any) -> Any:
    """The same nested values, each text read as a YAML scalar: "2" becomes 2. YAMLError for a text
    that is no YAML.
    """
    if isinstance(values, dict):
        return {key: read_scalars(value) for key, value in values.items()}
    if isinstance(values, list):
        return [read_scalars(value) for value in values]
    return yaml.safe_load(values) if isinstance(values, str) else values


def load(path: Path) -> Config:
    """Read and validate a configuration file. UserError when it is missing, not YAML, or wrong."""
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot read this configuration: {error}") from None
    try:
        values = yaml.load(text, _SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2020-13-45
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    return validate(values, str(path))


def dump(config: Config) -> str:
    """The configuration as YAML, every key written out."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def write_once(config: Config) -> Path | None:
    """Write OUT/config.yaml unless it says the same; returns its path, None where OUT is in a
    store.
    """
    text = dump(config)
    if is_url(config.out):
        send_text(config.out, "config.yaml", text)
        return None
    path = Layout(config.out).config
    if not path.is_file() or path.read_text("utf-8") != text:
        write_text(path, text)
    return path
