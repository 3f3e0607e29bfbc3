"""Twenty functions with their arguments, in NumPy and in torch, for derivatives of any order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

Function = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A scalar function of its first argument; `data` are the others; `peer(torch)` is torch's."""

    name: str
    function: Function
    peer: Callable[[Any], Function]
    x: np.ndarray
    data: tuple[np.ndarray, ...] = ()
    structure: str = "Dense"


def _log_sum_exp(z: Any) -> Any:
    return np.log(np.sum(np.exp(z)))


_RNG = np.random.default_rng(7)
_X = _RNG.uniform(0.3, 1.3, 5)
_A = _RNG.normal(size=(5, 5))
_B = _RNG.normal(size=(4, 5))
_Y = _RNG.uniform(size=4)
_M = _RNG.uniform(0.3, 1.3, (3, 2))
_V = _RNG.normal(size=(4, 2))
_T = _RNG.normal(size=(3, 4))
_INDEX = np.array([0, 2, 2, 4, 1, 0], dtype=np.int64)
_P = np.array([0.1, 0.2, 0.3, 0.15, 0.25])

CASES = (
    Case(
        "cubes",
        lambda x: np.sum(x**3),
        lambda t: lambda x: (x**3).sum(),
        _X,
        (),
        "Diagonal",
    ),
    Case(
        "sines",
        lambda x: np.sum(np.sin(x) * np.exp(x)),
        lambda t: lambda x: (t.sin(x) * t.exp(x)).sum(),
        _X,
        (),
        "Diagonal",
    ),
    Case("quadratic_form", lambda x, A: x @ A @ x, lambda t: lambda x, A: x @ A @ x, _X, (_A,)),
    Case(
        "least_squares",
        lambda x, B, y: np.sum((B @ x - y) ** 2),
        lambda t: lambda x, B, y: ((B @ x - y) ** 2).sum(),
        _X,
        (_B, _Y),
    ),
    Case(
        "logistic",
        lambda x, B, y: np.mean(np.log(1 + np.exp(B @ x)) - y * (B @ x)),
        lambda t: lambda x, B, y: (t.nn.functional.softplus(B @ x) - y * (B @ x)).mean(),
        _X,
        (_B, _Y),
    ),
    Case(
        "softmax_cross_entropy",
        lambda x, p: _log_sum_exp(x) - x @ p,
        lambda t: lambda x, p: t.logsumexp(x, 0) - x @ p,
        _X,
        (_P,),
        "LowRankPlus",
    ),
    Case(
        "log_sum_exp_of_rows",
        lambda M: np.sum(np.log(np.sum(np.exp(M), axis=1)) ** 2),
        lambda t: lambda M: (t.logsumexp(M, 1) ** 2).sum(),
        _M,
        (),
        "BlockDiagonal",
    ),
    Case(
        "rosenbrock",
        lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
        lambda t: lambda x: (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum(),
        _X,
        (),
        "Banded",
    ),
    Case(
        "matrix_factorisation",
        lambda U, V, T: np.sum((T - U @ V.T) ** 2),
        lambda t: lambda U, V, T: ((T - U @ V.T) ** 2).sum(),
        _M,
        (_V, _T),
        "Kronecker",
    ),
    Case(
        "tanh_layer",
        lambda x, B: np.sum(np.tanh(B @ x) ** 3),
        lambda t: lambda x, B: (t.tanh(B @ x) ** 3).sum(),
        _X,
        (_B,),
    ),
    Case(
        "gaussian",
        lambda x: np.exp(-0.5 * np.sum(x**2)),
        lambda t: lambda x: t.exp(-0.5 * (x**2).sum()),
        _X,
        (),
        "LowRankPlus",
    ),
    Case("product", lambda x: np.prod(x), lambda t: lambda x: t.prod(x), _X),
    Case(
        "norm",
        lambda x: np.sqrt(np.sum(x**2)),
        lambda t: lambda x: t.sqrt((x**2).sum()),
        _X,
        (),
        "LowRankPlus",
    ),
    Case(
        "gather",
        lambda x, k: np.sum(np.sin(x[k] * x[k[::-1]])),
        lambda t: lambda x, k: t.sin(x[k] * x[k.flip(0)]).sum(),
        _X,
        (_INDEX,),
    ),
    Case(
        "cumulative_sum",
        lambda x: np.sum(np.cumsum(x) ** 4),
        lambda t: lambda x: (t.cumsum(x, 0) ** 4).sum(),
        _X,
    ),
    Case(
        "reshaped",
        lambda M: np.sum(np.exp(M.reshape(M.shape[1], M.shape[0])) @ M),
        lambda t: lambda M: (t.exp(M.reshape(2, 3)) @ M).sum(),
        _M,
    ),
    Case(
        "where",
        lambda x: np.sum(np.where(x > 0.8, x**4, np.sin(x))),
        lambda t: lambda x: t.where(x > 0.8, x**4, t.sin(x)).sum(),
        _X,
        (),
        "Diagonal",
    ),
    Case(
        "largest",
        lambda x: np.max(x * x) * np.sum(x),
        lambda t: lambda x: t.max(x * x) * x.sum(),
        _X,
    ),
    Case(
        "mirrored",
        lambda x: np.sum(special.erf(x) * x[::-1]),
        lambda t: lambda x: (t.erf(x) * x.flip(0)).sum(),
        _X,
        (),
        "Sparse",
    ),
    Case(
        "ratio",
        lambda x, A: (x @ A @ x) / (x @ x),
        lambda t: lambda x, A: (x @ A @ x) / (x @ x),
        _X,
        (_A,),
    ),
)
