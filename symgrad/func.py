"""Functions of functions: `torch.func`'s names on recorded graphs.

    grad(f)(x) = ∂f/∂x,  vjp(f, x) = f(x), ȳ ↦ ȳ·J,  jvp(f, (x,), (v,)) = f(x), J·v

All are reverse mode; `jacfwd` gives what `jacrev` gives, and `vmap` calls the function for each
entry. They nest, and gradients reach tensors that the function reads besides its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd import functional
from symgrad.autograd.backward import grad as gradients_of
from symgrad.autograd.matrices import stack
from symgrad.autograd.modes import enable_grad
from symgrad.autograd.nodes import leaves_behind
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"]

Function = Callable[..., Any]
Positions = int | tuple[int, ...]


def _tracked(x: Tensor) -> Tensor:
    """The tensor as an input of its own, still part of an outer graph."""
    return x.view_as(x) if x.requires_grad else x.detach().requires_grad_()


def _settled(result: Tensor, own: Sequence[Tensor]) -> Tensor:
    """Without graph, if it leads to nothing but the inputs that were made for this call."""
    made = {id(x) for x in own}
    outer = any(id(leaf) not in made and leaf._requires for leaf in leaves_behind([result]))
    return result if outer else result.detach()


def _pick(arguments: Sequence[Any], argnums: Positions) -> tuple[list[Any], list[Tensor]]:
    """The arguments with tracked ones at some positions, and those."""
    places = (argnums,) if isinstance(argnums, int) else argnums
    changed = list(arguments)
    for place in places:
        changed[place] = _tracked(changed[place])
    return changed, [changed[place] for place in places]


def grad_and_value(func: Function, argnums: Positions = 0, has_aux: bool = False) -> Function:
    """A function that returns (∂f/∂x, f); with `has_aux`, (∂f/∂x, (f, auxiliary))."""

    def run(*arguments: Any, **named: Any) -> Any:
        with enable_grad():
            given, wanted = _pick(arguments, argnums)
            result = func(*given, **named)
            value, auxiliary = result if has_aux else (result, None)
            if value._data.ndim:
                raise RuntimeError(
                    "grad: Expected f(*args) to return a scalar tensor, got tensor with "
                    f"{value._data.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs "
                    "instead?"
                )
            found = _product([value], wanted, [None])
            found = [_settled(g, wanted) for g in found]
            value = _settled(value, wanted)
        gradients = found[0] if isinstance(argnums, int) else tuple(found)
        return gradients, (value, auxiliary) if has_aux else value

    return run


def _product(outputs: Sequence[Tensor], wanted: Sequence[Tensor], weights: Any) -> list[Tensor]:
    """Gradients with their graph; zeros where nothing depends on an input."""
    pairs = [(y, w) for y, w in zip(outputs, weights, strict=True) if y.requires_grad]
    if not pairs:
        return [wrap(np.zeros_like(x._data)) for x in wanted]
    return list(
        gradients_of(
            [y for y, _ in pairs],
            list(wanted),
            [w for _, w in pairs],
            create_graph=True,
            materialize_grads=True,
        )
    )


def grad(func: Function, argnums: Positions = 0, has_aux: bool = False) -> Function:
    """A function that returns ∂f/∂x of a scalar f; with `has_aux`, (∂f/∂x, auxiliary).

    >>> import symgrad
    >>> symgrad.func.grad(symgrad.func.grad(lambda x: x**3))(symgrad.tensor(2.0))
    tensor(12.)
    """
    both = grad_and_value(func, argnums, has_aux)

    def run(*arguments: Any, **named: Any) -> Any:
        gradients, value = both(*arguments, **named)
        return (gradients, value[1]) if has_aux else gradients

    return run


def vjp(func: Function, *primals: Tensor, has_aux: bool = False) -> Any:
    """(f(x), ȳ ↦ (ȳ·∂f/∂x for each x)); with `has_aux`, the auxiliary value as a third."""
    with enable_grad():
        inputs = [_tracked(x) for x in primals]
        result = func(*inputs)
    output, auxiliary = result if has_aux else (result, None)
    several = isinstance(output, (tuple, list))
    outputs = list(output) if several else [output]

    def product(*cotangents: Any) -> tuple[Tensor, ...]:
        given = cotangents[0] if len(cotangents) == 1 and several else cotangents
        with enable_grad():
            found = _product(outputs, inputs, list(given))
        return tuple(_settled(g, inputs) for g in found)

    values = [_settled(y, inputs) for y in outputs]
    shown = tuple(values) if several else values[0]
    return (shown, product, auxiliary) if has_aux else (shown, product)


def jvp(func: Function, primals: Sequence[Tensor], tangents: Sequence[Tensor]) -> Any:
    """(f(x), Σ ∂f/∂x·v)"""
    with enable_grad():
        inputs = [_tracked(x) for x in primals]
        result = func(*inputs)
        several = isinstance(result, (tuple, list))
        outputs = list(result) if several else [result]
        products = [_pushed(y, inputs, tangents) for y in outputs]
    values = [_settled(y, inputs) for y in outputs]
    if several:
        return tuple(values), tuple(products)
    return values[0], products[0]


def _pushed(y: Tensor, inputs: Sequence[Tensor], tangents: Sequence[Tensor]) -> Tensor:
    """J·v: the product v̄·J is linear in v̄, and its own product with v is J·v."""
    weight = wrap(np.zeros_like(y._data)).requires_grad_()
    rows = _product([y], inputs, [weight])
    pairs = [(row, v) for row, v in zip(rows, tangents, strict=True) if row.requires_grad]
    if not pairs:
        return wrap(np.zeros_like(y._data))
    (found,) = _product([row for row, _ in pairs], [weight], [v for _, v in pairs])
    return _settled(found, [weight, *inputs])


def jacrev(func: Function, argnums: Positions = 0) -> Function:
    """A function that returns J[o…, i…] = ∂f[o…]/∂x[i…]."""

    def run(*arguments: Any) -> Any:
        with enable_grad():
            given, wanted = _pick(arguments, argnums)
            places = (argnums,) if isinstance(argnums, int) else argnums

            def of_wanted(*values: Any) -> Any:
                changed = list(given)
                for place, value in zip(places, values, strict=True):
                    changed[place] = value
                return func(*changed)

            single = isinstance(argnums, int)
            inputs = wanted[0] if single else tuple(wanted)
            result = functional.jacobian(of_wanted, inputs, create_graph=True)
        return _settled_tree(result, wanted)

    return run


def _settled_tree(values: Any, own: Sequence[Tensor]) -> Any:
    if isinstance(values, tuple):
        return tuple(_settled_tree(v, own) for v in values)
    return _settled(values, own)


jacfwd = jacrev


def hessian(func: Function, argnums: Positions = 0) -> Function:
    """A function that returns ∂²f/∂x∂x of a scalar f."""
    return jacrev(jacrev(func, argnums), argnums)


def vmap(func: Function, in_dims: Any = 0, out_dims: int = 0) -> Function:
    """A function of stacked arguments: f of each entry, results stacked.

    Args:
        func: takes and returns tensors.
        in_dims: the axis of each argument that counts the entries, None for one without.
        out_dims: the axis of the results that counts them.
    """

    def run(*arguments: Any) -> Any:
        dims = in_dims if isinstance(in_dims, (tuple, list)) else (in_dims,) * len(arguments)
        lengths = {x.shape[d] for x, d in zip(arguments, dims, strict=True) if d is not None}
        if len(lengths) != 1:
            raise ValueError(
                "vmap: Expected all tensors to have the same size in the mapped dimension, got "
                f"sizes {sorted(lengths)} for the mapped dimension"
            )
        results = [
            func(
                *(x if d is None else x.select(d, k) for x, d in zip(arguments, dims, strict=True))
            )
            for k in range(lengths.pop())
        ]
        if isinstance(results[0], tuple):
            return tuple(stack(list(column), out_dims) for column in zip(*results, strict=True))
        return stack(results, out_dims)

    return run
