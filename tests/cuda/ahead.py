"""Checks of kernels compiled ahead of time, loaded in the simulator by stand-ins of cuda.core."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numba import cuda

from symgrad.modules import import_file
from tests.cuda.modules import softmax_module
from tests.cuda.simulate import SMALL, run_all
from tests.support import C_MATH


@dataclass(slots=True)
class StandIn:
    """The names of cuda.core that modules use; a launch is noted, and nothing runs."""

    launched: list[tuple[str, int, int, tuple[Any, ...]]] = field(default_factory=list)

    def modules(self) -> dict[str, ModuleType]:
        core = ModuleType("cuda.core")
        core.__dict__.update(
            ObjectCode=SimpleNamespace(from_cubin=self.load),
            LaunchConfig=lambda grid, block: (grid, block),
            Stream=SimpleNamespace(from_handle=lambda address: address),
            launch=self.launch,
        )
        return {"cuda": ModuleType("cuda"), "cuda.core": core}

    def load(self, binary: bytes) -> Any:
        return SimpleNamespace(get_kernel=lambda entry: f"{entry} of {binary.decode()}")

    def launch(self, stream: int, config: tuple[int, int], kernel: str, *flat: Any) -> None:
        self.launched.append((kernel, stream, config[0], flat))
        assert config[1] == SMALL.threads


@contextmanager
def compiled_for(capability: str) -> Iterator[tuple[Any, dict[str, Any], list[str]]]:
    """A module beside which a folder for a capability lies; what Numba launches is noted."""
    module, _, arguments = softmax_module()
    by_numba: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f_grad.py"
        path.write_text(module.source("cuda", SMALL), encoding="utf-8")
        python = import_file(path)
        python.math = C_MATH
        place = Path(folder) / f"f_grad.sm_{capability}.{python._IDENTITY}"
        place.mkdir()
        for name, signatures in python._SIGNATURES.items():
            for number in range(len(signatures)):
                text = f".version 8\n.visible .entry entry{name}(\n.param .u64 a)\n"
                (place / f"{name}.{number}.ptx").write_text(text, encoding="utf-8")
                (place / f"{name}.{number}.cubin").write_bytes(f"{name}.{number}".encode())
            kernel = getattr(python, name)
            setattr(python, name, _Noted(kernel, by_numba))
        device = SimpleNamespace(compute_capability=(9, 0))
        with patch.object(cuda, "get_current_device", lambda: device):
            yield python, arguments, by_numba


class _Noted:
    def __init__(self, kernel: Any, names: list[str]) -> None:
        self.kernel, self.names, self.__name__ = kernel, names, kernel.__name__

    def __getitem__(self, configuration: tuple[Any, ...]) -> Any:
        self.names.append(self.__name__)
        return self.kernel[configuration]


def check_loaded() -> None:
    """With the card's folder every launch is of a loaded kernel, and Numba compiles nothing."""
    stand_in = StandIn()
    with compiled_for("90") as (python, arguments, by_numba):
        with patch.dict(sys.modules, stand_in.modules()), patch.object(python, "_flattened", list):
            python.f_value_and_grad(**arguments)
        own = [name for name in python._SIGNATURES if name.startswith("_f_grad_")]
    assert not by_numba
    kernels = [kernel for kernel, *_ in stand_in.launched]
    for name in own:
        assert f"entry{name} of {name}.0" in kernels, name
    assert "entry_combine_parts of _combine_parts.0" in kernels
    assert all(stream == 0 and grid >= 1 for _, stream, grid, _ in stand_in.launched)


def check_another_card() -> None:
    """A folder for another card is not used: Numba launches, and results are right."""
    stand_in = StandIn()
    with (
        compiled_for("80") as (python, arguments, by_numba),
        patch.dict(sys.modules, stand_in.modules()),
    ):
        value, _ = python.f_value_and_grad(**arguments)
    module, _, _ = softmax_module()
    (known,), _ = module.vjp("numpy", arguments, [np.array(1.0)])
    np.testing.assert_allclose(value, known, rtol=1e-12)
    assert by_numba and not stand_in.launched


CHECKS: dict[str, Callable[[], None]] = {
    "loaded": check_loaded,
    "another card": check_another_card,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
