"""Checks of what callers of CUDA modules do wrong, or right in unusual ways, in the simulator.

The simulator has one device, no streams that differ and no arrays of other libraries: stand-ins
take their place, and waiting of one stream for another is recorded.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numba import cuda

from tests.cuda.memory import on_device, recorded
from tests.cuda.modules import expect, softmax_module
from tests.cuda.simulate import compare, cuda_module, flat_vjp, run_all
from tests.support import build

Arguments = dict[str, Any]


class Tensor:
    """A device array of another library: an interface over memory of the simulator."""

    def __init__(self, array: Any, place: int = 0, **interface: Any) -> None:
        self.held = cuda.to_device(array)
        self.place = place
        self.device = f"cuda:{place}"
        self.__cuda_array_interface__ = {"version": 3, "data": (1, False), **interface}

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, self.place)


Tensor.__module__ = "torch"
Foreign = type("Foreign", (Tensor,), {"__module__": "elsewhere"})


class Stream(int):
    """A stream that is its address."""

    def synchronize(self) -> None:
        pass


@contextmanager
def libraries(current: int = 0) -> Iterator[list[tuple[Any, Any]]]:
    """torch on this current stream; which stream waited for which other, in order."""
    waits: list[tuple[Any, Any]] = []

    class Event:
        def record(self, stream: Any = 0) -> None:
            self.stream = stream

        def wait(self, stream: Any = 0) -> None:
            waits.append((stream, self.stream))

    torch = SimpleNamespace(
        as_tensor=lambda array, device: array,
        cuda=SimpleNamespace(current_stream=lambda device: SimpleNamespace(cuda_stream=current)),
    )
    with (
        patch.dict(sys.modules, {"torch": torch}),
        patch.object(cuda, "as_cuda_array", lambda value, sync: value.held, create=True),
        patch.object(cuda, "external_stream", Stream),
        patch.object(cuda, "event", Event),
    ):
        yield waits


def squares(x: Any, b: Any) -> Any:
    return np.sum(np.tanh(x) ** 2) * b


def squares_module() -> tuple[Any, Any, np.ndarray]:
    module = build(squares, {"x": "f64[n]", "b": "f64[]"})
    return module, cuda_module(module), np.linspace(-1, 1, 9)


# --- arguments -----------------------------------------------------------------------------------


def check_graphs_of_torch() -> None:
    """A tensor whose gradient torch follows is refused, wherever it is given."""
    _, python, x = squares_module()
    watched = SimpleNamespace(requires_grad=True)
    said = "requires grad, and torch cannot follow"
    expect(TypeError, f"argument 'x' {said}", python.f, x=watched, b=1.0)
    expect(TypeError, f"argument 'b' {said}", python.f, x=x, b=watched)
    out = (np.zeros(9), watched)
    expect(TypeError, f"out for 'b' {said}", python.f_grad, x=x, b=1.0, out=out)


def check_devices() -> None:
    """An array on another device is refused by name; a 0-d array on the device counts as one."""
    module, python, x = squares_module()
    with libraries():
        other = Foreign(x, 1)
        expect(ValueError, "argument 'x' lies on device 1", python.f, x=other, b=1.0)
        out = (Foreign(x, 1), cuda.to_device(np.zeros(())))
        expect(ValueError, "out for 'x' lies on device 1", python.f_grad, x=x, b=1.0, out=out)
        value, gradients = python.f_value_and_grad(x, Foreign(np.array(2.0)))
    for array in (value, *gradients):
        assert hasattr(array, "copy_to_host"), type(array)
    (known,), products = module.vjp("cpu", {"x": x, "b": 2.0}, [np.array(1.0)])
    found = tuple(np.asarray(a.copy_to_host()) for a in (value, *gradients))
    compare("0-d", found, (known, *products))


def check_types_and_shapes_on_the_device() -> None:
    """Types are not converted on the device, layouts not changed; empty arrays have none."""
    _, python, arguments = softmax_module()
    narrow = {**arguments, "label": cuda.to_device(arguments["label"].astype(np.int32))}
    expect(
        TypeError, "has dtype int32, expected int64; convert it on the device", python.f, **narrow
    )
    turned = {**arguments, "W": cuda.to_device(np.asfortranarray(arguments["W"]))}
    expect(ValueError, "argument 'W' is not contiguous", python.f, **turned)
    complex_ = {**arguments, "W": arguments["W"].astype(complex)}
    expect(TypeError, "argument 'W' has dtype complex128", python.f, **complex_)
    empty = on_device({**arguments, "label": arguments["label"][:0]})
    empty["x"] = cuda.to_device(np.ones((5, 6)))[:0, ::2]
    assert python.f(**empty).copy_to_host() == 0


def check_tensors_of_the_host() -> None:
    """torch's tensors on the CPU are read as NumPy's arrays, and written to as `out`."""
    if importlib.util.find_spec("torch") is None:
        return
    import torch

    module, python, arguments = softmax_module()
    given = {name: torch.from_numpy(array.copy()) for name, array in arguments.items()}
    (known,), products = module.vjp("cpu", arguments, [np.array(1.0)])
    value, gradients = python.f_value_and_grad(**given)
    compare("torch", tuple(map(np.asarray, (value, *gradients))), (known, *products))
    out = tuple(torch.zeros(g.shape, dtype=torch.float64) for g in products)
    assert python.f_grad(**given, out=out) is out
    compare("torch out", tuple(tensor.numpy() for tensor in out), products)
    given["W"].requires_grad_()
    expect(TypeError, "argument 'W' requires grad", python.f, **given)


# --- streams -------------------------------------------------------------------------------------


def check_what_is_no_stream() -> None:
    _, python, x = squares_module()
    for stream in ("default", True, -1, 1.5, SimpleNamespace(), object()):
        expect(
            TypeError, "f: stream must be a stream of Numba", python.f, x=x, b=1.0, stream=stream
        )


def check_streams_of_the_arguments_wait() -> None:
    """The call waits for streams that compute its arguments, and they for the call; once each."""
    _, python, x = squares_module()
    for current, given, waits_wanted in (
        (0, None, []),
        (1, None, []),  # another name of the default stream
        (55, None, [(0, 55), (55, 0)]),
        (0, 77, [(77, 0), (0, 77)]),
        (77, 77, []),
    ):
        with libraries(current) as waits, recorded(python) as (launches, _):
            python.f(Tensor(x), Tensor(np.array(2.0)), stream=given)
        assert waits == waits_wanted, (current, given, waits)
        assert all(stream == (given or 0) for stream in launches)
    with libraries() as waits:
        python.f_value_and_grad(Foreign(x, stream=33), 2.0)
    assert waits[0] == (0, 33) and set(waits[1:]) == {(33, 0)}
    with libraries() as waits:
        out = (Foreign(x, stream=44), cuda.to_device(np.zeros(())))
        python.f_grad(x, 2.0, out=out)
    assert waits[0] == (0, 44) and (44, 0) in waits


@contextmanager
def launches_of(python: Any) -> Iterator[list[str]]:
    """The names of the kernels that are launched."""
    names: list[str] = []
    launch = python._Run.launch

    def noted(run: Any, kernel: Any, *rest: Any) -> None:
        names.append(kernel.__name__)
        launch(run, kernel, *rest)

    with patch.object(python._Run, "launch", noted):
        yield names


# --- out= ----------------------------------------------------------------------------------------


def check_out_is_written_directly() -> None:
    """Kernels write into arrays of `out` that share no memory with others; else a copy does."""
    _, python, x = squares_module()
    exact = 2.0 * 2 * np.tanh(x) / np.cosh(x) ** 2, np.sum(np.tanh(x) ** 2)
    memory = cuda.to_device(np.zeros(30))
    apart = (cuda.to_device(np.zeros(9)), cuda.to_device(np.zeros(())))
    given = cuda.to_device(x)
    for out, argument, copies in (
        (apart, given, 0),
        ((memory[3:12], memory[20:21].reshape(())), memory[:9], 1),
        ((given, apart[1]), given, 1),
    ):
        argument.copy_to_device(x)
        with launches_of(python) as launched:
            python.f_value_and_grad(argument, 2.0, out=out)
        compare("out", tuple(a.copy_to_host() for a in out), exact)
        assert launched.count("_scale_into") == copies, launched


def check_out_shares_memory_with_itself() -> None:
    """Two gradients into one array: the later one stays, as on the CPU target."""
    module = build(lambda x, y: np.sum(np.tanh(x) * y), {"x": "f64[n]", "y": "f64[n]"})
    python = cuda_module(module)
    x, y = np.linspace(-1, 1, 5), np.linspace(1, 2, 5)
    for make in (np.array, cuda.to_device):
        target = make(np.zeros(5))
        python.f_grad(x, y, out=(target, target))
        found = target if make is np.array else target.copy_to_host()
        np.testing.assert_allclose(found, np.tanh(x), rtol=1e-13)


def check_out_that_does_not_fit() -> None:
    """Read-only arrays, lists and arrays of JAX are refused before anything is computed."""
    _, python, x = squares_module()
    frozen = np.zeros(9)
    frozen.flags.writeable = False
    launched: list[str] = []
    immutable = type("Array", (Tensor,), {"__module__": "jaxlib.xla"})
    with (
        libraries(),
        patch.object(python._Run, "launch", lambda *given: launched.append("launch")),
    ):
        for target, kind, said in (
            (frozen, ValueError, "out for 'x' is read-only"),
            (immutable(x), ValueError, "out for 'x' is read-only"),
            (Foreign(x, data=(1, True)), ValueError, "out for 'x' is read-only"),
            ([0.0] * 9, ValueError, "must be an array of shape (9,), not list"),
            (np.zeros((9, 1)), ValueError, "must be an array of shape (9,), not (9, 1)"),
            (np.zeros(9, np.float32), TypeError, "out for 'x' has dtype float32"),
            (cuda.to_device(np.zeros(18))[::2], ValueError, "'x' is not contiguous on the device"),
        ):
            expect(kind, said, python.f_grad, x=x, b=2.0, out=(target, np.zeros(())))
    assert not launched


def check_out_stays_where_an_index_is_wrong() -> None:
    """What the device finds out late changes no array of the caller."""
    _, python, arguments = softmax_module()
    bad = on_device({**arguments, "label": np.full(7, 9)})
    out = tuple(cuda.to_device(np.full(arguments[n].shape, 5.0)) for n in ("x", "W"))
    expect(IndexError, "'label' holds 9", python.f_grad, **bad, out=out)
    assert all(np.all(array.copy_to_host() == 5.0) for array in out)


# --- several at once -----------------------------------------------------------------------------


def check_two_modules() -> None:
    """Modules with functions of the same name share nothing, nor do two loads of one text."""
    first, one, x = squares_module()
    second = build(lambda x, b: np.sum(np.exp(x)) + b, {"x": "f64[n]", "b": "f64[]"})
    two, again = cuda_module(second), cuda_module(first)
    arguments = {"x": x, "b": np.float64(2.0)}
    for _ in range(2):
        for module, python in ((first, one), (second, two), (first, again)):
            known = module.vjp("cpu", arguments, [np.array(1.5)])
            compare("module", flat_vjp(module, python, arguments, [1.5]), (*known[0], *known[1]))
    assert one._WORKSPACE is not two._WORKSPACE


def check_threads() -> None:
    """Each thread has a workspace of its own; what one computes does not disturb another."""
    module, python, arguments = softmax_module()
    cases = [{**arguments, "x": arguments["x"] * k} for k in range(1, 5)]
    known = [module.vjp("cpu", case, [np.array(1.0)]) for case in cases]
    found: dict[int, Any] = {}
    spaces: dict[int, Any] = {}
    turn = threading.Lock()  # the simulator runs one kernel at a time

    def work(number: int) -> None:
        for _ in range(2):
            with turn:
                found[number] = python.f_value_and_grad(**cases[number])
        spaces[number] = dict(python._WORKSPACE.arrays)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(cases))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, ((value,), products) in enumerate(known):
        mine, gradients = found[number]
        compare("thread", tuple(map(np.asarray, (mine, *gradients))), (value, *products))
    memories = [id(pair[1]) for space in spaces.values() for pair in space.values()]
    assert len(set(memories)) == len(memories) > 0


CHECKS: dict[str, Callable[[], None]] = {
    "graphs": check_graphs_of_torch,
    "devices": check_devices,
    "types and shapes": check_types_and_shapes_on_the_device,
    "tensors of the host": check_tensors_of_the_host,
    "no stream": check_what_is_no_stream,
    "streams wait": check_streams_of_the_arguments_wait,
    "out directly": check_out_is_written_directly,
    "out twice": check_out_shares_memory_with_itself,
    "out unfit": check_out_that_does_not_fit,
    "out unchanged": check_out_stays_where_an_index_is_wrong,
    "two modules": check_two_modules,
    "threads": check_threads,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
