"""Recording: values by NumPy at once, and a node if an input requires grad.

What is kept is the operation, its inputs with the version they had, and its static parameters:
no symbolic work happens here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symgrad.autograd.dtypes import default_numpy, promoted
from symgrad.autograd.modes import MODES
from symgrad.autograd.nodes import OperationNode
from symgrad.autograd.operations import Operation
from symgrad.autograd.rules import Rule, Unread
from symgrad.autograd.tensor import Tensor, wrap

__all__ = [
    "apply",
    "binary",
    "edge_of",
    "literal",
    "node_type_of",
    "operation",
    "record",
    "run_rule",
    "saved_tensor",
    "shape_error",
    "unary",
]

Array = np.ndarray
NO_PARAMETERS: dict[str, Any] = {}
_asarray = np.asarray
_NUMBERS = (bool, int, float, complex)


def operation(
    name: str, function: Callable[..., Any], *, quiet: bool = False, **options: Any
) -> Operation:
    """An operation with its node type; see `Operation` for the options.

    A `quiet` one says nothing about infinities and NaN: they are values, as in torch.
    """
    if quiet:
        options.setdefault("formula", function)
        function = np.errstate(all="ignore")(function)
    made = Operation(name, function, **options)
    made.node_type = node_type_of(name)
    return made


_NODE_TYPES: dict[str, type[OperationNode]] = {}


def node_type_of(name: str) -> type[OperationNode]:
    """The class of the nodes of this name."""
    found = _NODE_TYPES.get(name)
    if found is None:
        own = {"__slots__": (), "__module__": __name__, "kind": name}
        found = type(name, (OperationNode,), own)
        found = _NODE_TYPES.setdefault(name, found)
    return found


def edge_of(tensor: Tensor) -> Any:
    """Where a gradient of this tensor goes: None, the leaf itself, or (node, output)."""
    if tensor._base is not None:
        tensor._refresh()
    edge = tensor._edge
    if edge is not None:
        return edge
    return tensor if tensor._requires else tensor._alias


# --- the common cases, written out ---------------------------------------------------------------


def unary(op: Operation, x: Tensor, static: dict[str, Any] = NO_PARAMETERS) -> Tensor:
    """Apply an operation to one floating tensor; integers become the default type first."""
    data = x._data
    if data.dtype.kind not in "fc":
        return unary(op, wrap(data.astype(default_numpy())), static)
    value = op.function(data, **static)
    if type(value) is not np.ndarray:
        value = _asarray(value)
    result = wrap(value)
    if MODES.enabled:
        edge = edge_of(x)
        if edge is not None:
            node = op.node_type(op, (data,), static, (edge,), (x._counter,), value, result._counter)
            result._edge = (node, 0)
            if op.spelling_ends and type(edge) is tuple and edge[0].kind in op.spelling_ends:
                recognise(node, result)
    return result


def binary(op: Operation, x: Any, y: Any) -> Tensor:
    """Apply an arithmetic operation to two tensors, or a tensor and a number."""
    numbers = False
    if isinstance(x, Tensor):
        a: Any = x._data
        if isinstance(y, Tensor):
            b: Any = y._data
            if a.dtype is not b.dtype or a.dtype.kind not in "fc":
                return apply(op, (x, y))
        else:
            if a.dtype.kind != "f" or type(y) not in (float, int):
                return apply(op, (x, y))
            b, numbers = y, True
    else:
        b = y._data
        if b.dtype.kind != "f" or type(x) not in (float, int):
            return apply(op, (x, y))
        a, numbers = x, True
    try:
        value = op.function(a, b)
    except ValueError as error:
        raise shape_error((a, b), error) from None
    if type(value) is not np.ndarray:
        value = _asarray(value)
    result = wrap(value)
    if MODES.enabled:
        if numbers:
            if b is y:
                first, second = edge_of(x), None
                counters: Any = (x._counter, None)
            else:
                first, second = None, edge_of(y)
                counters = (None, y._counter)
        else:
            first, second = edge_of(x), edge_of(y)
            counters = (x._counter, y._counter)
        if first is not None or second is not None:
            _refuse_inference((x, y))
            node = op.node_type(
                op, (a, b), NO_PARAMETERS, (first, second), counters, value, result._counter
            )
            result._edge = (node, 0)
            ends = op.spelling_ends
            if ends and (
                (type(first) is tuple and first[0].kind in ends)
                or (type(second) is tuple and second[0].kind in ends)
            ):
                recognise(node, result)
    return result


# --- the general case ----------------------------------------------------------------------------


def apply(
    op: Operation,
    operands: Sequence[Any],
    static: dict[str, Any] = NO_PARAMETERS,
    *,
    promote: bool = True,
    floating: bool = False,
) -> Tensor:
    """Apply an operation to tensors, arrays and numbers.

    Args:
        op: the operation.
        operands: tensors and Python numbers; None is passed on.
        static: parameters that the formula is made for.
        promote: bring all operands to one type first.
        floating: a result of integers has the default floating type.
    """
    arrays: list[Any] = [x._data if isinstance(x, Tensor) else plain_number(x) for x in operands]
    casts = False
    if promote:
        arrays, casts = _promote(arrays, floating)
    try:
        value = op.function(*arrays, **static)
    except ValueError as error:
        raise shape_error(arrays, error) from None
    if type(value) is not np.ndarray:
        value = _asarray(value)
    return record(op, operands, arrays, static, value, casts)


def record(
    op: Operation,
    operands: Sequence[Any],
    arrays: Sequence[Any],
    static: dict[str, Any],
    value: Array,
    casts: bool = False,
) -> Tensor:
    """The tensor of a computed value, with a node if an operand requires grad."""
    result = wrap(value)
    tracing = MODES.tracing is not None
    if not MODES.enabled or (value.dtype.kind not in "fc" and not tracing):
        return result
    edges = tuple([edge_of(x) if isinstance(x, Tensor) else None for x in operands])
    for edge in edges:
        if edge is not None:
            break
    else:
        return result
    _refuse_inference(operands)
    edges = tuple(
        None if edge is None or (operands[k]._data.dtype.kind not in "fc" and not tracing) else edge
        for k, edge in enumerate(edges)
    )
    counters = tuple([x._counter if isinstance(x, Tensor) else None for x in operands])
    node = op.node_type(op, tuple(arrays), static, edges, counters, value, result._counter)
    node.casts = casts
    result._edge = (node, 0)
    ends = op.spelling_ends
    if ends and not casts and any(type(e) is tuple and e[0].kind in ends for e in edges):
        recognise(node, result)
    return result


def recognise(node: OperationNode, result: Tensor) -> None:
    """Look whether the node ends a naive spelling; see `spellings`."""
    if MODES.tracing is None and type(node.result) is np.ndarray:
        from symgrad.autograd.spellings import add_twin

        add_twin(node, result)


def _refuse_inference(operands: Sequence[Any]) -> None:
    for x in operands:
        if isinstance(x, Tensor) and x._inference and not x._requires:
            raise RuntimeError(
                "Inference tensors cannot be saved for backward. To work around you can make a "
                "clone to get a normal tensor and use it in autograd."
            )


def shape_error(arrays: Sequence[Any], error: ValueError) -> RuntimeError:
    """Torch's words for shapes that do not broadcast; NumPy's for anything else."""
    common: tuple[int, ...] = ()
    for array in arrays:
        shape = array.shape if isinstance(array, np.ndarray) else ()
        rank = max(len(common), len(shape))
        left, right = ((1,) * (rank - len(s)) + s for s in (common, shape))
        for k in reversed(range(rank)):
            if left[k] != right[k] and 1 not in (left[k], right[k]):
                return RuntimeError(
                    f"The size of tensor a ({left[k]}) must match the size of tensor b "
                    f"({right[k]}) at non-singleton dimension {k}"
                )
        common = tuple(m if n == 1 else n for n, m in zip(left, right, strict=True))
    return RuntimeError(str(error))


def literal(array: Array) -> Tensor:
    """A tensor of numbers that no tensor has given."""
    if MODES.tracing is not None:
        MODES.tracing.note(array)
    return wrap(array)


def plain_number(value: Any) -> Any:
    """A NumPy scalar as a Python number; anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return value


