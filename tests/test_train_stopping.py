import os
import signal
import threading
import time

from train.stopping import on_request


def test_a_signal_is_noted_and_the_same_once_more_does_what_it_did_before():
    seen: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, lambda number, frame: seen.append(number)) for n in numbers}
    try:
        with on_request() as request:
            assert request.number == 0
            os.kill(os.getpid(), signal.SIGINT)
            assert request.number == signal.SIGINT
            assert seen == []
            os.kill(os.getpid(), signal.SIGTERM)  # as a parent sends after the terminal's
            assert seen == []
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            assert seen == [signal.SIGTERM]
        os.kill(os.getpid(), signal.SIGINT)
        assert seen == [signal.SIGTERM, signal.SIGINT]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_request() as request:
            os.kill(os.getpid(), signal.SIGHUP)
            assert request.number == 0
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


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
