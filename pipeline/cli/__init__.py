"""The command line: `ocim VERB`. Heavy imports stand inside the verbs, so that help is instant."""

import os
import sys

import click

from pipeline.cli.browse import browse
from pipeline.cli.bundle import bundle
from pipeline.cli.data import check, index, replica, truth
from pipeline.cli.explain import explain
from pipeline.cli.learn import evaluate, metrics, train
from pipeline.cli.look import label, report
from pipeline.cli.options import InOrder
from pipeline.cli.plan import plan
from pipeline.cli.run import run
from pipeline.cli.stages import crop, depth, pack, parse, rebuild
from pipeline.cli.tables import tables
from pipeline.cli.use import export_onnx, predict
from pipeline.cli.weights import weights
from pipeline.errors import REFUSALS, UserError
from pipeline.files.store import stop_cleanly
from train.options import import_rfmetafas
from train.running.stopping import Stopped

# In the order of the data's path.
_VERBS = (
    replica, check, plan, index, crop, depth, parse, pack, run, rebuild, bundle, browse,
    train, evaluate, metrics, report, tables, explain, predict, export_onnx, import_rfmetafas,
    truth, label, weights,
)  # fmt: skip


@click.group(
    cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="ocim", prog_name="ocim", message="%(prog)s %(version)s")
def cli() -> None:
    """Pseudo-depth and face-parsing labels for face anti-spoofing, from raw videos to a trained
    model.

    The stages, in order: index, crop, depth, parse, pack, train, evaluate, report. `snakemake
    --cores N all` runs them all; each runs alone as well. Exit code 2 is a mistake in the input,
    told in one line.
    """


for verb in _VERBS:
    cli.add_command(verb)


def main() -> None:
    """Entry point of `ocim`: a user's mistake is one line on stderr and exit code 2."""
    stop_cleanly()
    try:
        sys.exit(cli.main(standalone_mode=False, prog_name="ocim"))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        message, code = error.format_message(), 2
    except UserError as error:
        message, code = str(error), 2
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        message, code = f"{error.filename or 'output'}: {os.strerror(error.errno)}", 2
    except Stopped as stopped:
        message, code = f"{stopped}; the same command goes on from there", 128 + stopped.number
    except Exception as error:
        from pipeline.bundle import BundleError  # here, for it brings h5py, and help is instant

        if not isinstance(error, BundleError):
            raise
        message, code = str(error), 2
    click.echo(f"ocim: {' '.join(message.split())}", err=True)
    sys.exit(code)
