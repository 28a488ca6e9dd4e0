"""explain.html: the figures of a call with everything that was done, one page that asks for
nothing else."""

import base64
from collections.abc import Iterable
from typing import Any

from pipeline.bundle import Bundle
from pipeline.explain.figures import Figure
from pipeline.explain.looked import written


def page(told: dict[str, Any], figures: Iterable[Figure], bundle: Bundle) -> str:
    """The page. told: what stands in explain.json."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("explain.html").render(
        told=told,
        figures=[(one, uri(one.png)) for one in figures],
        notice=str(bundle.manifest.get("notice", "")),
        number=written,
    )


def uri(png: bytes) -> str:
    """A PNG as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
