"""snakemake with this folder's profile, for pods that share one volume.

Snakemake's executor for Kubernetes takes it that pods share no files, and then wants every input
and output copied to a store and back. Here all of them lie on one claim that each pod has mounted,
and no setting says so: therefore it is said here, before Snakemake begins.

    python profiles/kubernetes/run.py [--configfile mine.yaml --] all
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run snakemake with the words of the command line behind the profile."""
    import snakemake_executor_plugin_kubernetes as plugin
    from snakemake.cli import main as snakemake

    plugin.common_settings.implies_no_shared_fs = False
    plugin.common_settings.job_deploy_sources = False
    snakemake(["--profile", str(HERE), *sys.argv[1:]])


if __name__ == "__main__":
    main()
