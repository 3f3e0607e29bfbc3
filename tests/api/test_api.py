"""symgrad from Python: compile, value_and_grad, grad and vjp, with and without annotations."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float64
from numpy import ndarray as Array

import symgrad
from symgrad.errors import CaptureError, ModelError


def energy(x: Float64[Array, "n"]) -> float:
    """Sum of squared sines."""
    return np.sum(np.sin(x) ** 2)


def plain(w, X, power=2):
    return np.sum((X @ w) ** power)


def test_compile_gives_the_generated_module(tmp_path: Path) -> None:
    module = symgrad.compile(energy, target="numpy")
    x = np.linspace(0.0, 1.0, 5)
    value, gradients = module.energy_value_and_grad(x)
    np.testing.assert_allclose(value, energy(x), rtol=1e-14)
    np.testing.assert_allclose(gradients.x, np.sin(2 * x), rtol=1e-12)
    assert "x_bar[i]" in module.formulas
    written = module.write(tmp_path / "energy_grad.py")
    assert written.read_text(encoding="utf-8") == module.source


def test_compile_twice_reuses_the_file() -> None:
    first = symgrad.compile(energy, target="numpy")
    second = symgrad.compile(energy, target="numpy")
    assert first.path == second.path


def test_wrt_as_string_gives_a_bare_array() -> None:
    module = symgrad.compile(energy, wrt="x", target="numpy")
    assert isinstance(module.energy_grad(np.zeros(3)), np.ndarray)


def test_dtype_overrides_every_floating_argument() -> None:
    module = symgrad.compile(energy, wrt="x", target="numpy", dtype="float32")
    gradient = module.energy_grad(np.ones(3, np.float32))
    assert gradient.dtype == np.float32
    with pytest.raises(TypeError, match=r"argument 'x' has dtype float64, expected float32"):
        module.energy_grad(np.ones(3))


def test_shapes_from_the_first_arguments_stay_symbolic() -> None:
    f = symgrad.value_and_grad(plain, wrt="w", target="numpy")
    rng = np.random.default_rng(0)
    for n, d in ((4, 3), (7, 5), (2, 2), (6, 9)):
        w, X = rng.normal(size=d), rng.normal(size=(n, d))
        value, gradient = f(w, X)
        np.testing.assert_allclose(value, plain(w, X), rtol=1e-12)
        np.testing.assert_allclose(gradient, 2 * X.T @ (X @ w), rtol=1e-11)
    assert len(f.modules) == 1


def test_sizes_that_an_operation_joined_are_checked() -> None:
    f = symgrad.grad(plain, wrt="w", target="numpy")
    f(np.ones(3), np.ones((4, 3)))
    with pytest.raises(ValueError, match=r"axis 1 of argument 'X' has 5 elements, expected"):
        f(np.ones(3), np.ones((4, 5)))


def test_a_number_for_a_default_is_a_constant_of_its_own_module() -> None:
    f = symgrad.value_and_grad(plain, wrt="w", target="numpy")
    w, X = np.array([0.5, -1.0]), np.array([[1.0, 2.0], [3.0, -1.0]])
    for power in (2, 3, 4):
        np.testing.assert_allclose(f(w, X, power)[0], plain(w, X, power), rtol=1e-12)
        np.testing.assert_allclose(f(w, X=X, power=power)[0], plain(w, X, power), rtol=1e-12)
    assert len(f.modules) == 3


def test_a_length_of_one_broadcasts_and_is_compiled_apart() -> None:
    f = symgrad.grad(lambda x, y: np.sum(x * y), wrt="x", target="numpy")
    np.testing.assert_allclose(f(np.ones(1), np.arange(3.0)), [3.0])
    np.testing.assert_allclose(f(np.ones(3), np.arange(3.0)), [0.0, 1.0, 2.0])
    assert len(f.modules) == 2


def test_decorators_with_and_without_arguments() -> None:
    @symgrad.grad
    def slope(x: Float64[Array, ""]) -> float:
        return np.sin(x)

    @symgrad.vjp(wrt="x", target="numpy")
    def double(x: Float64[Array, "n"]) -> Array:
        return 2 * x

    assert slope.__name__ == "slope"
    values, gradient = double(np.ones(2), np.array([1.0, -1.0]))
    np.testing.assert_array_equal(values, [2.0, 2.0])
    np.testing.assert_array_equal(gradient, [2.0, -2.0])
    np.testing.assert_array_equal(double(np.ones(2), cotangent=np.ones(2))[1], [2.0, 2.0])


def test_marked_functions_keep_their_wrt() -> None:
    @symgrad.program(wrt=("b",))
    def line(a: Float64[Array, ""], b: Float64[Array, "n"]) -> float:
        return np.sum(a * b)

    assert symgrad.compile(line, target="numpy").line_grad(2.0, np.ones(3))._fields == ("b",)
    assert line(2.0, np.ones(3)) == 6.0


def test_threads_compile_once() -> None:
    f = symgrad.grad(plain, wrt="w", target="numpy")
    results: list[np.ndarray] = []
    w, X = np.ones(3), np.arange(12.0).reshape(4, 3)
    threads = [threading.Thread(target=lambda: results.append(f(w, X))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(f.modules) == 1
    assert len(results) == 6
    for result in results:
        np.testing.assert_array_equal(result, results[0])


def test_a_gradient_that_cannot_be_is_refused() -> None:
    with pytest.raises(ModelError, match="no floating argument to differentiate by"):
        symgrad.compile(lambda k: np.sum(k), shapes={"k": "i64[n]"})
    with pytest.raises(ModelError, match="only integers or booleans"):
        symgrad.compile(lambda x: np.argmax(x), shapes={"x": "f64[n]"})
    with pytest.raises(ModelError, match="does not use 'y'"):
        symgrad.compile(
            lambda x, y: np.sum(x), wrt=("x", "y"), shapes={"x": "f64[n]", "y": "f64[n]"}
        )
    with pytest.raises(CaptureError, match=r"np\.where"):
        symgrad.compile(lambda x: x if x > 0 else -x, shapes={"x": "f64[]"})
