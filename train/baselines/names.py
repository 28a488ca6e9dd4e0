"""From the names of tensors in released snapshots to ours."""

from collections.abc import Collection, Mapping

from torch import Tensor


def renamed(
    state: Mapping[str, Tensor],
    names: Mapping[str, str],
    whose: str,
    unused: Collection[str] = (),
) -> dict[str, Tensor]:
    """A state dict with the beginnings of names replaced; `module.` before a name goes.

    names: theirs and ours. unused: whole names of theirs that have no counterpart. Raises KeyError
    for a name that is none of these.
    """
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        plain = name.removeprefix("module.")
        if plain in unused:
            continue
        for theirs, ours in names.items():
            if plain.startswith(theirs):
                result[ours + plain.removeprefix(theirs)] = value
                break
        else:
            raise KeyError(f"'{name}' is no name of {whose}'s networks")
    return result
