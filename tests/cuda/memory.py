"""Checks of arrays, streams and memory of CUDA modules in the simulator.

The simulator has one device, no streams that differ, and no DLPack: launches and copies are
recorded, and stand-ins take the place of other libraries' arrays.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numba import cuda

from tests.cuda.modules import expect, softmax_module
from tests.cuda.simulate import compare, run_all
from tests.support import Built

Arguments = dict[str, Any]


def on_device(arguments: Arguments) -> Arguments:
    return {name: cuda.to_device(array) for name, array in arguments.items()}


# --- streams -------------------------------------------------------------------------------------


class Recorded:
    """A kernel that notes the stream of each launch."""

    def __init__(self, kernel: Any, streams: list[Any]) -> None:
        self.kernel, self.streams = kernel, streams
        self.__name__ = kernel.__name__

    def __getitem__(self, configuration: tuple[Any, ...]) -> Any:
        self.streams.append(configuration[2])
        return self.kernel[configuration]


@contextmanager
def recorded(python: Any) -> Iterator[tuple[list[Any], list[Any]]]:
    """The streams of all launches, and of all copies to and allocations on the device."""
    launches: list[Any] = []
    copies: list[Any] = []

    def noting(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **keywords: Any) -> Any:
            copies.append(keywords.get("stream", 0))
            return function(*arguments, **keywords)

        return run

    kernels = {
        name: Recorded(getattr(python, name), launches)
        for name in python._SIGNATURES
        if hasattr(python, name)
    }
    with (
        patch.multiple(python, **kernels),
        patch.object(cuda, "to_device", noting(cuda.to_device)),
    ):
        yield launches, copies


def check_every_launch_is_on_the_stream() -> None:
    """Kernels and copies of a call are on its stream, and on the default one without."""
    _, python, arguments = softmax_module()
    stream = cuda.stream()
    with recorded(python) as (launches, copies):
        python.f_value_and_grad(**arguments, stream=stream)
    assert len(launches) > 6 and all(given is stream for given in launches)
    assert len(copies) >= 3 and all(given is stream for given in copies)
    with recorded(python) as (launches, _):
        python.f_value_and_grad(**arguments)
    assert len(launches) > 6 and all(given == 0 for given in launches)


def check_streams_of_other_libraries() -> None:
    """torch's and CuPy's streams, and addresses, become Numba's by their address."""
    _, python, arguments = softmax_module()
    known, given = cuda.stream(), []
    for stream in (SimpleNamespace(cuda_stream=91), SimpleNamespace(ptr=92), 93):
        with (
            patch.object(cuda, "external_stream", lambda ptr: given.append(ptr) or known),
            recorded(python) as (launches, _),
        ):
            python.f(**arguments, stream=stream)
        assert launches and all(found is known for found in launches)
    assert given == [91, 92, 93]


# --- memory --------------------------------------------------------------------------------------


def check_workspace_is_reused() -> None:
    """The same memory for sizes that were met, more for larger ones, apart by stream."""
    _, python, arguments = softmax_module()

    def memory() -> dict[Any, int]:
        return {key: id(pair[0]) for key, pair in python._WORKSPACE.arrays.items()}

    python.f_value_and_grad(**arguments)
    first = memory()
    assert first
    python.f_value_and_grad(**arguments)
    assert memory() == first
    smaller = {**arguments, "x": arguments["x"][:2], "label": arguments["label"][:2]}
    python.f_value_and_grad(**smaller)
    first = memory()
    for again in (arguments, smaller, arguments):
        python.f_value_and_grad(**again)
        assert memory() == first
    larger = {n: np.concatenate([arguments[n]] * 3) for n in ("x", "label")}
    python.f_value_and_grad(**{**arguments, **larger})
    grown = memory()
    assert grown.keys() == first.keys() and grown != first
    stream = cuda.stream()
    python.f_value_and_grad(**arguments, stream=stream)
    assert len(memory()) == 2 * len(first)
    python.f_value_and_grad(**arguments, stream=stream)
    assert len(memory()) == 2 * len(first)


def check_results_are_the_callers_own() -> None:
    """A later call changes no earlier result, on the device and on the host; no input changes."""
    _, python, arguments = softmax_module()
    for given in (arguments, on_device(arguments)):
        before = {name: _host(array).copy() for name, array in given.items()}
        value, gradients = python.f_value_and_grad(**given)
        kept = [_host(array).copy() for array in (value, *gradients)]
        other = {**arguments, "x": np.ones((7, 3))}
        python.f_value_and_grad(**(other if given is arguments else on_device(other)))
        for array, copy in zip((value, *gradients), kept, strict=True):
            assert np.array_equal(_host(array), copy)
        for name, array in given.items():
            assert np.array_equal(_host(array), before[name]), name


