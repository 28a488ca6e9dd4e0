"""What pages of HTML share: templates that escape every value, and pictures that stand in them."""

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template


def template(name: str, **options: Any) -> "Template":
    """A template of pipeline/templates/, by its file name; a name in it that has no value is an
    error when it is rendered. options: of jinja2.Environment.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        **options,
    )
    return environment.get_template(name)


def data_uri(kind: str, content: bytes) -> str:
    """A picture file as an address that holds it, so that the page needs no other file. kind: of
    the file, as png or jpeg. content: its bytes.
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
