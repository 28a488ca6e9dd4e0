"""Which landmark of the face mesh lies at the same place of the face's other half."""

CENTRE = (
    0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 94, 151, 152, 164, 168, 175,
    195, 197, 199, 200,
)  # fmt: skip
"""Landmarks of the line between the halves: each is its own mirror."""


def _mirror() -> tuple[int, ...]:
    numbers = list(range(468))
    right = [number for number in range(248) if number not in CENTRE]
    for left, number in enumerate(right, start=248):  # the left half in the order of the right
        numbers[number], numbers[left] = left, number
    return tuple(numbers)


MIRROR = _mirror()
"""Of each of the 468 landmarks; labels/flip.py finds the same in the canonical face."""
