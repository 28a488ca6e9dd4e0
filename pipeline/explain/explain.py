"""The figures of runs, from their models and a bundle to the files of OUT."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.explain import pick, remarks, tsne
from pipeline.explain.figures import Figure, drawn
from pipeline.explain.inside import LAYERS
from pipeline.explain.looked import Asked, FigureName, Looked, Sight
from pipeline.explain.observe import Sample, measure, show
from pipeline.explain.page import page
from pipeline.explain.runs import Run, open_runs
from pipeline.files.store import write_bytes, write_json, write_text
from train.batches.domain import Domain
from train.protocols import require
from train.running.device import for_scoring, reproducible
from train.running.opened import as_user_errors, open_bundle

SCHEMA = 1
PACKAGES = ("ocim", "torch", "captum", "scikit-learn", "numpy", "matplotlib")


class Material(NamedTuple):
    """What all runs look at. domains: by name, the target and, where they are looked at, the
    sources that the bundle has.
    """

    bundle: Bundle
    target: Domain
    domains: dict[str, Domain]
    shown: list[Sample]


def explain(
    paths: Sequence[Path], folder: Path, out: Path, asked: Asked, say: Callable[[str], None]
) -> dict[str, Any]:
    """Write the figures, explain.json and explain.html of runs to `out`; return the JSON.

    folder: of the bundle. say: told what was done, line by line. Raises UserError for what cannot
    be explained.
    """
    _check(asked)
    runs = open_runs(paths, asked.names)
    with as_user_errors():
        material = _material(runs, folder, asked)
        looked = []
        for run in runs:
            one = _look(run, material, asked)
            looked.append(one)
            count = 0 if one.points is None else len(one.points.live)
            say(f"{run.name}: {len(material.shown)} samples shown, {count} measured")
        sight = _sight(material)
        notes = remarks.of(material.bundle, material.target.name, looked, sight, asked)
        figures = list(drawn(looked, sight, asked))
    told = _told(material, looked, sight, figures, notes, asked)
    text = page(told, figures, material.bundle)
    for note in notes:
        say(f"note: {note}")
    for figure in figures:
        write_bytes(out / figure.file, figure.png)
        say(f"{out / figure.file}: {figure.title}")
    write_json(out / "explain.json", told)
    say(f"{out / 'explain.json'}: the numbers")
    write_text(out / "explain.html", text)
    say(f"{out / 'explain.html'}: open it in a browser")
    return told


def _check(asked: Asked) -> None:
    names = get_args(FigureName)
    for name in asked.only:
        if name not in names:
            raise UserError(f"--only: no figure '{name}'; there are {', '.join(names)}")


def _material(runs: Sequence[Run], folder: Path, asked: Asked) -> Material:
    bundle = open_bundle(folder)
    target = runs[0].model.settings.target
    require([target], bundle.datasets, str(folder))
    names = {target}
    if "tsne" in asked.only:  # nothing else looks at sources
        names |= {name for run in runs for name in run.model.settings.sources}
    domains = {name: Domain(bundle, name) for name in sorted(names & {*bundle.datasets})}
    shown = pick.shown(bundle, domains[target], asked.named, asked.samples, asked.seed)
    return Material(bundle, domains[target], domains, shown)


def _look(run: Run, material: Material, asked: Asked) -> Looked:
    """All that is asked of one run; its networks are gone afterwards."""
    settings = run.model.settings
    wanted = set(asked.only)
    with reproducible(for_scoring(settings)) as device:
        networks = run.build().to(device).requires_grad_(False)  # but of the layer looked at
        shown = show(
            networks, run, material.shown, device, asked.layer, asked.towards, "gradcam" in wanted
        )
        if not wanted - {"gradcam"}:
            return Looked(run, shown)
        names = [settings.target]
        if "tsne" in wanted:
            names = [name for name in (*settings.sources, *names) if name in material.domains]
        those = [material.domains[name] for name in names]
        samples = pick.measured(those, asked.points, asked.seed)
        points, tally = measure(networks, run, samples, device)
    looked = Looked(run, shown, points, tally)
    if "tsne" in wanted:
        perplexity = tsne.perplexity_of(len(points.live), asked.perplexity)
        places = tsne.project(points.embedding, perplexity, asked.seed)
        looked = looked._replace(places=places, perplexity=perplexity, apart=tsne.numbers(points))
    return looked


def _sight(material: Material) -> list[Sight]:
    """The samples that are shown, as they are stored."""
    found = []
    for domain, at in material.shown:
        image, depth, parsing = (
            np.asarray(domain.read([at], field)[0]) for field in ("image", "depth", "parsing")
        )
        texts = {name: str(domain.column(name)[at]) for name in ("attack", "instrument", "subject")}
        identity = pick.identity(domain, at)
        found.append(Sight(identity, bool(domain.live[at]), texts, image, depth, parsing))
    return found


def _told(
    material: Material,
    looked: Sequence[Looked],
    sight: Sequence[Sight],
    figures: Sequence[Figure],
    notes: Sequence[str],
    asked: Asked,
) -> dict[str, Any]:
    """explain.json."""
    samples = [
        {
            **one.identity._asdict(),
            "live": one.live,
            **one.texts,
            "runs": {of.run.name: of.of_sample(number, one) for of in looked},
        }
        for number, one in enumerate(sight)
    ]
    return {
        "schema": SCHEMA,
        "bundle": material.bundle.hash,
        "target": material.target.name,
        "seed": asked.seed,
        "figures": {one.file: hashlib.sha256(one.png).hexdigest() for one in figures},
        "gradcam": {
            "layer": asked.layer,
            "layer_is": LAYERS[asked.layer],
            "towards": asked.towards,
            "map": "ReLU, each over its own maximum, enlarged bilinearly; a map of zeros stays one",
        }
        if "gradcam" in asked.only
        else None,
        "measured": {"of_each_dataset_and_class_at_most": asked.points},
        "samples": samples,
        "runs": [{**of.run.told(), **of.told(asked)} for of in looked],
        "remarks": list(notes),
        "versions": {name: version(name) for name in PACKAGES},
    }
