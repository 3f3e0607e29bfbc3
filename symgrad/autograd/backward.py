"""`backward` and `grad`: the public way into the engine, with torch's checks and messages."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.autograd.engine import walk_back
from symgrad.autograd.modes import MODES
from symgrad.autograd.recording import edge_of
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["backward", "grad"]

Tensors = Tensor | Sequence[Tensor]


def _as_tuple(tensors: Any) -> tuple[Any, ...]:
    return (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)


def _gradients(outputs: Sequence[Tensor], given: Sequence[Any], batched: bool) -> list[Tensor]:
    """The gradient of each output: as given, or 1 for a scalar."""
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    return [
        _gradient(k, output, gradient, batched)
        for k, (output, gradient) in enumerate(zip(outputs, given, strict=True))
    ]


def _gradient(position: int, output: Tensor, gradient: Any, batched: bool) -> Tensor:
    array = output._data
    if gradient is None:
        if output.requires_grad and array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if output.requires_grad and array.dtype.kind not in "f":
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{output.dtype}"
            )
        return wrap(np.ones(array.shape, array.dtype))
    if not isinstance(gradient, Tensor):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}: "
            "make it one with tensor(...)"
        )
    shape = gradient._data.shape[1:] if batched else gradient._data.shape
    if shape != array.shape and not (array.shape == () and shape == (1,)):
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{position}] has a shape of {gradient.shape} and "
            f"output[{position}] has a shape of {output.shape}."
        )
    if shape != array.shape:
        gradient = gradient.reshape(())
    if gradient._data.dtype.kind == "c" and array.dtype.kind != "c":
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype"
        )
    if gradient._data.dtype != array.dtype and array.dtype.kind in "fc":
        gradient = gradient.to(array.dtype)
    return gradient


def _roots(outputs: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[tuple[Any, Tensor]]:
    roots = []
    for k, (output, gradient) in enumerate(zip(outputs, gradients, strict=True)):
        edge = edge_of(output)
        if edge is None:
            raise RuntimeError(
                f"element {k} of tensors does not require grad and does not have a grad_fn"
            )
        roots.append((edge, gradient))
    return roots


def backward(
    tensors: Tensors,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Tensors | None = None,
) -> None:
    """Adds Σ ∂(g·y)/∂x, y in `tensors` and g in `grad_tensors`, to every `x.grad`.

    Args:
        tensors: one or several roots.
        grad_tensors: their gradients; None for a scalar means 1.
        retain_graph: keep the saved values, for another call; by default as `create_graph`.
        create_graph: record the gradients' own graph, for higher derivatives.
        grad_variables: the old name of `grad_tensors`.
        inputs: accumulate into these tensors only.

    Raises:
        RuntimeError: a root does not require grad, a gradient is missing or has another shape, or
            the graph has been freed.
    """
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    if inputs is not None and not isinstance(inputs, Tensor) and not len(inputs):
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    outputs = _as_tuple(tensors)
    given = _given(outputs, grad_tensors)
    roots = _roots_checked(outputs, given, False)
    wanted = None if inputs is None else _as_tuple(inputs)
    for tensor in wanted or ():
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    retain = create_graph if retain_graph is None else retain_graph
    walk_back(roots, retain=retain, create=create_graph, inputs=wanted)


def _given(outputs: Sequence[Tensor], grad_tensors: Any) -> tuple[Any, ...]:
    if grad_tensors is None:
        return (None,) * len(outputs)
    if isinstance(grad_tensors, Tensor):
        return (grad_tensors,)
    try:
        return tuple(grad_tensors) if not isinstance(grad_tensors, np.ndarray) else (grad_tensors,)
    except TypeError:
        return (grad_tensors,)


def _roots_checked(
    outputs: Sequence[Tensor], given: Sequence[Any], batched: bool
) -> list[tuple[Any, Tensor]]:
    if not outputs:
        raise RuntimeError("grad requires non-empty outputs.")
    for output in outputs:
        if not isinstance(output, Tensor):
            raise TypeError(
                f"backward takes tensors, not {type(output).__name__}: roots are results of "
                "recorded operations"
            )
    return _roots(outputs, _gradients(outputs, given, batched))


def grad(
    outputs: Tensors,
    inputs: Tensors,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """(Σ ∂(g·y)/∂x for each x in `inputs`); no `.grad` is touched.

    Args:
        outputs: one or several roots y.
        inputs: what to differentiate by, leaves or results.
        grad_outputs: the gradients g; None for a scalar means 1.
        retain_graph: keep the saved values; by default as `create_graph`.
        create_graph: record the gradients' own graph.
        only_inputs: always true.
        allow_unused: return None for an input that no output depends on, instead of raising.
        is_grads_batched: `grad_outputs` have one more axis in front, a product is made for each.
        materialize_grads: return zeros for such an input.
    """
    roots, wanted = _as_tuple(outputs), _as_tuple(inputs)
    if not wanted:
        raise ValueError("grad requires non-empty inputs.")
    for tensor in wanted:
        if not tensor.requires_grad:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
    given = _given(roots, grad_outputs)
    retain = create_graph if retain_graph is None else retain_graph
    if is_grads_batched:
        return _batched(roots, wanted, given, retain, create_graph, allow_unused)
    pairs = _roots_checked(roots, given, False)
    found: list[Any] = walk_back(
        pairs, retain=retain, create=create_graph, inputs=wanted, accumulate=False
    )
    for k, value in enumerate(found):
        if value is not None:
            continue
        if materialize_grads:
            found[k] = wrap(np.zeros_like(wanted[k]._data))
        elif not allow_unused:
            raise RuntimeError(
                "One of the differentiated Tensors appears to not have been used in the graph. Set "
                "allow_unused=True if this is the desired behavior."
            )
    return tuple(found)


def _batched(
    outputs: Sequence[Tensor],
    inputs: Sequence[Tensor],
    given: Sequence[Any],
    retain: bool,
    create: bool,
    allow_unused: bool | None,
) -> tuple[Any, ...]:
    """One product for each entry of the leading axis, stacked."""
    from symgrad.autograd.matrices import stack

    count = next(len(g._data) for g in given if g is not None)
    rows = [
        grad(
            outputs,
            inputs,
            tuple(None if g is None else g[k] for g in given),
            retain_graph=retain or k < count - 1,
            create_graph=create,
            allow_unused=allow_unused,
        )
        for k in range(count)
    ]
    before = MODES.enabled
    MODES.enabled = create
    try:
        return tuple(
            None if column[0] is None else stack(list(column)) for column in zip(*rows, strict=True)
        )
    finally:
        MODES.enabled = before
