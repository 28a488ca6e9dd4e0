"""Settings from JSON and from the command line, and back.

What is not stated, or stated as null, is what the variant was published with, else the default.
"""

import dataclasses
import json
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import UserError
from train.config import Settings
from train.protocols import parse
from train.variants import PRESETS, VARIANTS

HOW_IT_RUNS = frozenset(
    {
        *("threads", "device", "deterministic", "precision", "tf32", "channels_last", "compile"),
        *("cuda_graphs", "prefetch", "tensorboard", "checkpoint_every", "keep_checkpoints"),
    }
)
"""Keys that say how a training runs, not what it is: a run goes on, or is finished, with others."""


def _mistake(value: Any, kind: Any) -> str | None:
    """Say what is expected where `value`, from JSON, is not of the annotated `kind`."""
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        return None if value in choices else "one of " + ", ".join(choices)
    if typing.get_origin(kind) is tuple:
        first, *others = typing.get_args(kind)
        any_length = Ellipsis in others
        good = isinstance(value, list | tuple) and all(_mistake(v, first) is None for v in value)
        if good and (any_length or len(value) == 1 + len(others)):
            return None
        plural = {int: "whole numbers", float: "numbers"}[first]
        return f"a list of {plural}" if any_length else f"{1 + len(others)} {plural}"
    if isinstance(value, bool) or kind is bool:
        good = isinstance(value, bool) and kind is bool
    else:
        good = isinstance(value, int | float if kind is float else kind)
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    return None if good else names.get(kind, "text")


def own_settings(variant: str, protocol: str) -> Mapping[str, Any]:
    """What a variant was published with where that is not the default, for this protocol.

    Raises UserError for a protocol that protocols.parse refuses.
    """
    return VARIANTS[variant].own(parse(protocol).target)


def settings_from_dict(values: Any, source: str) -> Settings:
    """Check a parsed JSON object and make Settings of it.

    A key that is missing or null is the variant's own or the default; `preset` may name one of
    PRESETS, which states what it states as if it stood there. source: what to call it in messages.
    Raises UserError naming `source` and the key.
    """
    if not isinstance(values, dict):
        raise UserError(f"{source}: expected a JSON object of settings")
    preset = "paper" if values.get("preset") is None else values["preset"]
    if not isinstance(preset, str) or preset not in PRESETS:
        raise UserError(f"{source}: preset: expected one of {', '.join(PRESETS)}, found {preset!r}")
    given = {key: value for key, value in values.items() if value is not None and key != "preset"}
    if "epochs" in given:
        given.setdefault("steps", 0)  # neither the preset's nor the variant's override them
    given = {**PRESETS[preset], **given}
    kinds = typing.get_type_hints(Settings)
    names = [field.name for field in dataclasses.fields(Settings)]
    for key, value in given.items():
        if key not in names:
            raise UserError(f"{source}: {key}: unknown key; known are {', '.join(names)}")
        if (expected := _mistake(value, kinds[key])) is not None:
            raise UserError(f"{source}: {key}: expected {expected}, found {value!r}")
        if isinstance(value, list):
            given[key] = tuple(value)
        elif kinds[key] is float:
            try:
                given[key] = float(value)
            except OverflowError:
                raise UserError(f"{source}: {key}: this number is too large") from None
    try:
        variant = given.get("variant", Settings.variant)
        protocol = given.get("protocol", Settings.protocol)
        return Settings(**{**own_settings(variant, protocol), **given})
    except (ValueError, UserError) as error:
        raise UserError(f"{source}: {error}") from None


def settings_from_json(path: Path) -> Settings:
    """Read Settings from a JSON file; UserError names the file and the key."""
    try:
        values = json.loads(Path(path).read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not a readable JSON file: {error}") from None
    return settings_from_dict(values, str(path))


def settings_to_dict(settings: Settings) -> dict[str, Any]:
    """All keys and values as JSON has them; settings_from_dict takes them back."""
    values = dataclasses.asdict(settings)
    return {key: list(v) if isinstance(v, tuple) else v for key, v in values.items()}


def published(settings: Settings) -> dict[str, Any]:
    """All keys with what their variant was published with for their protocol, else the defaults."""
    named = {"variant": settings.variant, "protocol": settings.protocol}
    return settings_to_dict(settings_from_dict(named, "settings"))


def stated(settings: Settings) -> dict[str, Any]:
    """Variant, protocol, and the keys whose values are not those of `published`."""
    usual, values = published(settings), settings_to_dict(settings)
    named = ("variant", "protocol")
    return {key: v for key, v in values.items() if v != usual[key] or key in named}


def without_effect(settings: Settings) -> list[str]:
    """The stated keys that nothing reads with this variant, protocol, schedule and selection."""
    parts, idle = settings.parts, set[str]()
    if settings.method != "meta":
        idle |= {"decoder_widths", "asc_gradient", "meta_learner_momentum", "inner_learning_rate"}
        idle |= {"inner_triplet_weight", "classification_weight", "depth_weight", "reduction"}
        idle |= {"segmentation_weight", "meta_train_weight", "meta_test_weight", "embedding"}
        idle |= {"second_margin", "switch", "hsv"}
    else:
        idle |= {"domain_weight", "dropout", "reversal", "reversal_steps"}
        if not parts.parsing:
            idle |= {"decoder_widths", "segmentation_weight"}
        if not parts.asc:
            idle |= {"asc_gradient"}
        if parts.triplet is None:
            idle |= {"embedding", "margin", "triplet_weight", "inner_triplet_weight"}
        if parts.triplet != "live":
            idle |= {"second_margin", "switch"}
        if not parts.meta:
            idle |= {"inner_learning_rate", "inner_triplet_weight", "meta_test_weight"}
    if settings.method == "ssdg":
        idle |= {"reversal", "depth_target"}
    if settings.method == "ssan":
        idle |= {"triplet_weight", "margin", "dropout", "reversal_steps"}
    if settings.schedule != "steps":
        idle |= {"decay_at", "decay_factor"}
    if settings.selection == "last":
        idle |= {"evaluate_every"}
    if settings.selection != "sources":
        idle |= {"held_out"}
    return [key for key in stated(settings) if key in idle]


def changed(
    settings: Settings,
    *,
    preset: str | None = None,
    protocol: str | None = None,
    variant: str | None = None,
    changes: Sequence[str] = (),
) -> Settings:
    """The same settings with what a command line says; None leaves what is.

    With another variant or protocol, keys that stand at what the old one was published with take
    what the new one was; with a preset, all sizes that a preset may state go. changes: texts
    KEY=VALUE, the value as JSON or as plain text. Raises UserError naming the option or the key.
    """
    named = {"preset": preset, "protocol": protocol, "variant": variant}
    said: dict[str, Any] = {key: value for key, value in named.items() if value is not None}
    for text in changes:
        key, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set {text}: write it as KEY=VALUE, such as --set seed=1")
        try:
            said[key.strip()] = json.loads(value)
        except (ValueError, RecursionError):
            said[key.strip()] = value.strip()
    values = stated(settings)
    if "preset" in said:  # the sizes of another one go
        values |= {key: None for sizes in PRESETS.values() for key in sizes}
    if "epochs" in said:
        values["steps"] = None
    return settings_from_dict({**values, **said}, "settings")
