"""The orders in which weight files number their 19 classes, and their way to the thirteen.

An order belongs to a weight file: its numbers mean nothing without it. All known files tell the
classes of CelebAMask-HQ apart, but number them in two ways.
"""

import numpy as np

from labels import classes
from pipeline.errors import UserError

_NAMES = {
    "zllrunning": "background skin l_brow r_brow l_eye r_eye eye_g l_ear r_ear ear_r nose mouth "
    "u_lip l_lip neck neck_l cloth hair hat",
    "celebamask": "background skin nose eye_g l_eye r_eye l_brow r_brow l_ear r_ear mouth "
    "u_lip l_lip hair hat ear_r neck_l neck cloth",
}

ORDERS = {order: tuple(names.split()) for order, names in _NAMES.items()}
"""The names of the classes by their numbers, as CelebAMask-HQ writes them: l_lip is the lower lip,
eye_g eyeglasses, ear_r an earring, neck_l a necklace. `zllrunning`: face-parsing.PyTorch, its
checkpoint 79999_iter.pth, and yakhyo/face-parsing. `celebamask`: CelebAMask-HQ's own face_parsing.
"""

OF_WEIGHTS = {"bisenet": "zllrunning", "bisenet-resnet18": "zllrunning"}
"""The orders of the weights that labels.weights names."""

# Earring, neck, necklace, cloth, hair and hat are background among the thirteen.
_KEPT = {
    "skin": classes.SKIN,
    "l_brow": classes.LEFT_BROW,
    "r_brow": classes.RIGHT_BROW,
    "l_eye": classes.LEFT_EYE,
    "r_eye": classes.RIGHT_EYE,
    "eye_g": classes.EYEGLASSES,
    "l_ear": classes.LEFT_EAR,
    "r_ear": classes.RIGHT_EAR,
    "nose": classes.NOSE,
    "mouth": classes.MOUTH,
    "u_lip": classes.UPPER_LIP,
    "l_lip": classes.LOWER_LIP,
}


def table(order: str) -> np.ndarray:
    """(19,) uint8: the class of labels.classes for each number of an order.

    UserError where there is no such order.
    """
    if order not in ORDERS:
        raise UserError(f"parse.order: '{order}' is none of {', '.join(ORDERS)}")
    return np.array([_KEPT.get(name, classes.BACKGROUND) for name in ORDERS[order]], np.uint8)


def order_of(weights: str, order: str | None) -> str:
    """The order of a weight file, by its name or path, and what the configuration says of it.

    UserError where it is not known, or is said to be another than the known one.
    """
    known = OF_WEIGHTS.get(weights)
    if order is None and known is None:
        raise UserError(
            f"parse.order: {weights} does not say how it numbers its classes; "
            f"give one of {', '.join(ORDERS)}"
        )
    if order is not None:
        table(order)
    if order and known and order != known:
        raise UserError(f"parse.order: the classes of {weights} are in the order {known}")
    return order or known or ""
