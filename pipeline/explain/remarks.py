"""What whoever reads the figures should know of how they came about, one sentence each."""

from collections.abc import Iterator, Sequence

from pipeline.bundle import Bundle
from pipeline.explain.findings import Options, RunFindings, StoredSample
from pipeline.explain.samples import SHOWN, halves
from train.running.origin import section

COARSE = 4  # places a side; below that a map says little of where


def all_remarks(
    bundle: Bundle,
    target: str,
    findings: Sequence[RunFindings],
    samples: Sequence[StoredSample],
    options: Options,
) -> list[str]:
    """All remarks, in the order of the page. bundle: that the samples are of. target: its dataset
    that the runs leave out. findings: of each run. samples: those shown.
    """
    return [
        *_samples(target, samples, options),
        *_bundles(bundle, target, findings),
        *_sources(bundle, findings, options),
        *_maps(findings, options),
        *_perplexity(findings, options),
        *_missing(findings, options),
    ]


def _samples(target: str, samples: Sequence[StoredSample], options: Options) -> Iterator[str]:
    if options.samples is None and options.named:
        return
    wanted = halves(SHOWN if options.samples is None else options.samples)
    for live, word, most in zip((True, False), ("live", "spoof"), wanted, strict=True):
        have = sum(sample.live == live for sample in samples)
        if have < most:
            yield f"{target} has {have} {word} samples to show, fewer than the {most} asked for"


def _bundles(bundle: Bundle, target: str, findings: Sequence[RunFindings]) -> Iterator[str]:
    for found in findings:
        run = found.run
        if run.model.bundle != bundle.hash:
            yield f"{run.name} was trained on another bundle than this ({run.model.bundle[:12]})"
        own, here = run.model.crop, section(bundle, target, "crop")
        if own and here and own != here:
            differing = sorted(key for key in {*own, *here} if own.get(key) != here.get(key))
            said = ", ".join(f"{key} {own.get(key)}, here {here.get(key)}" for key in differing)
            yield f"{run.name} was trained on faces that were cut otherwise: {said}"
    if bundle.spoof_depth != "zero":
        yield "spoofs keep the depth that was made of them in this bundle: their label is not 0"


def _sources(bundle: Bundle, findings: Sequence[RunFindings], options: Options) -> Iterator[str]:
    if "tsne" not in options.only:
        return
    for found in findings:
        gone = [name for name in found.run.model.settings.sources if name not in bundle.datasets]
        if gone:
            names = ", ".join(gone)
            yield f"{found.run.name}: this bundle has no {names}, of which no point is shown"
    if len({frozenset(found.run.model.settings.sources) for found in findings}) > 1:
        yield "the runs have different sources, so their points are not all of the same samples"


def _maps(findings: Sequence[RunFindings], options: Options) -> Iterator[str]:
    if "gradcam" not in options.only:
        return
    finer = "; --layer stage3 is finer" if options.layer == "meta" else ""
    sizes = {(found.shown.size, found.run.model.settings.input_size) for found in findings}
    for size, side in sorted(sizes):
        if 0 < size < COARSE:
            those = [
                found.run.name
                for found in findings
                if (found.shown.size, found.run.model.settings.input_size) == (size, side)
            ]
            yield (
                f"Grad-CAM has {size} x {size} places at an input of {side} pixels, too few to say"
                f" where{finer}: {', '.join(those)}"
            )
    for found in findings:
        heat = found.shown.heat
        empty = 0 if heat is None else sum(not of_one.any() for of_one in heat)
        if empty:
            yield (
                f"{found.run.name}: {empty} of {len(found.shown.score)} Grad-CAMs are 0 everywhere:"
                " nothing in that layer speaks for that class"
            )


def _perplexity(findings: Sequence[RunFindings], options: Options) -> Iterator[str]:
    known = [found for found in findings if found.points is not None and found.perplexity]
    for perplexity in sorted({found.perplexity for found in known}):
        if perplexity < options.perplexity:
            those = [found.run.name for found in known if found.perplexity == perplexity]
            yield (
                f"perplexity {perplexity:g} instead of {options.perplexity:g}, for there are few"
                f" samples: {', '.join(those)}"
            )
    for found in known:
        if found.places is None:
            yield f"{found.run.name}: all its embeddings are equal, so there is nothing to lay out"


def _missing(findings: Sequence[RunFindings], options: Options) -> Iterator[str]:
    for name, what in (("parsing", "parser"), ("depth", "depth estimator")):
        if name not in options.only:
            continue
        without = [found.run.name for found in findings if getattr(found.shown, name) is None]
        if without:
            yield f"without a {what}, so without a row in {name}.png: {', '.join(without)}"
        if len(without) == len(findings):
            yield f"{name}.png is not made: no run has a {what}"
