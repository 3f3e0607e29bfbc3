"""Every operation of the table: values, vector-Jacobian products, dot test, second order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from symgrad.capture import parse_shape
from symgrad.codegen import Target
from symgrad.differentiate import pull_back, push_forward
from symgrad.program import Program, evaluate, is_floating
from symgrad.simplify import simplify
from tests.operations import (
    OPERATIONS,
    Operation,
    argument_specs,
    sample_arguments,
    size_names,
)
from tests.support import (
    STEP,
    Array,
    Built,
    assert_close,
    build,
    central_difference,
    complex_step_gradient,
    difference_gradient,
    flat,
    magnitude,
    weighted_total,
)

EXACT = 1e-12
ORACLE = 1e-9
EPSILON = float(np.finfo(np.float64).eps)
TARGETS: tuple[Target, ...] = ("numpy", "cpu")


def _has_floating_value(operation: Operation) -> bool:
    sizes = dict.fromkeys(size_names(operation), 3)
    arguments = sample_arguments(operation, np.random.default_rng(0), sizes)
    with np.errstate(all="ignore"):
        outputs = flat(operation.function(**arguments))
    return any(y.dtype.kind == "f" for y in outputs)


FLOATING = tuple(
    op
    for op in OPERATIONS
    if any(is_floating(s.dtype) for s in argument_specs(op).values()) and _has_floating_value(op)
)
DISCRETE = tuple(op for op in OPERATIONS if op not in FLOATING)
SMOOTH = tuple(op for op in FLOATING if op.smooth)
# One of each kind of loop nest: these run as compiled kernels in every test run.
COMPILED = (
    "add:outer",
    "power:array",
    "logaddexp",
    "expit:large",
    "log_ndtr",
    "polygamma:1",
    "xlogy",
    "where:broadcast",
    "clip:arrays",
    "logsumexp:axes",
    "softmax:axis",
    "sum:axes",
    "prod:axis",
    "max:axis",
    "var:axis",
    "norm:axis",
    "cumsum:axis",
    "cumprod",
    "matmul",
    "einsum:three",
    "concatenate:axis",
    "pad:axes",
    "stencil",
    "gather:pairs",
    "assign:recurrence",
)


@pytest.fixture
def jit(request: pytest.FixtureRequest) -> bool:
    """Whether every operation is to run as compiled kernels."""
    return bool(request.config.getoption("--jit-all"))


@cache
def built(name: str, dtype: str | None = None) -> Built:
    operation = next(op for op in OPERATIONS if op.name == name)
    return build(operation.function, argument_specs(operation), dtype=dtype)


@cache
def built_in_small_tiles(name: str) -> Built:
    return built(name).in_small_tiles()


@cache
def built_for_values(name: str, dtype: str | None = None) -> Built:
    """The operation; one without a derivative has a companion that has one, for company."""
    operation = next(op for op in OPERATIONS if op.name == name)
    if operation not in DISCRETE:
        return built(name, dtype)
    names = ", ".join(operation.parameters)
    text = f"def f({names}, companion):\n    return (*flat({names}), 2 * companion)\n"
    scope = {"flat": lambda *a: _as_list(operation.function(*a))}
    exec(text, scope)
    specs = {**argument_specs(operation), "companion": parse_shape("f64[]")}
    return build(scope["f"], specs, dtype=dtype)


def _as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def found_values(
    operation: Operation, dtype: str | None, target: Target, arguments: dict[str, Array], jit: bool
) -> tuple[Array, ...]:
    """The outputs of the operation on a target."""
    module = built_for_values(operation.name, dtype)
    if operation not in DISCRETE:
        return module.value(target, arguments, jit)
    companion = np.array(3.0, dtype or "float64")
    *values, last = module.value(target, {**arguments, "companion": companion[()]}, jit)
    assert last == 6
    return tuple(values)


def by_name(operations: tuple[Operation, ...]) -> Any:
    return pytest.mark.parametrize("operation", operations, ids=lambda op: op.name)


# --- arguments ---------------------------------------------------------------------------------


def sizings(operation: Operation, rng: np.random.Generator) -> Iterator[dict[str, int]]:
    """Sizes to try: random ones, all 1, each axis 0 by turns, all 0; none below the least."""
    names = size_names(operation)
    least = operation.least
    yield {name: int(rng.integers(max(2, least), 5)) for name in names}
    if not names:
        return
    if least <= 1:
        yield dict.fromkeys(names, 1)
    if least == 0:
        for empty in names:
            yield {name: 0 if name == empty else int(rng.integers(1, 4)) for name in names}
        yield dict.fromkeys(names, 0)


def cases(
    operation: Operation, rng: np.random.Generator
) -> Iterator[tuple[dict[str, int], dict[str, Array], tuple[Array, ...]]]:
    """Sizes, arguments, and what NumPy makes of them, where NumPy has a value."""
    for sizes in sizings(operation, rng):
        arguments = sample_arguments(operation, rng, sizes)
        with np.errstate(all="ignore"), pytest.MonkeyPatch.context():
            try:
                expected = numpy_value(operation, arguments)
            except (ValueError, IndexError, ZeroDivisionError):
                assert 0 in sizes.values(), f"NumPy refuses {sizes}"
                continue
        if operation.empty or 0 not in sizes.values():
            yield sizes, arguments, expected


@pytest.mark.filterwarnings("ignore")
def numpy_value(operation: Operation, arguments: dict[str, Array]) -> tuple[Array, ...]:
    with np.errstate(all="ignore"):
        return flat(operation.function(**{k: v.copy() for k, v in arguments.items()}))


def cotangents_of(outputs: tuple[Array, ...], rng: np.random.Generator) -> list[Array]:
    """Random cotangents of the floating outputs, of their types."""
    return [
        np.asarray(rng.normal(size=y.shape)).astype(y.dtype) for y in outputs if y.dtype.kind == "f"
    ]


def _spread(cotangents: list[Array], floating: tuple[bool, ...]) -> list[Array | None]:
    """Cotangents in the places of the floating outputs."""
    rest = iter(cotangents)
    return [next(rest) if is_float else None for is_float in floating]


# --- values ------------------------------------------------------------------------------------


def check_values(operation: Operation, rng: np.random.Generator, jit: bool) -> None:
    for sizes, arguments, expected in cases(operation, rng):
        before = {name: value.copy() for name, value in arguments.items()}
        for target in TARGETS:
            found = found_values(operation, None, target, arguments, jit)
            what = f"{operation.name} {target} {sizes}"
            assert len(found) == len(expected), what
            for mine, numpys in zip(found, expected, strict=True):
                assert mine.dtype == numpys.dtype, what
                assert_close(mine, numpys, EXACT, atol=1e-14 * magnitude(numpys), what=what)
        for name, value in arguments.items():
            assert np.array_equal(value, before[name]), f"{operation.name} changed {name}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(OPERATIONS)
def test_value_on_targets(operation: Operation, rng: np.random.Generator, jit: bool) -> None:
    check_values(operation, rng, jit)


# --- vector-Jacobian products ------------------------------------------------------------------


def check_vjp(operation: Operation, module: Built, rng: np.random.Generator, jit: bool) -> None:
    """Reference evaluator, numpy target and cpu target agree, value and product alike."""
    for sizes, arguments, expected in cases(operation, rng):
        cotangents = cotangents_of(expected, rng)
        values, products = module.reference_vjp(arguments, cotangents)
        for target in TARGETS:
            what = f"{operation.name} {target} {sizes}"
            found_values, found = module.vjp(target, arguments, cotangents, jit)
            for mine, reference in zip((*found_values, *found), (*values, *products), strict=True):
                assert_close(mine, reference, EXACT, atol=1e-14 * magnitude(reference), what=what)
        for mine, numpys in zip(values, expected, strict=True):
            assert_close(mine, numpys, EXACT, atol=1e-14 * magnitude(numpys), what=operation.name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(FLOATING)
def test_vjp_of_targets_agrees(operation: Operation, rng: np.random.Generator, jit: bool) -> None:
    """On the cpu target with tiles and blocks so small that every boundary is crossed."""
    check_vjp(operation, built_in_small_tiles(operation.name), rng, jit)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(SMOOTH)
def test_vjp_equals_differences(operation: Operation, rng: np.random.Generator) -> None:
    module = built(operation.name)
    for sizes in sizings(operation, rng):
        if not operation.empty and 0 in sizes.values():
            continue
        check_against_differences(operation, module, rng, sizes)


def check_against_differences(
    operation: Operation, module: Built, rng: np.random.Generator, sizes: dict[str, int]
) -> None:
    for _ in range(20):
        arguments = sample_arguments(operation, rng, sizes)
        try:
            outputs = numpy_value(operation, arguments)
        except (ValueError, IndexError, ZeroDivisionError):
            assert 0 in sizes.values(), f"NumPy refuses {sizes}"
            return
        cotangents = cotangents_of(outputs, rng)
        total = weighted_total(operation.function, _spread(cotangents, module.floating_outputs))
        oracle = {name: oracle_of(total, arguments, name) for name in module.model.wrt}
        # Two step widths that disagree have a kink between them: draw another point.
        if all(found is not None for found in oracle.values()):
            break
    else:
        pytest.fail(f"{operation.name}: no smooth point found")
    _, products = module.reference_vjp(arguments, cotangents)
    rounding = 8 * EPSILON * _total(cotangents)
    rounding *= max(map(magnitude, outputs), default=0.0)
    for name, product in zip(module.model.wrt, products, strict=True):
        differences, exact = oracle[name]
        scale = magnitude(differences)
        what = f"{operation.name} by {name} {sizes}"
        assert_close(product, differences, ORACLE, atol=ORACLE * scale + rounding / STEP, what=what)
        if exact is not None:
            atol = 1e-13 * scale + rounding
            assert_close(product, exact, ORACLE, atol=atol, what=f"{what} (complex step)")


def oracle_of(
    total: Callable[[Any], Any], arguments: dict[str, Array], name: str
) -> tuple[Array, Array | None] | None:
    """Differences, and the complex step where it is legal; None at a kink."""
    coarse = difference_gradient(total, arguments, name)
    fine = difference_gradient(total, arguments, name, STEP / 2)
    limit = 1e-6 * max(magnitude(coarse), 1e-3)
    if not np.all(np.abs(coarse - fine) <= limit):
        return None
    exact = complex_step_gradient(total, arguments, name)
    # Functions that are not analytic (absolute values, comparisons) show by a large deviation.
    if exact is not None and not np.all(np.abs(exact - coarse) <= limit):
        exact = None
    return coarse, exact


@pytest.mark.peers
@by_name(tuple(op for op in SMOOTH if op.torch is not None))
def test_vjp_equals_torch(operation: Operation, rng: np.random.Generator) -> None:
    torch = pytest.importorskip("torch")
    assert operation.torch is not None
    module = built(operation.name)
    sizes = next(sizings(operation, rng))
    arguments = sample_arguments(operation, rng, sizes)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in arguments.items()}
    for name in module.model.wrt:
        tensors[name].requires_grad_()
    result = operation.torch(torch, **tensors)
    outputs = tuple(result) if isinstance(result, (tuple, list)) else (result,)
    cotangents = [np.asarray(rng.normal(size=tuple(y.shape))) for y in outputs]
    torch.autograd.backward(outputs, [torch.from_numpy(w) for w in cotangents])
    values, products = module.reference_vjp(arguments, cotangents)
    rounding = 8 * EPSILON * _total(cotangents)
    rounding *= max(map(magnitude, values), default=0.0)
    for mine, theirs in zip(values, outputs, strict=True):
        theirs = theirs.detach().numpy()
        assert_close(mine, theirs, ORACLE, atol=1e-12 * magnitude(theirs), what=operation.name)
    for name, product in zip(module.model.wrt, products, strict=True):
        gradient = tensors[name].grad
        theirs = np.zeros(product.shape) if gradient is None else gradient.numpy()
        what = f"{operation.name} by {name}"
        atol = 1e-12 * magnitude(theirs) + rounding
        assert_close(product, theirs, ORACLE, atol=atol, what=what)


# --- kinds of arguments ------------------------------------------------------------------------


def _strided(array: Array) -> Array:
    """The same values in every second element of a larger array, last axis first."""
    if not array.ndim:
        return array
    large = np.zeros(tuple(2 * n for n in array.shape[::-1]), array.dtype)
    view = large[tuple(slice(None, None, 2) for _ in array.shape)].T
    view[...] = array
    return view


def _read_only(array: Array) -> Array:
    copied = array.copy()
    copied.flags.writeable = False
    return copied


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(FLOATING[::3])
def test_strided_and_read_only_arguments(operation: Operation, rng: np.random.Generator) -> None:
    module = built(operation.name)
    sizes = next(sizings(operation, rng))
    arguments = sample_arguments(operation, rng, sizes)
    cotangents = cotangents_of(numpy_value(operation, arguments), rng)
    for target in TARGETS:
        values, products = module.vjp(target, arguments, cotangents)
        for change in (_strided, _read_only):
            changed = {name: change(value) for name, value in arguments.items()}
            again = module.vjp(target, changed, [change(w) for w in cotangents])
            for mine, first in zip((*again[0], *again[1]), (*values, *products), strict=True):
                assert np.array_equal(mine, first, equal_nan=True), f"{operation.name} {target}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(FLOATING)
def test_float32(operation: Operation, rng: np.random.Generator) -> None:
    """Single precision in, single precision out, close to double precision on the same numbers."""
    single, double = built(operation.name, "float32"), built(operation.name)
    sizes = next(sizings(operation, rng))
    arguments = sample_arguments(operation, rng, sizes, "float32")
    specs = argument_specs(operation)
    wide = {name: value.astype(specs[name].dtype) for name, value in arguments.items()}
    expected = numpy_value(operation, arguments)
    exact = numpy_value(operation, wide)
    for target in TARGETS:
        found = found_values(operation, "float32", target, arguments, False)
        for mine, numpys, wanted in zip(found, expected, exact, strict=True):
            what = f"{operation.name} {target}"
            assert mine.dtype == numpys.dtype, what
            assert_close(mine, wanted, 1e-4, atol=1e-5 * magnitude(wanted), what=what)
    if not operation.smooth:
        return
    cotangents = cotangents_of(expected, rng)
    _, reference = double.reference_vjp(wide, [w.astype(np.float64) for w in cotangents])
    for target in TARGETS:
        _, products = single.vjp(target, arguments, cotangents)
        for product, wanted in zip(products, reference, strict=True):
            what = f"{operation.name} {target} product"
            assert product.dtype == np.float32, what
            atol = 1e-4 * magnitude(wanted) + float(np.finfo(np.float32).tiny)
            assert_close(product, wanted, 1e-4, atol=atol, what=what)


# --- forward mode and second order -------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(SMOOTH)
def test_dot_product(operation: Operation, rng: np.random.Generator) -> None:
    """⟨J·v, w⟩ = ⟨v, Jᵀ·w⟩"""
    module = built(operation.name)
    program, wrt = module.model.program, module.model.wrt
    forward = push_forward(program, wrt)
    tangent_names = [a.name for a in forward.arguments[len(program.arguments) :]]
    for sizes, arguments, expected in cases(operation, rng):
        tangents = [rng.normal(size=arguments[name].shape) for name in wrt]
        found = evaluate(forward, {**arguments, **dict(zip(tangent_names, tangents, strict=True))})
        pushed = [found[name] for name in forward.outputs[len(program.outputs) :]]
        cotangents = cotangents_of(expected, rng)
        _, products = module.reference_vjp(arguments, cotangents)
        reached = [w for w, y in zip(cotangents, _reached(forward, program), strict=True) if y]
        left = [float(np.sum(w * y)) for w, y in zip(reached, pushed, strict=True)]
        right = [float(np.sum(v * g)) for v, g in zip(tangents, products, strict=True)]
        size = sum(float(np.sum(np.abs(w * y))) for w, y in zip(reached, pushed, strict=True))
        # Where J·v cancels (a saturated softmax) only its rounding is left.
        rounding = 4 * EPSILON * _total(cotangents) * _total(tangents)
        deviation = abs(sum(left) - sum(right))
        assert deviation <= EXACT * size + rounding, f"{operation.name} {sizes}"


def _total(arrays: list[Array]) -> float:
    return sum(float(np.sum(np.abs(array))) for array in arrays)


def _reached(forward: Program, program: Program) -> list[bool]:
    """For each floating output, whether forward mode gave it a tangent."""
    names = set(forward.outputs[len(program.outputs) :])
    dtypes = program.dtypes()
    return [
        f"{name}_dot" in names or any(n.startswith(f"{name}_dot") for n in names)
        for name in program.outputs
        if is_floating(dtypes[name])
    ]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@by_name(SMOOTH[::2])
def test_second_order(operation: Operation, rng: np.random.Generator) -> None:
    """The gradient program differentiated again: ⟨u, H·v⟩ by differences of the gradient."""
    module = built(operation.name)
    gradient = module.derived.gradient
    wrt = module.model.wrt
    first = gradient.program
    adjoints = first.outputs[len(gradient.values) :]
    program = Program("g", first.arguments, first.definitions, adjoints, first.constants)
    second = pull_back(program, wrt)
    simplified = simplify(second.program, without={"stabilise"}).program
    sizes = next(sizings(operation, rng))
    for _ in range(20):
        arguments: dict[str, Any] = sample_arguments(operation, rng, sizes)
        cotangents = cotangents_of(numpy_value(operation, arguments), rng)
        arguments.update(zip(gradient.cotangents, cotangents, strict=False))
        weights = [rng.normal(size=arguments[name].shape) for name in wrt]
        direction = {name: rng.normal(size=arguments[name].shape) for name in wrt}

        at = _along(program, arguments, direction, weights)
        coarse, fine = central_difference(at), central_difference(at, STEP / 2)
        size = _total(weights)
        if abs(coarse - fine) <= 1e-6 * max(abs(coarse), 1e-3):
            break
    else:
        pytest.fail(f"{operation.name}: no smooth point found")
    seeds = dict(zip(second.cotangents, weights, strict=True))
    values = evaluate(simplified, {**arguments, **seeds})
    products = [values[name] for name in simplified.outputs[len(adjoints) :]]
    found = sum(float(np.sum(direction[name] * p)) for name, p in zip(wrt, products, strict=True))
    noise = 8 * EPSILON / STEP * size * max(1.0, magnitude(at(0.0)))
    assert abs(found - coarse) <= 1e-8 * max(abs(coarse), 1e-2) + noise


def _along(
    program: Program,
    arguments: dict[str, Array],
    direction: dict[str, Array],
    weights: list[Array],
) -> Callable[[float], float]:
    """Σ u·output along a line through the arguments."""

    def at(distance: float) -> float:
        moved = {name: arguments[name] + distance * direction[name] for name in direction}
        values = evaluate(program, {**arguments, **moved})
        pairs = zip(weights, program.outputs, strict=True)
        return float(sum(np.sum(u * values[name]) for u, name in pairs))

    return at


# --- compiled kernels --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", COMPILED)
def test_compiled_kernels(name: str, rng: np.random.Generator) -> None:
    operation = next(op for op in OPERATIONS if op.name == name)
    check_values(operation, rng, jit=True)
    check_vjp(operation, built(name), rng, jit=True)
