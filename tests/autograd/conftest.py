"""Every test that takes `torch` runs with symgrad under that name, and with torch where it is."""

from __future__ import annotations

import importlib
import importlib.util
import warnings
from types import ModuleType

import numpy as np
import pytest

_MODULES = [
    "symgrad",
    pytest.param(
        "torch",
        marks=[
            pytest.mark.peers,
            pytest.mark.skipif(
                importlib.util.find_spec("torch") is None, reason="torch is not installed"
            ),
        ],
    ),
]


@pytest.fixture(params=_MODULES)
def torch(request: pytest.FixtureRequest) -> ModuleType:
    """The module under test, or the reference."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(request.param)
    if request.param == "torch":
        module.set_num_threads(1)  # threads of several test processes would wait for each other
    return module


@pytest.fixture
def symgrad() -> ModuleType:
    """symgrad alone, for what torch does not have."""
    return importlib.import_module("symgrad")


@pytest.fixture(autouse=True)
def _quiet() -> None:
    np.seterr(all="ignore")