def _promote(arrays: list[Any], floating: bool) -> tuple[list[Any], bool]:
    """All operands in one type: arrays are converted, numbers are made to fit."""
    tensors = [a for a in arrays if isinstance(a, np.ndarray)]
    numbers = [a for a in arrays if isinstance(a, _NUMBERS)]
    common = promoted(tensors, numbers)
    if floating and common.kind not in "fc":
        common = default_numpy()
    casts = False
    for k, a in enumerate(arrays):
        if isinstance(a, np.ndarray):
            if a.dtype is not common and a.dtype != common:
                arrays[k] = a.astype(common)
                casts = True
        elif common.kind in "fc" and isinstance(a, (bool, int)):
            arrays[k] = float(a)
        elif isinstance(a, _NUMBERS) and not tensors:
            arrays[k] = np.asarray(a, common)
    return arrays, casts


# --- derivatives as operations -------------------------------------------------------------------


def saved_tensor(array: Array, counter: list[int] | None, edge: Any) -> Tensor:
    """A saved value as a tensor with its place in the graph."""
    if isinstance(edge, Tensor):
        if edge._data is array:
            return edge
        if edge._data.dtype != array.dtype:
            return edge.to(array.dtype)
        edge = None if edge._edge is None and not edge._requires else edge
    tensor = wrap(array)
    if counter is not None:
        tensor._counter = counter
    if isinstance(edge, Tensor):
        tensor._alias = edge
    elif edge is not None:
        tensor._edge = edge
    return tensor


def run_rule(rule: Rule, arguments: Sequence[Any], name: str, pointwise: bool) -> list[Tensor]:
    """Run a rule on tensors; its results are recorded, so they can be differentiated again."""
    arrays = [x._data if isinstance(x, Tensor) else x for x in arguments]
    values = rule.run(arrays)
    results = [wrap(value if type(value) is np.ndarray else _asarray(value)) for value in values]
    if not MODES.enabled:
        return results
    edges = tuple(
        edge_of(x)
        if isinstance(x, Tensor) and k in rule.reads and x._data.dtype.kind == "f"
        else None
        for k, x in enumerate(arguments)
    )
    if all(edge is None for edge in edges):
        return results
    from symgrad.autograd.rule_nodes import RuleNode

    counters = tuple(x._counter if isinstance(x, Tensor) else None for x in arguments)
    kept = [
        a if k in rule.reads or not hasattr(a, "shape") else Unread(a.shape, a.dtype)
        for k, a in enumerate(arrays)
    ]
    node = RuleNode(rule, name, kept, edges, counters, results, pointwise)
    tracked = frozenset(node.wrt)
    for number, result in enumerate(results):
        if tracked & rule.influences[number]:
            result._edge = (node, number)
    return results
