"""Checks of linear algebra in CUDA modules, in the simulator: by NumPy on the host, or CuPy.

CuPy needs a GPU; a stand-in of the same names over NumPy and SciPy takes its place, and counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numba import cuda
from scipy import linalg

from tests.cuda.memory import on_device, recorded
from tests.cuda.modules import expect
from tests.cuda.simulate import SMALL, compare, cuda_module, flat_vjp, run_all
from tests.support import Built, build

CUPY = replace(SMALL, cublas=True, least_product=8)
Arguments = dict[str, Any]


def regression(A: Any, X: Any, y: Any, row: Any) -> Any:
    """A Gaussian log-likelihood: kernels before, between and after four matrix operations."""
    S = A @ A.T / 4 + 2 * np.eye(A.shape[0], dtype=A.dtype)
    mean = np.tanh(X) @ np.linalg.solve(S, y[row])
    L = np.linalg.cholesky(S)
    return np.sum(mean**2) + np.linalg.slogdet(S)[1] + np.sum(np.sin(np.linalg.inv(L)))


SHAPES = {"A": "f64[n, n]", "X": "f64[m, n]", "y": "f64[p]", "row": "i64[n]"}


def regression_module(dtype: str = "float64") -> tuple[Built, Any, Arguments]:
    module = build(regression, SHAPES, wrt=("A", "y"), dtype=dtype)
    return module, cuda_module(module), sample(5, 9, 7)


def sample(n: int, m: int, p: int) -> Arguments:
    rng = np.random.default_rng(n)
    return {
        "A": rng.normal(size=(n, n)),
        "X": rng.normal(size=(m, n)),
        "y": rng.normal(size=p),
        "row": rng.integers(0, max(p, 1), n),
    }


def known_results(module: Built, arguments: Arguments, seed: float = 1.0) -> tuple[Any, ...]:
    (value,), products = module.vjp("cpu", arguments, [np.array(seed)])
    return (value, *products)


def _on_host(arrays: Any) -> tuple[Any, ...]:
    return tuple(a.copy_to_host() if hasattr(a, "copy_to_host") else np.asarray(a) for a in arrays)


# --- by NumPy on the host ------------------------------------------------------------------------


def check_sizes_and_workspace() -> None:
    """Other sizes between calls, none and one among them; memory is that of the first call."""
    module, python, arguments = regression_module()
    for sizes in ((5, 9, 7), (1, 1, 1), (0, 3, 2), (0, 0, 0), (8, 2, 3), (5, 9, 7)):
        given = sample(*sizes)
        found = flat_vjp(module, python, given, [1.5])
        compare(str(sizes), found, known_results(module, given, 1.5))
    held = {key: id(pair[0]) for key, pair in python._WORKSPACE.arrays.items()}
    python.f_vjp(**arguments, cotangent=1.5)
    assert {key: id(pair[0]) for key, pair in python._WORKSPACE.arrays.items()} == held


def check_device_arrays_and_out() -> None:
    """Device arrays in and out, `out` on both sides, `accumulate`; no argument changes."""
    module, python, arguments = regression_module()
    known = known_results(module, arguments)
    for given in (arguments, on_device(arguments)):
        value, gradients = python.f_value_and_grad(**given)
        assert hasattr(value, "copy_to_host") == (given is not arguments)
        compare("results", _on_host((value, *gradients)), known)
        for put in (np.array, cuda.to_device):
            out = tuple(put(np.ones(g.shape)) for g in known[1:])
            _, delivered = python.f_value_and_grad(**given, out=out)
            assert delivered is out
            compare("out", _on_host(out), known[1:])
            python.f_grad(**given, out=out, accumulate=True)
            compare("accumulate", _on_host(out), tuple(2 * g for g in known[1:]))
        for name, array in given.items():
            assert np.array_equal(_on_host((array,))[0], sample(5, 9, 7)[name]), name


def check_streams() -> None:
    """Launches and copies in both directions are on the stream, which is waited for between."""
    module, python, arguments = regression_module()
    stream, events = cuda.stream(), []
    run = type("_Run", (python._Run,), {})

    def noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: Any, *given: Any) -> Any:
            events.append(name)
            assert self.stream is stream
            return method(self, *given)

        return call

    for name in ("launch", "to_host", "put"):
        setattr(run, name, noting(name, getattr(python._Run, name)))
    waits: list[str] = []
    with (
        patch.object(python, "_Run", run),
        patch.object(type(stream), "synchronize", lambda self: waits.append("wait")),
        recorded(python) as (launches, _),
    ):
        found = python.f_vjp(**on_device(arguments), cotangent=1.0, stream=stream)
    assert all(given is stream for given in launches)
    first = events.index("to_host")
    assert "launch" in events[:first] and "launch" in events[first:]
    assert len(waits) == events.count("to_host") + events.count("put")
    compare("stream", _on_host((found[0], *found[1])), known_results(module, arguments))


def check_copies_are_made_once() -> None:
    """An array that several operations read is copied once, one from the host not at all."""
    _, python, arguments = regression_module()
    fetched: list[int] = []
    to_host = python._Run.to_host
    with patch.object(
        python._Run,
        "to_host",
        lambda self, array: fetched.append(array.size) or to_host(self, array),
    ):
        python.f(**arguments)
    # S, the gathered y, the value, and the flags of the index check: L came from the host.
    assert sorted(fetched) == [1, 5, 8, 25], fetched


def check_float32() -> None:
    """Single precision on the host too, as on the CPU target."""
    module, python, arguments = regression_module("float32")
    double = regression_module()[0]
    single = {n: a.astype("f4") if a.dtype.kind == "f" else a for n, a in arguments.items()}
    wide = {n: a.astype("f8") if a.dtype.kind == "f" else a for n, a in single.items()}
    for mine, exact in zip(
        flat_vjp(module, python, single, [np.float32(1.0)]),
        known_results(double, wide),
        strict=True,
    ):
        assert mine.dtype == np.float32
        np.testing.assert_allclose(mine, exact, rtol=2e-4, atol=2e-4)


def check_results_are_matrices() -> None:
    """Outputs that are matrix operations themselves, in memory of the caller's own."""
    module = build(lambda A: (np.linalg.inv(A), np.linalg.det(A)), {"A": "f64[n, n]"})
    python = cuda_module(module)
    A = np.random.default_rng(3).normal(size=(4, 4)) + 4 * np.eye(4)
    inverse, determinant = python.f(A)
    python.f(2 * A)
    np.testing.assert_allclose(inverse @ A, np.eye(4), atol=1e-13)
    np.testing.assert_allclose(determinant, np.linalg.det(A), rtol=1e-13)
    assert python.f(np.zeros((0, 0)))[0].shape == (0, 0)


