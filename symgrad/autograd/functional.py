"""Jacobians, Hessians and their products with vectors, of functions of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.backward import grad
from symgrad.autograd.matrices import stack
from symgrad.autograd.modes import enable_grad
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

Function = Callable[..., Any]


def _inputs(inputs: Any, create_graph: bool) -> tuple[bool, tuple[Tensor, ...]]:
    """Leaves with the values of the inputs, or the inputs' own graph under create_graph."""
    several = isinstance(inputs, (tuple, list))
    given = tuple(inputs) if several else (inputs,)
    for x in given:
        if not isinstance(x, Tensor):
            raise TypeError(
                f"the inputs must be a Tensor or a tuple of Tensors, not {type(x).__name__}"
            )
    if create_graph:
        return several, tuple(
            x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in given
        )
    return several, tuple(x.detach().requires_grad_() for x in given)


def _outputs(function: Function, inputs: Sequence[Tensor]) -> tuple[bool, tuple[Tensor, ...]]:
    result = function(*inputs)
    several = isinstance(result, (tuple, list))
    outputs = tuple(result) if several else (result,)
    for y in outputs:
        if not isinstance(y, Tensor):
            raise TypeError(
                f"the outputs of the user-provided function must be Tensors, not {type(y).__name__}"
            )
    return several, outputs


def _plain(values: Sequence[Any], several: bool, create_graph: bool) -> Any:
    kept = tuple(v if create_graph else v.detach() for v in values)
    return kept if several else kept[0]


def _gradients(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    weights: Sequence[Any],
    create_graph: bool,
    strict: bool = False,
) -> list[Tensor]:
    """Vector-Jacobian products, zeros where nothing depends on an input."""
    pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    found: tuple[Any, ...] = (None,) * len(inputs)
    if pairs:
        found = grad(
            [y for y, _ in pairs],
            list(inputs),
            [w for _, w in pairs],
            retain_graph=True,
            create_graph=create_graph,
            allow_unused=True,
        )
    if strict and any(g is None for g in found):
        raise RuntimeError(
            "the output of the user-provided function is independent of an input; this is not "
            "allowed in strict mode"
        )
    return [
        wrap(np.zeros_like(x._data)) if g is None else g for g, x in zip(found, inputs, strict=True)
    ]


def jacobian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, **ignored: Any
) -> Any:
    """J[o…, i…] = ∂f[o…]/∂x[i…]; tuples of inputs and outputs give nested tuples.

    >>> import symgrad
    >>> symgrad.autograd.functional.jacobian(lambda x: x**2, symgrad.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    with enable_grad():
        many_inputs, leaves = _inputs(inputs, create_graph)
        many_outputs, outputs = _outputs(func, leaves)
        rows = []
        for y in outputs:
            columns = _rows_of(y, leaves, create_graph, strict)
            shaped = [
                c.reshape((*y._data.shape, *x._data.shape))
                for c, x in zip(columns, leaves, strict=True)
            ]
            rows.append(_plain(shaped, many_inputs, create_graph))
    return tuple(rows) if many_outputs else rows[0]


def _rows_of(y: Tensor, leaves: Sequence[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    """The gradients of every element of y, stacked."""
    collected: list[list[Tensor]] = [[] for _ in leaves]
    for position in range(y._data.size):
        unit = np.zeros(y._data.size, y._data.dtype)
        unit[position] = 1
        weight = wrap(unit.reshape(y._data.shape))
        for rows, g in zip(
            collected, _gradients([y], leaves, [weight], create_graph, strict), strict=True
        ):
            rows.append(g)
    return [
        stack(rows) if rows else wrap(np.zeros((0, *x._data.shape), x._data.dtype))
        for rows, x in zip(collected, leaves, strict=True)
    ]


def hessian(
    func: Function, inputs: Any, create_graph: bool = False, strict: bool = False, **ignored: Any
) -> Any:
    """H[i…, j…] = ∂²f/∂x[i…]∂x[j…] of a scalar function; blocks for several inputs."""
    several = isinstance(inputs, (tuple, list))

    def gradient(*leaves: Tensor) -> Any:
        y = _scalar(func, leaves)
        return tuple(_gradients([y], leaves, [None], True, strict))

    blocks = jacobian(gradient, inputs, create_graph, strict)
    return blocks if several else blocks[0]


def _scalar(func: Function, leaves: Sequence[Tensor]) -> Tensor:
    _, outputs = _outputs(func, leaves)
    if len(outputs) != 1 or outputs[0]._data.size != 1:
        raise RuntimeError(
            "The Tensor returned by the function given to hessian should contain a single element"
        )
    return outputs[0].reshape(())


def _vector(v: Any, like: Sequence[Tensor], several: bool, what: str) -> tuple[Any, ...]:
    """The given vector, checked; None stands for 1 if there is one element."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if the user-provided function {what} a single "
                "Tensor with a single element."
            )
        return (wrap(np.ones_like(like[0]._data)),)
    given = tuple(v) if isinstance(v, (tuple, list)) else (v,)
    if len(given) != len(like):
        raise RuntimeError(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(given)}."
        )
    for k, (one, other) in enumerate(zip(given, like, strict=True)):
        if one._data.shape != other._data.shape:
            raise RuntimeError(
                f"Entry {k} in v has invalid size: should be {other.shape} but got {one.shape}."
            )
    return given


def vjp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(f(x), v·∂f/∂x)"""
    with enable_grad():
        several, leaves = _inputs(inputs, create_graph)
        many_outputs, outputs = _outputs(func, leaves)
        weights = _vector(v, outputs, many_outputs, "returns")
        products = _gradients(outputs, leaves, weights, create_graph, strict)
    return _plain(outputs, many_outputs, create_graph), _plain(products, several, create_graph)


def jvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(f(x), ∂f/∂x·v), by the derivative of the vector-Jacobian product by its vector."""
    with enable_grad():
        several, leaves = _inputs(inputs, create_graph)
        direction = _vector(v, leaves, several, "takes")
        many_outputs, outputs = _outputs(func, leaves)
        dummies = [wrap(np.zeros_like(y._data)).requires_grad_() for y in outputs]
        products = _gradients(outputs, leaves, dummies, True, strict)
        results = _gradients(products, dummies, direction, create_graph)
    return _plain(outputs, many_outputs, create_graph), _plain(results, many_outputs, create_graph)


def vhp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(f(x), v·H) of a scalar function."""
    with enable_grad():
        several, leaves = _inputs(inputs, create_graph)
        direction = _vector(v, leaves, several, "takes")
        y = _scalar(func, leaves)
        first = _gradients([y], leaves, [None], True, strict)
        second = _gradients(first, leaves, direction, create_graph)
    return _plain([y], False, create_graph), _plain(second, several, create_graph)


def hvp(
    func: Function, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(f(x), H·v) of a scalar function; H is symmetric, so this is v·H."""
    return vhp(func, inputs, v, create_graph, strict)
