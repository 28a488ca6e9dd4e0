"""The figures of runs, from their models and a bundle to the files of OUT."""

import hashlib
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from pipeline.explain import remarks, samples, tsne
from pipeline.explain.figures import Figure, drawn
from pipeline.explain.findings import FigureName, Options, RunFindings, StoredSample, written
from pipeline.explain.internals import LAYERS
from pipeline.explain.outputs import measure, show
from pipeline.explain.runs import Run, open_runs
from pipeline.explain.samples import Sample
from pipeline.files.store import write_bytes, write_json, write_text
from pipeline.look.pages import data_uri, template
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
    paths: Sequence[Path], folder: Path, out: Path, options: Options, say: Callable[[str], None]
) -> dict[str, Any]:
    """Write the figures, explain.json and explain.html of runs to `out`; return the JSON.

    paths: of runs or models. folder: of the bundle. say: takes a line of what was done. Raises
    UserError for an unknown figure, what is no model or bundle, runs that leave out different
    datasets, a sample that is not there, networks that give no finite numbers, and too few samples
    for t-SNE.
    """
    _check(options)
    runs = open_runs(paths, options.names)
    with as_user_errors():
        material = _material(runs, folder, options)
        findings = []
        for run in runs:
            findings.append(_look(run, material, options))
            count = len(points.live) if (points := findings[-1].points) else 0
            say(f"{run.name}: {len(material.shown)} samples shown, {count} measured")
        stored = _stored(material)
        target = material.target.name
        notes = remarks.all_remarks(material.bundle, target, findings, stored, options)
        figures = list(drawn(findings, stored, options))
    content = _content(material, findings, stored, figures, notes, options)
    page = template("explain.html").render(
        content=content,
        figures=[(figure, data_uri("png", figure.png)) for figure in figures],
        notice=str(material.bundle.manifest.get("notice", "")),
        number=written,
    )
    for note in notes:
        say(f"note: {note}")
    for figure in figures:
        write_bytes(out / figure.file, figure.png)
        say(f"{out / figure.file}: {figure.title}")
    write_json(out / "explain.json", content)
    say(f"{out / 'explain.json'}: the numbers")
    write_text(out / "explain.html", page)
    say(f"{out / 'explain.html'}: open it in a browser")
    return content


def _check(options: Options) -> None:
    names = get_args(FigureName)
    for name in options.only:
        if name not in names:
            raise UserError(f"--only: no figure '{name}'; there are {', '.join(names)}")


def _material(runs: Sequence[Run], folder: Path, options: Options) -> Material:
    bundle = open_bundle(folder)
    target = runs[0].model.settings.target
    require([target], bundle.datasets, str(folder))
    names = {target}
    if "tsne" in options.only:  # nothing else looks at sources
        names |= {name for run in runs for name in run.model.settings.sources}
    domains = {name: Domain(bundle, name) for name in sorted(names & {*bundle.datasets})}
    shown = samples.shown(bundle, domains[target], options.named, options.samples, options.seed)
    return Material(bundle, domains[target], domains, shown)


def _look(run: Run, material: Material, options: Options) -> RunFindings:
    """All that is asked of one run; its networks are gone afterwards."""
    settings = run.model.settings
    wanted = set(options.only)
    with reproducible(for_scoring(settings)) as device:
        networks = run.build().to(device).requires_grad_(False)  # but of the layer looked at
        shown = show(
            networks,
            run,
            material.shown,
            device,
            options.layer,
            options.towards,
            "gradcam" in wanted,
        )
        if not wanted - {"gradcam"}:
            return RunFindings(run, shown)
        names = [settings.target]
        if "tsne" in wanted:
            names = [name for name in (*settings.sources, *names) if name in material.domains]
        those = [material.domains[name] for name in names]
        drawn_samples = samples.measured(those, options.points, options.seed)
        points, tally = measure(networks, run, drawn_samples, device)
    found = RunFindings(run, shown, points, tally)
    if "tsne" in wanted:
        perplexity = tsne.perplexity_of(len(points.live), options.perplexity)
        places = tsne.project(points.embedding, perplexity, options.seed)
        found = found._replace(places=places, perplexity=perplexity, apart=tsne.numbers(points))
    return found


def _stored(material: Material) -> list[StoredSample]:
    """The samples that are shown, as they are stored."""
    found = []
    for domain, at in material.shown:
        image, depth, parsing = (
            np.asarray(domain.read([at], field)[0]) for field in ("image", "depth", "parsing")
        )
        texts = {name: str(domain.column(name)[at]) for name in ("attack", "instrument", "subject")}
        identity = samples.identity(domain, at)
        found.append(StoredSample(identity, bool(domain.live[at]), texts, image, depth, parsing))
    return found


def _content(
    material: Material,
    findings: Sequence[RunFindings],
    stored: Sequence[StoredSample],
    figures: Sequence[Figure],
    notes: Sequence[str],
    options: Options,
) -> dict[str, Any]:
    """explain.json."""
    shown = [
        {
            **sample.identity._asdict(),
            "live": sample.live,
            **sample.texts,
            "runs": {found.run.name: found.of_sample(number, sample) for found in findings},
        }
        for number, sample in enumerate(stored)
    ]
    return {
        "schema": SCHEMA,
        "bundle": material.bundle.hash,
        "target": material.target.name,
        "seed": options.seed,
        "figures": {figure.file: hashlib.sha256(figure.png).hexdigest() for figure in figures},
        "gradcam": {
            "layer": options.layer,
            "layer_is": LAYERS[options.layer],
            "towards": options.towards,
            "map": "ReLU, each over its own maximum, enlarged bilinearly; a map of zeros stays one",
        }
        if "gradcam" in options.only
        else None,
        "measured": {"of_each_dataset_and_class_at_most": options.points},
        "samples": shown,
        "runs": [{**found.run.to_json(), **found.to_json(options)} for found in findings],
        "remarks": list(notes),
        "versions": {name: version(name) for name in PACKAGES},
    }
