"""The embedding of a run as points of a plane (t-SNE), and numbers of what that plane shows."""

from typing import Any, Literal, NamedTuple

import numpy as np

from pipeline.errors import UserError

NEIGHBOURS = 5
LEAST = 5  # samples, for a perplexity of at least 1


class Points(NamedTuple):
    """Measured samples of one run.

    embedding: n x C float64, as the method compares it (`compared`). live, source: n bool.
    subject: n str, unique over datasets. score: n float64.
    """

    embedding: np.ndarray
    live: np.ndarray
    source: np.ndarray
    subject: np.ndarray
    score: np.ndarray


def compared(embedding: np.ndarray, distance: Literal["cosine", "euclidean"]) -> np.ndarray:
    """Embeddings n x C as float64; `cosine`: over their L2 norms, so that Euclid's distance is what
    the loss sees. One of zeros stays that.
    """
    embedding = embedding.astype(np.float64)
    if distance == "euclidean":
        return embedding
    norm = np.linalg.norm(embedding, axis=1, keepdims=True)
    return np.divide(embedding, norm, out=np.zeros_like(embedding), where=norm > 0)


def perplexity_of(samples: int, wanted: float) -> float:
    """The perplexity for so many samples: the wanted one, but at most a third of the others.

    Raises UserError below 5 samples, for there is nothing to lay out.
    """
    if samples < LEAST:
        raise UserError(f"t-SNE needs at least {LEAST} samples, and there are {samples}")
    return min(wanted, float((samples - 1) // 3))


def project(embedding: np.ndarray, perplexity: float, seed: int) -> np.ndarray | None:
    """t-SNE of n x C embeddings: n x 2 float64. None where all of them are one point.

    From the first two principal components; where all lie on a line the second is drawn from the
    seed, for on a line points cannot pass each other. One thread: sums are taken in one order.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if np.ptp(embedding, axis=0).max() == 0:
        return None
    with threadpool_limits(1):
        kept = min(2, *embedding.shape)
        start = PCA(kept, svd_solver="full").fit_transform(embedding)
        start = np.pad(start, ((0, 0), (0, 2 - kept)))
        start = start / start[:, 0].std()
        if start[:, 1].std() < 1e-6:
            start[:, 1] = np.random.default_rng(seed).normal(size=len(start))
        start *= 1e-4  # as scikit-learn scales its own: small, so that no early place is final
        tsne = TSNE(perplexity=perplexity, init=start.astype(np.float32), random_state=seed)
        return np.asarray(tsne.fit_transform(embedding), np.float64)


def numbers(points: Points) -> dict[str, Any]:
    """How far live and spoof lie apart in the embedding itself, not in its picture.

    silhouette: of live against spoof, -1 to 1, among source samples and among target samples.
    neighbours: share of samples whose 5 nearest source samples are mostly of their class, the mean
    of live's share and spoof's; a source sample's own subject does not count as near it. None
    where a class is missing or too few samples are left.
    """
    return {
        "silhouette": {
            "source": silhouette(points.embedding[points.source], points.live[points.source]),
            "target": silhouette(points.embedding[~points.source], points.live[~points.source]),
        },
        "neighbours": {
            "source": neighbours(points, points.source),
            "target": neighbours(points, ~points.source),
        },
    }


def silhouette(embedding: np.ndarray, live: np.ndarray) -> float | None:
    """Mean silhouette, -1 to 1, of two classes (n x C, n bool); None where one has no sample, or n
    < 3.
    """
    from sklearn.metrics import silhouette_score

    if len(live) < 3 or len(np.unique(live)) < 2:
        return None
    return float(silhouette_score(embedding, live))


def neighbours(points: Points, of: np.ndarray) -> float | None:
    """Balanced share, 0 to 1, of the samples `of` (n bool) whose NEIGHBOURS nearest source samples
    of other subjects are mostly of their class; None where a class is missing or too few are left.

    Of equally near ones the first in the order of the samples count.
    """
    pool = np.flatnonzero(points.source)
    right: dict[bool, list[bool]] = {True: [], False: []}
    for i in np.flatnonzero(of):
        others = pool[points.subject[pool] != points.subject[i]]
        if len(others) < NEIGHBOURS:
            return None
        away = np.square(points.embedding[others] - points.embedding[i]).sum(1)
        nearest = others[np.argsort(away, kind="stable")[:NEIGHBOURS]]
        says_live = 2 * int(points.live[nearest].sum()) > NEIGHBOURS
        right[bool(points.live[i])].append(says_live == bool(points.live[i]))
    if not (right[True] and right[False]):
        return None
    return float(np.mean([np.mean(right[True]), np.mean(right[False])]))
