"""A SLURM cluster of one node on this machine's loopback, for as long as a test needs it."""

import ctypes
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

_SNAKEMAKE = """#!{python}
import asyncio
import time
import types
from snakemake.cli import main
import snakemake_executor_plugin_slurm as plugin

async def wait(executor):
    await asyncio.sleep(0.2)

plugin.time = types.SimpleNamespace(sleep=lambda seconds: None, time=time.time)
plugin.Executor.sleep = wait
main()
"""
"""The command, without the plug-in's waiting: five seconds before each job that it sends, and ten
more from one look at the jobs to the next."""

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue")
_PLACES = f"{os.environ['PATH']}{os.pathsep}/usr/sbin{os.pathsep}/usr/local/sbin"

# Its GPU is a name and a number alone: what asks for it is sent there, and finds none.
_SETTINGS = """
ClusterName=ocim
SlurmctldHost=localhost(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={port}
SlurmdPort={other}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SchedulerParameters=sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MinJobAge=3600
KillWait=1
ReturnToService=2
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> list[str]:
    """Which of SLURM's programs are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name, path=_PLACES) is None]


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        for taken in (one, other):
            taken.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def _ends_with_its_parent() -> None:
    """Have the system end this process when pytest is killed, for nobody else would."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@contextmanager
def _daemon(folder: Path, *words: str) -> Iterator[None]:
    """A daemon that does not leave the foreground, ended in the end."""
    program = shutil.which(words[0], path=_PLACES)
    assert program is not None
    with (folder / f"{words[0]}.txt").open("wb") as told:
        started = subprocess.Popen(
            [program, *words[1:]],
            stdout=told,
            stderr=told,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "SLURM_CONF": str(folder / "slurm.conf")},
            start_new_session=True,
            preexec_fn=_ends_with_its_parent,
        )
    try:
        yield
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, str]]:
    """Start munged, slurmctld and slurmd; give the environment in which sbatch and srun find them.

    The executor plug-in takes SLURM_CONF away from srun, since a cluster has its settings in /etc;
    here a program of that name, earlier on the path, gives it back. Another one, snakemake, does
    not wait where the plug-in would. Jobs end with the daemons.
    """
    port, other = _free_ports()
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    settings = {"user": getpass.getuser(), "folder": folder, "port": port, "other": other}
    text = _SETTINGS.format(**settings, cpus=os.cpu_count(), memory=memory * 9 // 10)
    (folder / "slurm.conf").write_text(text)
    (folder / "gres.conf").write_text("NodeName=localhost Name=gpu File=/dev/null\n")
    srun = folder / "bin" / "srun"
    real = shutil.which("srun", path=_PLACES)
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{folder}/slurm.conf" exec {real} "$@"\n')
    srun.chmod(0o755)
    snakemake = folder / "bin" / "snakemake"
    snakemake.write_text(_SNAKEMAKE.format(python=sys.executable))
    snakemake.chmod(0o755)
    ends = {"socket": "sock", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munge = [f"--{key}={folder}/munge.{end}" for key, end in ends.items()]
    environment = {
        **os.environ,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    with ExitStack() as daemons:
        daemons.enter_context(
            _daemon(folder, "munged", "--foreground", "--force", f"--key-file={folder}/key", *munge)
        )
        limit = time.monotonic() + 30
        while not (folder / "munge.sock").exists() and time.monotonic() < limit:
            time.sleep(0.05)
        daemons.enter_context(_daemon(folder, "slurmctld", "-D", "-i"))
        daemons.enter_context(_daemon(folder, "slurmd", "-D", "-N", "localhost"))
        _wait_until_ready(folder, environment)
        yield environment
        with suppress(subprocess.SubprocessError):
            for how in (["--signal=KILL", "--full"], []):
                words = ["scancel", "--user", settings["user"], *how]
                subprocess.run(words, env=environment, timeout=30)


def _wait_until_ready(folder: Path, environment: dict[str, str]) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        words = ["sinfo", "--noheader", "--format=%T"]
        asked = subprocess.run(words, env=environment, capture_output=True, text=True)
        if asked.stdout.strip() == "idle":
            return
        time.sleep(0.2)
    told = "".join(path.read_text() for path in sorted(folder.glob("*.txt")))
    raise AssertionError(f"SLURM does not start here: {told[-3000:]}")
