"""What a signal to stop does to a training, tried in programs of their own."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

from train.running.stopping import on_request

ROOT = Path(__file__).resolve().parents[1]
START = """
import os, signal
from train.running.stopping import on_request
seen = []
def send(number):
    os.kill(os.getpid(), number)
"""


def run(program: str) -> str:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, "-c", START + program], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_signal_is_noted_and_the_same_once_more_does_what_it_did_before():
    program = """
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda number, frame: seen.append(number))
with on_request() as request:
    numbers = [request.number]
    send(signal.SIGINT)
    send(signal.SIGTERM)  # as a parent sends after the terminal's
    numbers += [request.number, len(seen)]
    send(signal.SIGTERM)
    numbers += seen
send(signal.SIGINT)
print(*numbers, *seen)
"""
    term, interrupt = int(signal.SIGTERM), int(signal.SIGINT)
    assert run(program) == f"0 {interrupt} 0 {term} {term} {interrupt}"


def test_a_signal_that_is_ignored_stays_so():
    program = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
with on_request() as request:
    send(signal.SIGHUP)
    print(request.number, signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
"""
    assert run(program) == "0 True"


def test_outside_the_main_thread_signals_are_left_alone():
    found = []

    def work() -> None:
        with on_request() as request:
            found.append((request.number, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(0, before)]
