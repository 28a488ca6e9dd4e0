"""The threshold that a model carries: found on people of the sources that it never saw.

Those are the dev splits of the sources, and the subjects held out under selection: sources. They
are scored by the state that is kept, as evaluation does it, after the training.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.bundle import Bundle
from pipeline.errors import UserError
from train.batches.domain import Domain
from train.evaluation import thresholds
from train.evaluation.score import as_scores, failures, in_order, score_samples
from train.evaluation.scores import Score
from train.evaluation.thresholds import Rule, fixed_threshold, no_sources
from train.running.checkpoint import Model
from train.running.device import reproducible
from train.running.opened import as_user_errors
from train.running.selection import Selection, held_out_parts

FILE = "held_out_scores.csv"
"""The scores that the threshold was found on, beside the model."""


class HeldOut:
    """Who of the sources is not trained on; what a model makes of them.

    domains: the sources. Raises BundleError where a dev split cannot be read.
    """

    def __init__(self, bundle: Bundle, domains: Sequence[Domain], selection: Selection) -> None:
        self.bundle, self.subjects = bundle, selection.held_out
        self.chosen = selection.settings.selection == "sources"
        self.parts = held_out_parts(bundle, domains, selection.held_out)

    def score(self, model: Model, local_rank: int = 0) -> list[Score]:
        """Rows of all held-out samples, and of those that failed, in the order of a scores file;
        none where nobody is held out. In float32, as evaluation does.

        local_rank: which GPU. Raises UserError where the bundle can no longer be read.
        """
        rows: list[Score] = []
        settings = dataclasses.replace(model.settings, tf32=False)
        if not self.parts:
            return rows
        with as_user_errors(), reproducible(settings, local_rank) as device:
            networks = model.build().to(device)
            for domain, samples in self.parts:
                scores = score_samples(networks, domain, settings, samples)
                rows += as_scores(domain, samples, scores)
                some = None if domain.splits == ("dev",) else self.subjects[domain.name]
                rows += failures(self.bundle, domain.name, domain.splits, some)
        return in_order(rows)

    def threshold(self, rows: list[Score]) -> dict[str, Any]:
        """The threshold that the model carries, as checkpoint.Model has it; found on `rows`."""
        if not self.parts:
            return fixed_threshold(
                "no source has a dev split, and no subject was held out (selection: sources)"
            )
        whose = []
        for domain, _ in self.parts:
            count = len({row.subject for row in rows if row.dataset == domain.name})
            how = "its dev split" if domain.splits == ("dev",) else "kept from training"
            whose.append(f"{count} of {domain.name} ({how})")
        chosen = "; the state was chosen on them too" if self.chosen else ""
        origin = f"held-out subjects of the sources: {', '.join(whose)}{chosen}"
        try:
            rule = thresholds.eer_rule(rows, origin)
        except UserError as error:
            return fixed_threshold(f"{origin}: {error}")
        return {
            "frame": rule.frame,
            "video": rule.video,
            "rule": "sources_eer",
            "how": rule.how,
            "from": rule.origin,
        }


def carried(threshold: Mapping[str, Any] | None) -> Rule:
    """The rule sources_eer that a model brings along. threshold: what checkpoint.Model has."""
    if threshold is None:
        return no_sources("a checkpoint carries no threshold; the finished model does")
    if threshold["rule"] != "sources_eer":
        return no_sources(f"the model carries none: {threshold['from']}")
    return Rule(threshold["frame"], threshold["video"], threshold["how"], threshold["from"])