def check_numpy_in_numpy_out() -> None:
    """Arrays of NumPy are copied, whatever their layout; results are arrays of NumPy."""
    module, python, arguments = softmax_module()
    (known,), products = module.vjp("cpu", arguments, [np.array(1.0)])
    wide = np.zeros((7, 6))
    wide[:, ::2] = arguments["x"]
    given = {**arguments, "x": wide[:, ::2], "W": np.asfortranarray(arguments["W"])}
    value, gradients = python.f_value_and_grad(**given)
    assert isinstance(value, np.floating) and all(type(g) is np.ndarray for g in gradients)
    compare("numpy", tuple(map(np.asarray, (value, *gradients))), (known, *products))


# --- arrays of other libraries -------------------------------------------------------------------


def check_cuda_array_interface() -> None:
    """An array that only has the interface is read where it lies."""
    module, python, arguments = softmax_module()
    held = on_device(arguments)
    seen = []

    def as_array(value: Any, sync: bool) -> Any:
        seen.append((value.name, sync))
        return held[value.name]

    given = {n: SimpleNamespace(name=n, __cuda_array_interface__={"version": 3}) for n in held}
    _expect_device_result(module, python, arguments, given, "as_cuda_array", as_array)
    assert seen == [(name, False) for name in given]


def check_dlpack() -> None:
    """An array that only has DLPack is read where it lies: shape, strides in bytes, address."""
    module, python, arguments = softmax_module()
    held = on_device(arguments)
    seen: list[Any] = []

    class Packed:
        def __init__(self, name: str) -> None:
            self.name = name

        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    def view(value: Packed, stream_ptr: int) -> Any:
        array = arguments[value.name]
        strides = tuple(s // array.itemsize for s in array.strides)
        seen.append((value.name, stream_ptr))
        return SimpleNamespace(
            shape=array.shape, strides=strides, dtype=array.dtype, ptr=value.name, readonly=False
        )

    def from_interface(interface: dict[str, Any], owner: Any, sync: bool) -> Any:
        name = interface["data"][0]
        assert interface["strides"] == arguments[name].strides and not sync and owner.ptr == name
        assert interface["typestr"] == arguments[name].dtype.str
        return held[name]

    utils = ModuleType("cuda.core.utils")
    utils.__dict__["StridedMemoryView"] = view
    names = {"cuda": ModuleType("cuda"), "cuda.core": ModuleType("cuda.core")}
    with patch.dict(sys.modules, {**names, "cuda.core.utils": utils}):
        given = {name: Packed(name) for name in arguments}
        _expect_device_result(
            module, python, arguments, given, "from_cuda_array_interface", from_interface
        )
    assert seen == [(name, 1) for name in given]  # DLPack's name of the default stream


def check_results_are_of_the_arguments_library() -> None:
    """Device arrays of torch come back as torch's, on the same device."""
    _, python, arguments = softmax_module()
    held = on_device(arguments)
    made = []

    def as_tensor(array: Any, device: Any) -> Any:
        made.append(device)
        return ("tensor", array)

    current = SimpleNamespace(cuda_stream=0)
    torch = SimpleNamespace(
        as_tensor=as_tensor, cuda=SimpleNamespace(current_stream=lambda device: current)
    )
    tensor = type("Tensor", (), {"__module__": "torch", "device": "cuda:0"})
    given = {}
    for name in held:
        given[name] = tensor()
        given[name].name = name
        given[name].__cuda_array_interface__ = {"version": 3}
    with (
        patch.object(cuda, "as_cuda_array", lambda v, sync: held[v.name], create=True),
        patch.dict(sys.modules, {"torch": torch}),
    ):
        value, gradients = python.f_value_and_grad(**given)
    assert value[0] == "tensor" and all(kind == "tensor" for kind, _ in gradients)
    assert made == ["cuda:0"] * 3


def check_host_memory_is_no_device_array() -> None:
    """A DLPack object of the host is an ordinary argument."""
    _, python, arguments = softmax_module()
    assert not python._on_device(arguments["x"])
    host = SimpleNamespace(__dlpack_device__=lambda: (1, 0))
    assert not python._on_device(host)
    expect(TypeError, "argument 'x'", python.f, **{**arguments, "x": host})


def _expect_device_result(
    module: Built,
    python: Any,
    arguments: Arguments,
    given: Arguments,
    name: str,
    stand_in: Callable[..., Any],
) -> None:
    (known,), products = module.vjp("cpu", arguments, [np.array(1.0)])
    with patch.object(cuda, name, stand_in, create=True):
        value, gradients = python.f_value_and_grad(**given)
    found = (value, *gradients)
    assert all(hasattr(array, "copy_to_host") for array in found)
    compare(name, tuple(map(_host, found)), (known, *products))


def _host(array: Any) -> Any:
    return array.copy_to_host() if hasattr(array, "copy_to_host") else np.asarray(array)


CHECKS: dict[str, Callable[[], None]] = {
    "launches": check_every_launch_is_on_the_stream,
    "streams of others": check_streams_of_other_libraries,
    "workspace": check_workspace_is_reused,
    "own results": check_results_are_the_callers_own,
    "numpy": check_numpy_in_numpy_out,
    "interface": check_cuda_array_interface,
    "dlpack": check_dlpack,
    "library": check_results_are_of_the_arguments_library,
    "host": check_host_memory_is_no_device_array,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
