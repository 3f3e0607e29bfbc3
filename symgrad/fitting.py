"""Thin adaptors to SciPy's optimisers: named arrays in, derivatives handed over as a method wants.

minimize        f(x) -> min      gradient, and Hessian or its products
least_squares   ‖r(x)‖² -> min   Jacobian, as compressed rows where its formula is sparse
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.api import hessian, hvp, jacobian, value_and_grad
from symgrad.capture import MarkedProgram
from symgrad.codegen import Target
from symgrad.errors import ModelError
from symgrad.structures import Dense, Sparse

__all__ = ["least_squares", "minimize"]

_WITH_HESSIAN = ("trust-exact", "dogleg")
_WITH_PRODUCTS = ("trust-ncg", "trust-krylov", "newton-cg", "trust-constr")
_WITH_GRADIENT = ("cg", "bfgs", "l-bfgs-b", "tnc", "slsqp")

Function = Callable[..., Any]
Start = Any  # an array for the first argument, or arrays by name


@dataclass(frozen=True)
class _Parameters:
    """Named arrays side by side in one vector."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @property
    def wrt(self) -> str | tuple[str, ...]:
        return self.names[0] if len(self.names) == 1 else self.names

    def unpack(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        ends = np.cumsum([int(np.prod(shape)) for shape in self.shapes])
        parts = np.split(np.asarray(theta, dtype=np.float64), ends[:-1])
        named = zip(self.names, parts, self.shapes, strict=True)
        return {name: part.reshape(shape) for name, part, shape in named}

    def pack(self, arrays: Any) -> np.ndarray:
        given = (arrays,) if len(self.names) == 1 else arrays
        return np.concatenate([np.reshape(array, -1) for array in given])


def minimize(
    function: Function | MarkedProgram,
    x0: Start,
    data: Mapping[str, Any] | Sequence[Any] = (),
    *,
    method: str = "trust-exact",
    target: Target = "cpu",
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Any = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """The minimum of a scalar function, by `scipy.optimize.minimize` with exact derivatives.

    trust-exact and dogleg get the Hessian, trust-ncg, trust-krylov, Newton-CG and trust-constr its
    products with vectors, CG, BFGS, L-BFGS-B, TNC and SLSQP the gradient.

    Args:
        function: a function over NumPy names that returns a 0-d value.
        x0: where to start: an array for the first argument, or a mapping of arrays by name.
        data: the other arguments, by name or in order.
        method: one of SciPy's that uses derivatives.
        target: `"cpu"` or `"numpy"`, as for `compile`.
        bounds: as for SciPy, over the flattened arguments.
        constraints: as for SciPy.
        tol: as for SciPy.
        callback: as for SciPy.
        options: as for SciPy.

    Returns:
        SciPy's result; `x` is flat, and `arguments` has the arrays by name.

    Raises:
        ModelError: an argument is missing or unknown, or the method uses no derivatives.

    >>> import numpy as np, symgrad
    >>> def f(x, c): return np.sum((x - c) ** 4 + (x - c) ** 2)
    >>> found = symgrad.minimize(f, np.zeros(2), {"c": np.array([1.0, 2.0])}, target="numpy")
    >>> found.arguments["x"].round(3)
    array([1., 2.])
    """
    from scipy import optimize

    chosen = method.lower()
    if chosen not in (*_WITH_HESSIAN, *_WITH_PRODUCTS, *_WITH_GRADIENT):
        known = ", ".join((*_WITH_HESSIAN, *_WITH_PRODUCTS, *_WITH_GRADIENT))
        raise ModelError(f"minimize: the method '{method}' uses no derivatives; use one of {known}")
    parameters, start, fixed = _arguments("minimize", function, x0, data)
    both = value_and_grad(function, wrt=parameters.wrt, target=target)

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradients = both(**parameters.unpack(theta), **fixed)
        return float(value), parameters.pack(gradients)

    second: dict[str, Any] = {}
    if chosen in _WITH_HESSIAN:
        matrix = hessian(function, wrt=parameters.wrt, target=target)
        second["hess"] = lambda theta: matrix(**parameters.unpack(theta), **fixed).matrix()
    elif chosen in _WITH_PRODUCTS:
        product = hvp(function, wrt=parameters.wrt, target=target)

        def along(theta: np.ndarray, vector: np.ndarray) -> np.ndarray:
            directions = tuple(parameters.unpack(vector).values())
            given = directions[0] if len(directions) == 1 else directions
            return parameters.pack(product(given, **parameters.unpack(theta), **fixed))

        second["hessp"] = along
    solver: Any = optimize.minimize
    found = solver(
        objective,
        start,
        jac=True,
        method=method,
        bounds=bounds,
        constraints=constraints,
        tol=tol,
        callback=callback,
        options=dict(options or {}),
        **second,
    )
    found["arguments"] = parameters.unpack(found.x)
    return found


def least_squares(
    function: Function | MarkedProgram,
    x0: Start,
    data: Mapping[str, Any] | Sequence[Any] = (),
    *,
    method: str = "trf",
    target: Target = "cpu",
    bounds: Any = (-np.inf, np.inf),
    loss: str = "linear",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = 1.0,
    max_nfev: int | None = None,
    verbose: int = 0,
) -> Any:
    """The least ½·Σ r², by `scipy.optimize.least_squares` with the exact Jacobian.

    Where the Jacobian's formula is sparse (an index array, a shift) SciPy gets compressed rows,
    whatever the number of parameters; a dense one is an array.

    Args:
        function: a function over NumPy names that returns the array of residuals.
        x0: where to start: an array for the first argument, or a mapping of arrays by name.
        data: the other arguments, by name or in order.
        method: `"trf"`, `"dogbox"`, or `"lm"`, which needs a dense Jacobian.
        target: `"cpu"` or `"numpy"`, as for `compile`.
        bounds: as for SciPy, over the flattened arguments.
        loss: as for SciPy.
        ftol: as for SciPy.
        xtol: as for SciPy.
        gtol: as for SciPy.
        x_scale: as for SciPy.
        max_nfev: as for SciPy.
        verbose: as for SciPy.

    Returns:
        SciPy's result; `x` is flat, and `arguments` has the arrays by name.

    Raises:
        ModelError: an argument is missing or unknown.

    >>> import numpy as np, symgrad
    >>> def line(p, x, y): return p[0] + p[1] * x - y
    >>> x = np.arange(5.0)
    >>> fit = symgrad.least_squares(line, np.zeros(2), {"x": x, "y": 3 + 2 * x}, target="numpy")
    >>> fit.x.round(6)
    array([3., 2.])
    """
    from scipy import optimize

    parameters, start, fixed = _arguments("least_squares", function, x0, data)
    derivative = jacobian(function, wrt=parameters.wrt, target=target)

    def residuals(theta: np.ndarray) -> np.ndarray:
        arguments = {**parameters.unpack(theta), **fixed}
        module = derivative.module(**arguments)
        values = getattr(module, module.name)(*(arguments[name] for name in module.arguments))
        return np.reshape(values, -1)

    def rows(theta: np.ndarray) -> Any:
        found = derivative(**parameters.unpack(theta), **fixed)
        blocks = (found,) if len(parameters.names) == 1 else tuple(found)
        if method == "lm" or all(_is_a(block, Dense) for block in blocks):
            return np.concatenate([block.matrix() for block in blocks], axis=1)
        if all(_is_a(block, Sparse) for block in blocks):
            return Sparse.beside(blocks).to_scipy()
        from scipy import sparse

        return sparse.hstack([sparse.csr_array(block.to_scipy()) for block in blocks]).tocsr()

    solver: Any = optimize.least_squares  # its stubs want literal texts
    found = solver(
        residuals,
        start,
        jac=rows,
        method=method,
        bounds=bounds,
        loss=loss,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        x_scale=x_scale,
        max_nfev=max_nfev,
        verbose=verbose,
    )
    found["arguments"] = parameters.unpack(found.x)
    return found


def _is_a(matrix: Any, kind: type) -> bool:
    """Whether a structure is of a kind: generated modules carry classes of their own."""
    return type(matrix).__name__ == kind.__name__


def _arguments(
    caller: str,
    function: Function | MarkedProgram,
    x0: Start,
    data: Mapping[str, Any] | Sequence[Any],
) -> tuple[_Parameters, np.ndarray, dict[str, Any]]:
    """Parameters in the function's order, the start as one vector, and the data by name."""
    plain = function.function if isinstance(function, MarkedProgram) else function
    signature = inspect.signature(plain).parameters
    given = dict(x0) if isinstance(x0, Mapping) else {next(iter(signature)): x0}
    rest = [name for name in signature if name not in given]
    if isinstance(data, Mapping):
        fixed = dict(data)
    elif len(data) > len(rest):
        raise ModelError(f"{caller}: {len(data)} arrays of data given for {', '.join(rest)}")
    else:
        fixed = dict(zip(rest, data, strict=False))
    for name in (*given, *fixed):
        if name not in signature:
            raise ModelError(
                f"{caller}: the function has no argument '{name}'; it has {', '.join(signature)}"
            )
    for name, parameter in signature.items():
        missing = name not in given and name not in fixed
        if missing and parameter.default is inspect.Parameter.empty:
            raise ModelError(f"{caller}: the argument '{name}' is missing; pass it in data")
    names = tuple(name for name in signature if name in given)
    arrays = [np.asarray(given[name], dtype=np.float64) for name in names]
    parameters = _Parameters(names, tuple(array.shape for array in arrays))
    return parameters, np.concatenate([array.reshape(-1) for array in arrays]), fixed
