"""explain.html: the figures of a call with everything that was done, one page that asks for
nothing else."""

from collections.abc import Iterable
from typing import Any

from pipeline.bundle import Bundle
from pipeline.explain.figures import Figure
from pipeline.explain.looked import written
from pipeline.look.pages import data_uri, template


def page(told: dict[str, Any], figures: Iterable[Figure], bundle: Bundle) -> str:
    """The page. told: what stands in explain.json."""
    return template("explain.html").render(
        told=told,
        figures=[(one, data_uri("png", one.png)) for one in figures],
        notice=str(bundle.manifest.get("notice", "")),
        number=written,
    )
