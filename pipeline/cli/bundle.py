"""The verbs about a finished bundle: `ocim bundle VERB`."""

import click


class _InOrder(click.Group):
    """A group that lists its verbs in the order of this file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder)
def bundle() -> None:
    """Look into a bundle, check it, compare it with another, hand it to other code."""
