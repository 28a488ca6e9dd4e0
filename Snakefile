# The whole flow: videos -> index -> crops -> depth, parsing -> bundle -> model -> results -> report.
# `snakemake --cores N all` runs config/default.yaml; every rule is one line that can be typed by hand.
# `snakemake --cores N tables` trains each protocol, variant and seed, and makes tables of them.
# `snakemake --profile profiles/slurm all` sends the jobs to a cluster (docs/cluster.md).
import sys
from pathlib import Path

from snakemake.utils import update_config

from pipeline import graph
from pipeline.config import read_scalars, validate, write_once
from pipeline.errors import REFUSALS, UserError
from pipeline.files import lock
from pipeline.files.tidy import tidy
from pipeline.layout import Layout
from train.settings import settings_to_dict

if not workflow.overwrite_configfiles:  # a file given by --configfile stands alone

    configfile: "config/default.yaml"


def stop(error):
    """Tell a user's mistake in one last line."""
    print(f"ocim: {error}", file=sys.stderr, flush=True)
    sys.exit(2)


# Snakemake leaves the numbers inside of --config 'crop={margin: 2}' as text.
update_config(config, read_scalars(dict(workflow.config_settings.config)))
try:
    settings = validate(dict(config), "configuration")
    graph.check_files(settings)
except UserError as error:
    stop(error)
layout = Layout(settings.out)
# A job that was sent away reads this file again. It is told what to do and compares nothing, so it
# asks nothing of the data set: n jobs would list n files each.
is_main = workflow.is_main_process
videos = {name: graph.fingerprints(settings, name) if is_main else None for name in settings.datasets}


def every(stage):
    """Every partition's file of one stage."""
    return [
        layout.partition(stage, name, number)
        for name, dataset in settings.datasets.items()
        for number in range(dataset.partitions)
    ]


def of_partition(wildcards):
    """The fingerprint of a job's partition."""
    return videos[wildcards.dataset][int(wildcards.partition)] if is_main else None


def made_by(stage):
    """What decides a stage's bytes besides its input."""
    return graph.made_by(settings, stage) if is_main else None


def job_of(stage):
    """What goes to a cluster as one job: a partition, but for a stage that wants a GPU."""
    return "on_gpu" if graph.gpu(settings, stage) else "partition"


def all_cores(wildcards):
    """For what uses all there are. A cluster's profile sets resources.cpus_per_task instead."""
    return workflow.resource_settings.cores or 1


def times_attempt(amount):
    """A resource that grows with each retry."""
    return lambda wildcards, attempt: amount * attempt


def train_settings(wildcards):
    """Asked for only where something is trained: labels alone need no protocol."""
    try:
        return graph.train_settings(settings)
    except UserError as error:
        stop(error)


def table_cells(wildcards):
    """The results of every training that the tables are made of."""
    try:
        return [layout.tables / "runs" / cell.name / "results.json" for cell in graph.table_cells(settings)]
    except UserError as error:
        stop(error)


CONFIG = layout.config
PARTITION = "--dataset {wildcards.dataset} --partition {wildcards.partition}"
LOGS = layout.out / "logs"
BENCH = layout.out / "benchmarks"


held = []  # the lock is held for as long as its file is open: longer than what is below runs


onstart:
    try:
        held.append(lock.take(layout.out))
        graph.check_inputs(settings)
        write_once(settings)
        tidy(settings)
    except UserError as error:
        stop(error)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        stop(f"{error.filename or layout.out}: {error.strerror}")


localrules: all, index, report, tables  # small ones, never worth a cluster's job


wildcard_constraints:
    dataset="|".join(settings.datasets),
    partition=r"\d+",
    cell=r"[^/]+/\w+/seed-\d+",


rule all:
    input: layout.report, layout.results, layout.bundle / "bundle.json"


rule index:
    output: update(layout.index("{dataset}"))
    params: videos=lambda w: videos[w.dataset]
    log: LOGS / "index" / "{dataset}.txt"
    shell: "ocim index --config {CONFIG:q} --dataset {wildcards.dataset} 2>&1 | tee -- {log:q}"