def check_errors() -> None:
    """A singular matrix is named with its line; a wrong index is found before it matters."""
    _, python, arguments = regression_module()
    module = build(lambda A, b: np.linalg.solve(A, b), {"A": "f64[n, n]", "b": "f64[n]"})
    singular = {"A": np.ones((3, 3)), "b": np.ones(3)}
    plain = cuda_module(module)
    for given in (singular, on_device(singular)):
        expect(np.linalg.LinAlgError, "f: solve of 'A', line ", plain.f, **given)
    bad = on_device({**arguments, "row": np.full(5, 7)})
    expect(IndexError, "'row' holds 7, outside axis 0", python.f, **bad)
    text = regression_module()[0].source("cuda")
    assert "matrices are copied to the host" in text.split('"""')[1] and "cupy" not in text.split(
        "def _like"
    )[0].replace("CuPy", "")


# --- by CuPy -------------------------------------------------------------------------------------


@dataclass(slots=True)
class StandIn:
    """The names of CuPy that matrix operations use, over NumPy and SciPy."""

    calls: list[str] = field(default_factory=list)
    addresses: list[int] = field(default_factory=list)
    state: list[dict[str, str]] = field(default_factory=list)

    def modules(self) -> dict[str, ModuleType]:
        names = ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.linalg")
        found = {name: ModuleType(name) for name in names}
        routines = {
            name: self._noted(name, getattr(np.linalg, name))
            for name in ("inv", "solve", "cholesky", "slogdet")
        }
        found["cupy"].__dict__.update(
            asarray=lambda array: array._ary,
            matmul=lambda a, b, out: np.matmul(a, b, out=out),
            multiply=np.multiply,
            where=np.where,
            diagonal=np.diagonal,
            linalg=SimpleNamespace(**routines),
            cuda=SimpleNamespace(
                Stream=SimpleNamespace(null=nullcontext()), ExternalStream=self._stream
            ),
        )
        found["cupyx"].__dict__["errstate"] = self._errstate
        found["cupyx.scipy.linalg"].__dict__["solve_triangular"] = self._noted(
            "solve_triangular", linalg.solve_triangular
        )
        return found

    def _noted(self, name: str, routine: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arrays: Any, **options: Any) -> Any:
            assert self.state, "errors of cuSOLVER are not asked for"
            self.calls.append(name)
            return routine(*arrays, **options)

        return call

    @contextmanager
    def _errstate(self, linalg: str) -> Iterator[None]:
        self.state.append({"linalg": linalg})
        yield
        self.state.pop()

    def _stream(self, address: int) -> AbstractContextManager[None]:
        self.addresses.append(address)
        return nullcontext()


