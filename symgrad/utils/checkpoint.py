"""Checkpoints: the forward runs again in backward, instead of keeping what it computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgrad.autograd.backward import grad
from symgrad.autograd.function import Function
from symgrad.autograd.modes import MODES, enable_grad
from symgrad.autograd.nodes import leaves_behind
from symgrad.autograd.tensor import Tensor, wrap

__all__ = ["checkpoint"]


class _Checkpoint(Function):
    """Keeps the arguments alone: tensors first, then the leaves that the function reads besides."""

    node_name = "CheckpointFunctionBackward"

    @staticmethod
    def forward(ctx: Any, run: Any, count: int, results: Any, *tensors: Tensor) -> Any:
        ctx.run, ctx.count = run, count
        ctx.save_for_backward(*tensors)
        values = tuple(wrap(y._data) for y in results)
        return values[0] if len(values) == 1 else values

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        again = MODES.enabled  # the gradient itself is recorded
        given, hidden = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        with enable_grad():
            if again:
                given = tuple(x.view_as(x) if x.requires_grad else x for x in given)
            else:
                given = tuple(x.detach().requires_grad_(x.requires_grad) for x in given)
            results = ctx.run(given)
        every = (*given, *hidden)
        wanted = [x for x in every if x.requires_grad]
        pairs = [(y, g) for y, g in zip(results, gradients, strict=True) if y.requires_grad]
        outputs, weights = [y for y, _ in pairs], [g for _, g in pairs]
        found = iter(grad(outputs, wanted, weights, create_graph=again, allow_unused=True))
        return (None, None, None, *(next(found) if x.requires_grad else None for x in every))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args), whose intermediate values are not kept but computed again in backward.

    Args:
        function: returns a tensor or a tuple of tensors, the same ones when it is called again:
            draw random numbers outside.
        args: tensors and other values.
        use_reentrant: accepted, and without meaning here.
        preserve_rng_state: accepted, and without meaning here.
        kwargs: named arguments of the function, constants of the graph.
    """
    places = [k for k, x in enumerate(args) if isinstance(x, Tensor)]

    def run(tensors: Any) -> tuple[Any, ...]:
        arguments = list(args)
        for place, x in zip(places, tensors, strict=True):
            arguments[place] = x
        result = function(*arguments, **kwargs)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)

    tensors = [args[k] for k in places]
    with enable_grad():
        inner = [x.detach().requires_grad_(x.requires_grad) for x in tensors]
        results = run(inner)
    own = {id(x) for x in inner}
    hidden = [x for x in leaves_behind(results) if id(x) not in own and x.requires_grad]
    return _Checkpoint.apply(run, len(tensors), results, *tensors, *hidden)
