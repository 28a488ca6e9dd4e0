"""What decided a bundle's bytes, written into its manifest and every shard."""

from typing import Any

from pipeline import crop, depth, keys, parse
from pipeline.config import Config


def of_bundle(config: Config) -> dict[str, Any]:
    """What decides the bytes of a bundle besides the videos: settings, versions, back ends.

    No path, core count, time or machine name is among them.
    """
    packages = {*crop.PACKAGES, *depth.PACKAGES, *parse.PACKAGES, "ocim"}
    return {
        "settings": {
            "crop": config.crop.model_dump(mode="json"),
            "depth": config.depth.model_dump(mode="json"),
            "parse": config.parse.model_dump(mode="json", exclude={"weights"}),
            "pack": config.pack.model_dump(mode="json"),
            "sampling": {
                name: settings.decides() for name, settings in sorted(config.datasets.items())
            },
        },
        "versions": keys.versions(packages),
        "backends": {
            "landmarks": "mediapipe",
            "depth": config.depth.backend,
            "parsing": config.parse.backend,
            "parsing_classes_never_given": (
                ["eyeglasses", "left ear", "right ear"]
                if config.parse.backend == "facemesh"
                else []
            ),
        },
    }


def of_one_dataset(provenance: dict[str, Any], dataset: str) -> dict[str, Any]:
    """The provenance of one dataset's shards: the sampling of the others is no part of it."""
    settings = provenance["settings"]
    sampling = {dataset: settings["sampling"][dataset]}
    return {**provenance, "settings": {**settings, "sampling": sampling}}
