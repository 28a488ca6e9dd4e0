"""The adapters: each module here but `base` reads the names of one dataset's videos."""

import pkgutil

from pipeline.errors import UserError


def adapters() -> list[str]:
    """The names of the adapters there are, sorted."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - {"base"})


def require_adapter(dataset: str, name: str) -> None:
    """Raise UserError, with the key to set for `dataset`, unless there is an adapter `name`."""
    if name not in adapters():
        raise UserError(
            f"datasets.{dataset}: no adapter '{name}'; there are {', '.join(adapters())}. For data"
            f" of your own set datasets.{dataset}.adapter to table"
        )
