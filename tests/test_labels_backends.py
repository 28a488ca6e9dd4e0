"""What is known of a back end without importing it is true of its module."""

from importlib import import_module
from inspect import signature

import pytest

from labels.backends import DEPTH, LANDMARKS, PARSING, Backend

BACKENDS = [*DEPTH.values(), *PARSING.values(), *LANDMARKS.values()]


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.module)
def test_a_back_ends_load_takes_the_options_of_its_entry_and_needs_no_other(
    backend: Backend,
) -> None:
    signature(import_module(backend.module).load).bind(**dict.fromkeys(backend.options))
