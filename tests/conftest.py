"""Options and fixtures of all tests."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import numpy as np
import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--jit-all",
        action="store_true",
        help="run every operation of the table through compiled kernels (slow, by hand)",
    )


@pytest.fixture(scope="session", autouse=True)
def _module_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Modules compiled by tests go to a folder of the session."""
    before = os.environ.get("SYMGRAD_CACHE")
    os.environ["SYMGRAD_CACHE"] = str(tmp_path_factory.mktemp("modules"))
    yield
    if before is None:
        del os.environ["SYMGRAD_CACHE"]
    else:
        os.environ["SYMGRAD_CACHE"] = before


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded by the name of the test, so that tests do not depend on their order."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))