rule crop:
    input: layout.index("{dataset}")
    output: update(layout.out / "crops/{dataset}/{partition}.h5")
    params: made_by=made_by("crop"), videos=of_partition, sampling=lambda w: settings.datasets[w.dataset].decides()
    group: job_of("crop")
    resources: mem_mb=times_attempt(5000), runtime=times_attempt(120), disk_mb=1000, gpu=graph.gpu(settings, "crop")
    log: LOGS / "crop" / "{dataset}-{partition}.txt"
    benchmark: BENCH / "crop" / "{dataset}-{partition}.tsv"
    shell: "ocim crop --config {CONFIG:q} " + PARTITION + " 2>&1 | tee -- {log:q}"


rule depth:
    input: layout.out / "crops/{dataset}/{partition}.h5"
    output: update(layout.out / "depth/{dataset}/{partition}.h5")
    params: made_by=made_by("depth")
    group: job_of("depth")
    resources: mem_mb=times_attempt(2000), runtime=times_attempt(60), disk_mb=1000, gpu=graph.gpu(settings, "depth")
    log: LOGS / "depth" / "{dataset}-{partition}.txt"
    benchmark: BENCH / "depth" / "{dataset}-{partition}.tsv"
    shell: "ocim depth --config {CONFIG:q} " + PARTITION + " 2>&1 | tee -- {log:q}"


rule parse:
    input: layout.out / "crops/{dataset}/{partition}.h5"
    output: update(layout.out / "parsing/{dataset}/{partition}.h5")
    params: made_by=made_by("parse")
    group: job_of("parse")
    resources: mem_mb=times_attempt(2000), runtime=times_attempt(60), disk_mb=1000, gpu=graph.gpu(settings, "parse")
    log: LOGS / "parse" / "{dataset}-{partition}.txt"
    benchmark: BENCH / "parse" / "{dataset}-{partition}.tsv"
    shell: "ocim parse --config {CONFIG:q} " + PARTITION + " 2>&1 | tee -- {log:q}"


rule pack:
    input: every("crops"), every("depth"), every("parsing"), [layout.index(name) for name in settings.datasets]
    output: update(layout.bundle / "bundle.json")
    params: pack=settings.pack.model_dump()
    threads: all_cores
    resources: mem_mb=times_attempt(4000), runtime=times_attempt(240), disk_mb=1000, cpus_per_task=all_cores
    log: LOGS / "pack.txt"
    benchmark: BENCH / "pack.tsv"
    shell: "ocim pack --config {CONFIG:q} --cores {resources.cpus_per_task} 2>&1 | tee -- {log:q}"


rule train:
    input: layout.bundle / "bundle.json"
    output: update(layout.model)
    params: train=train_settings
    threads: all_cores
    resources: mem_mb=times_attempt(16000), runtime=times_attempt(1440), disk_mb=1000, gpu=graph.gpu(settings, "train")
    log: LOGS / "train.txt"
    benchmark: BENCH / "train.tsv"
    shell: "ocim train --config {CONFIG:q} 2>&1 | tee -i -- {log:q}"


rule evaluate:
    input: layout.bundle / "bundle.json", layout.model
    output: update(layout.results), update(layout.scores)
    threads: all_cores
    resources: mem_mb=times_attempt(8000), runtime=times_attempt(240), disk_mb=1000, gpu=graph.gpu(settings, "train")
    log: LOGS / "evaluate.txt"
    benchmark: BENCH / "evaluate.tsv"
    shell: "ocim evaluate --config {CONFIG:q} 2>&1 | tee -- {log:q}"


rule report:
    input: layout.bundle / "bundle.json", layout.results, layout.scores
    output: update(layout.report)
    log: LOGS / "report.txt"
    shell: "ocim report --config {CONFIG:q} 2>&1 | tee -- {log:q}"


rule cell:
    input: layout.bundle / "bundle.json"
    output: update(layout.tables / "runs/{cell}/results.json")
    params: train=settings_to_dict(settings.train)
    threads: all_cores
    resources: mem_mb=times_attempt(16000), runtime=times_attempt(1440), disk_mb=1000, gpu=graph.gpu(settings, "train")
    log: LOGS / "tables" / "{cell}.txt"
    benchmark: BENCH / "tables" / "{cell}.tsv"
    shell: "ocim tables --config {CONFIG:q} --cell {wildcards.cell:q} 2>&1 | tee -i -- {log:q}"


rule tables:
    input: layout.bundle / "bundle.json", table_cells
    output: update(layout.tables / "tables.html"), update(layout.tables / "tables.md"), update(layout.tables / "tables.tex"), update(layout.tables / "tables.json")
    log: LOGS / "tables.txt"
    shell: "ocim tables --config {CONFIG:q} --finished 2>&1 | tee -- {log:q}"
