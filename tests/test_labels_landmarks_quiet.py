"""What of standard error is kept."""

import os
import sys

import pytest

from labels.landmarks.quiet import Sieve, quiet_stderr, without


def test_notices_are_sifted_out_and_all_else_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    sieve = Sieve()
    os.write(2, b"before\n")
    for _ in range(2):
        with sieve:
            os.write(2, b"W0000 00:00:1795604869.554813 15423 a.cc:1433] Not aligned.\n")
            os.write(2, b"E0000 00:00:1795604869.554813 15423 a.cc:1433] Broken.\nI am here\n")
            os.write(2, b"INFO: Created a delegate.\n")
    sieve.close()
    os.write(2, b"after")
    broken = "E0000 00:00:1795604869.554813 15423 a.cc:1433] Broken.\nI am here\n"
    assert capfd.readouterr().err == f"before\n{broken}{broken}after"


def test_standard_error_comes_back_after_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    for silence in (Sieve(), quiet_stderr()):
        with pytest.raises(ValueError, match="within"), silence:
            raise ValueError("within")
        os.write(2, b"x")
    assert capfd.readouterr().err == "xx"


def test_a_package_can_be_kept_from_being_imported() -> None:
    with without("wave"), pytest.raises(ModuleNotFoundError):
        import wave
    import wave

    with without("wave"):
        import wave as again

        assert again is wave is sys.modules["wave"]
