"""Whether a weight file numbers its classes as is said; brows below the nose say no."""

from dataclasses import dataclass

import numpy as np

from labels import classes
from labels.canonical import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from labels.parsing.orders import ORDERS, table
from labels.parsing.polygons import BRIDGE, LEFT_BROW, RIGHT_BROW
from pipeline.errors import UserError

# Landmarks that lie well inside each part: pairs, whose middles are looked at.
_PROBES = {
    "nose": [(1, 1), (4, 4), (5, 5), (195, 195), (197, 197)],
    "cheeks": [(50, 50), (280, 280), (205, 205), (425, 425), (117, 117), (346, 346)],
    "right brow": list(zip(*RIGHT_BROW, strict=True)),
    "left brow": list(zip(*LEFT_BROW, strict=True)),
    "right eye": [(159, 145), (158, 153), (160, 144)],
    "left eye": [(386, 374), (385, 380), (387, 373)],
    "lips": [(0, 13), (37, 82), (267, 312), (17, 14), (84, 87), (314, 317)],
}
_BROWS, _EYES = (classes.LEFT_BROW, classes.RIGHT_BROW), (classes.LEFT_EYE, classes.RIGHT_EYE)
_OWN = {
    "nose": (classes.NOSE,),
    "cheeks": (classes.SKIN,),
    "right brow": _BROWS,
    "left brow": _BROWS,
    "right eye": _EYES,
    "left eye": _EYES,
    "lips": (classes.MOUTH, classes.UPPER_LIP, classes.LOWER_LIP),
}
# What may lie on any part of a face: it says nothing about the order.
_ANYWHERE = (classes.BACKGROUND, classes.SKIN, classes.EYEGLASSES)

FACES = 4
"""So many faces must speak against an order that no other known order would put right,"""
SHARE = 0.75
"""and this share of all that can be judged."""


@dataclass
class OrderCheck:
    """Notices that an order is wrong, by what the network says at the landmarks of faces.

    Most things that go wrong with one face say nothing of the order, so a face counts only when its
    map draws one: one number on the nose, another on both cheeks, and neither on eyes and lips. It
    contradicts the order where a part would be called what cannot be there. One face is enough when
    another known order calls its parts by their names, which no other mishap brings about.
    Else it takes FACES with two such parts or more, and SHARE of those judged so far. No label
    depends on what is counted here.
    """

    order: str
    judged: int = 0
    against: int = 0

    def see(self, numbers: np.ndarray, points: np.ndarray) -> None:
        """Look at one more face. UserError, naming the setting, once the order is surely wrong.

        numbers: (H, W) uint8, the network's own. points: (478, 2), its landmarks in that map.
        """
        seen = _seen(numbers, points)
        if not _draws_a_face(seen):
            return
        self.judged += 1
        called = table(self.order)
        wrong = [part for part in seen if _contradicts(part, called[seen[part]])]
        if not wrong:
            return
        self.against += len(wrong) > 1
        named = f"parse.order: {self.order} does not fit this weight file (the {wrong[0]} would be "
        named += f"called {classes.NAMES[_most(called[seen[wrong[0]]])]})"
        for other in ORDERS:
            if other != self.order and _fits(seen, table(other)):
                raise UserError(f"{named}; its classes are in the order {other}")
        if len(wrong) > 1 and self.against >= max(FACES, SHARE * self.judged):
            raise UserError(
                f"{named}, seen on {self.against} of {self.judged} faces; none of "
                f"{', '.join(ORDERS)} fits: its own belongs into labels/parsing/orders.py"
            )


def _seen(numbers: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """The network's numbers at each part's probes; parts without any in the map are left out.

    Brow and eye of the half that is turned away are left out as well: the nose may hide them.
    """
    height, width = numbers.shape
    seen = {}
    for part, pairs in _PROBES.items():
        if part.split()[0] == _turned_away(points):
            continue
        x, y = np.floor(points[np.array(pairs)].mean(1)).T
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        if inside.any():
            seen[part] = numbers[y[inside].astype(int), x[inside].astype(int)]
    return seen


def _turned_away(points: np.ndarray) -> str:
    """The half of the face, `right` or `left`, that is much shorter in the picture, or ""."""
    right, bridge, left = points[[RIGHT_EYE_OUTER, BRIDGE[0], LEFT_EYE_OUTER]]
    along = left - right
    whole = along @ along
    share = float((bridge - right) @ along / whole) if whole > 0 else 0.5
    return "right" if share < 1 / 3 else "left" if share > 2 / 3 else ""


def _most(values: np.ndarray) -> int:
    return int(np.bincount(values).argmax())


def _draws_a_face(seen: dict[str, np.ndarray]) -> bool:
    if not {"nose", "cheeks", "lips"} <= seen.keys():
        return False
    nose, cheeks = _most(seen["nose"]), _most(seen["cheeks"])
    if (seen["nose"] == nose).mean() < 0.8 or (seen["cheeks"] == cheeks).mean() < 0.8:
        return False
    parts = [seen[part] for part in seen if part not in ("nose", "cheeks")]
    return nose != cheeks and not any(np.isin(part, (nose, cheeks)).mean() > 0.5 for part in parts)


def _contradicts(part: str, called: np.ndarray) -> bool:
    """Whether most of a part's probes are called what cannot be there."""
    # Of nose and cheeks it is known that they are seen: a map that draws a face shows them.
    possible = _OWN[part] if part in ("nose", "cheeks") else _OWN[part] + _ANYWHERE
    return bool(np.isin(called, possible).mean() < 0.5)


def _fits(seen: dict[str, np.ndarray], called: np.ndarray) -> bool:
    """Whether a table calls nose, cheeks, lips and two more by their names, and nothing else."""
    own = {part for part in seen if np.isin(called[seen[part]], _OWN[part]).mean() > 0.5}
    wrong = any(_contradicts(part, called[seen[part]]) for part in seen)
    return own >= {"nose", "cheeks", "lips"} and len(own) >= 5 and not wrong
