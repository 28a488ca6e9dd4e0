"""Random numbers for one purpose: a function of the seed and of names, never of earlier draws.

So a run that goes on at step t draws what it would have drawn.
"""

import hashlib

import numpy as np


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A generator whose stream depends on the seed and the purpose alone."""
    return np.random.default_rng([seed, _number(purpose)])


def seed_of(*purpose: str | int) -> int:
    """A seed for torch, from 0 to 2^63 - 1, that depends on the purpose alone."""
    return _number(purpose) >> 1


def _number(purpose: tuple[str | int, ...]) -> int:
    """The first 64 bits of the purpose's SHA-256."""
    return int.from_bytes(hashlib.sha256(repr(purpose).encode()).digest()[:8], "little")
