"""Random numbers of a purpose: a function of the seed and of names, never of what was drawn before.

So a run that goes on at step t draws what it would have drawn.
"""

import hashlib

import numpy as np


def number_of(*purpose: str | int) -> int:
    """A whole number below 2^63 that depends on the purpose alone."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """Give the generator of one purpose: its stream depends on the seed and the names alone."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:8], "little")])