def triangles(A: Any, b: Any) -> Any:
    """Both triangles, as they are and transposed, and what a determinant makes of its sign."""
    S = A @ A.T + 2 * np.eye(A.shape[0])
    first = linalg.solve_triangular(S, b, lower=True)
    second = linalg.solve_triangular(S, first, trans=1)
    sign, logarithm = np.linalg.slogdet(-S)
    return np.sum(second**3) + sign * logarithm + np.log(np.linalg.det(S))


def check_cupy() -> None:
    """Matrices above a size are CuPy's; smaller ones, and what it lacks, NumPy's."""
    module = regression_module()[0]
    solver = build(triangles, {"A": "f64[n, n]", "b": "f64[n]"})
    rng = np.random.default_rng(11)
    for n in (5, 2, 1, 0):
        for subject, arguments in (
            (module, sample(n, 4, 3)),
            (solver, {"A": rng.normal(size=(n, n)), "b": rng.normal(size=n)}),
        ):
            stand_in = StandIn()
            with patch.dict(sys.modules, stand_in.modules()):
                found = flat_vjp(subject, cuda_module(subject, CUPY), arguments, [1.5])
            compare(f"cupy {n}", found, known_results(subject, arguments, 1.5))
            assert bool(stand_in.calls) == (n >= 2), (n, stand_in.calls)
            if n == 5:
                wanted = {"slogdet", "solve_triangular"}
                wanted |= {"solve", "cholesky"} if subject is module else set()
                assert wanted <= set(stand_in.calls), stand_in.calls


def check_stream_and_errors_of_cupy() -> None:
    """On the stream of the call; singular matrices and a missing package are named."""
    subjects = (
        build(lambda A, b: np.linalg.solve(A, b), {"A": "f64[n, n]", "b": "f64[n]"}),
        build(lambda A, b: linalg.solve_triangular(A, b), {"A": "f64[n, n]", "b": "f64[n]"}),
    )
    given = {"A": np.zeros((3, 3)), "b": np.ones(3)}
    stream = cuda.stream()
    for subject in subjects:
        python, stand_in = cuda_module(subject, CUPY), StandIn()
        assert "left to cuSOLVER" in subject.source("cuda", CUPY).split('"""')[1]
        with (
            patch.dict(sys.modules, stand_in.modules()),
            patch.object(python, "_address", lambda given: 77 if given is stream else 0),
        ):
            expect(np.linalg.LinAlgError, "of 'A', line ", python.f, **given, stream=stream)
        assert stand_in.addresses == [77]
        with patch.dict(sys.modules, {"cupy": None}):
            expect(ImportError, "needs the package cupy", python.f, **given)
            python.f(np.eye(1), np.ones(1))


CHECKS: dict[str, Callable[[], None]] = {
    "sizes and workspace": check_sizes_and_workspace,
    "device arrays and out": check_device_arrays_and_out,
    "streams": check_streams,
    "copies": check_copies_are_made_once,
    "float32": check_float32,
    "results": check_results_are_matrices,
    "errors": check_errors,
    "cupy": check_cupy,
    "stream and errors of cupy": check_stream_and_errors_of_cupy,
}


if __name__ == "__main__":
    print(json.dumps(run_all(CHECKS)))
