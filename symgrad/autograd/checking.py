"""`gradcheck` and `gradgradcheck`: recorded derivatives against central differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.backward import grad
from symgrad.autograd.modes import enable_grad, no_grad
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]

Array = np.ndarray


class GradcheckError(RuntimeError):
    """Recorded and numerical derivatives differ."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **ignored: Any,
) -> bool:
    """Whether ∂f/∂x by backward agrees with (f(x + ε) − f(x − ε))/2ε, for all floating inputs.

    Raises:
        GradcheckError: they differ, unless `raise_exception` is False.
    """
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    leaves = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
    if not leaves:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them "
            "have requires_grad=True."
        )
    if any(x._data.dtype.itemsize < 8 for x in leaves):
        warnings.warn(
            "an input requires gradient and is not a double precision floating point: the check "
            "will likely fail",
            stacklevel=2,
        )
    try:
        _compare(func, given, leaves, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _floating(outputs: Any) -> list[Tensor]:
    listed = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    return [y for y in listed if isinstance(y, Tensor) and y._data.dtype.kind == "f"]


def _compare(
    func: Callable[..., Any],
    given: Sequence[Any],
    leaves: Sequence[Tensor],
    eps: float,
    atol: float,
    rtol: float,
) -> None:
    with enable_grad():
        outputs = _floating(func(*given))
    for number, y in enumerate(outputs):
        recorded = _recorded(y, leaves)
        for position, (x, by_backward) in enumerate(zip(leaves, recorded, strict=True)):
            by_differences = _numerical(func, given, x, number, eps)
            if not np.allclose(by_backward, by_differences, rtol, atol):
                raise GradcheckError(
                    f"Jacobian mismatch for output {number} with respect to input {position},\n"
                    f"numerical:{by_differences}\nanalytical:{by_backward}\n"
                )


def _recorded(y: Tensor, leaves: Sequence[Tensor]) -> list[Array]:
    """The Jacobian by one backward for each element, elements of x along the first axis."""
    jacobians = [np.zeros((x._data.size, y._data.size)) for x in leaves]
    if not y.requires_grad:
        return jacobians
    for k in range(y._data.size):
        unit = np.zeros(y._data.size, y._data.dtype)
        unit[k] = 1
        weight = wrap(unit.reshape(y._data.shape))
        found = grad(y, list(leaves), weight, retain_graph=True, allow_unused=True)
        for jacobian, g in zip(jacobians, found, strict=True):
            if g is not None:
                jacobian[:, k] = g._data.ravel()
    return jacobians


def _numerical(
    func: Callable[..., Any], given: Sequence[Any], x: Tensor, number: int, eps: float
) -> Array:
    if not x._data.flags.c_contiguous:
        x._data = np.ascontiguousarray(x._data)
    flat = x._data.reshape(-1)
    rows = []
    with no_grad():
        for k in range(flat.size):
            old = flat[k]
            flat[k] = old + eps
            high = _floating(func(*given))[number]._data.astype(np.float64).ravel()
            flat[k] = old - eps
            low = _floating(func(*given))[number]._data.astype(np.float64).ravel()
            flat[k] = old
            rows.append((high - low) / (2 * eps))
    return np.array(rows).reshape(flat.size, -1)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    **ignored: Any,
) -> bool:
    """`gradcheck` of the vector-Jacobian product: second derivatives."""
    given = tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,)
    with enable_grad():
        outputs = [y for y in _floating(func(*given)) if y.requires_grad]
    if grad_outputs is None:
        rng = np.random.default_rng(0)
        weights = [
            wrap(rng.standard_normal(y._data.shape).astype(y._data.dtype)).requires_grad_()
            for y in outputs
        ]
    else:
        weights = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]

    def products(*arguments: Any) -> Any:
        inner, vectors = arguments[: len(given)], arguments[len(given) :]
        leaves = [x for x in inner if isinstance(x, Tensor) and x.requires_grad]
        with enable_grad():
            values = [y for y in _floating(func(*inner)) if y.requires_grad]
            found = grad(values, leaves, list(vectors), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        products,
        (*given, *weights),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
    )
