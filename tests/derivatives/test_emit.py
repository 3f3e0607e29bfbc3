"""Generated functions beyond the gradient: what is emitted, checks at the door, the self-check."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from jaxtyping import Float64, Int64
from numpy import ndarray as Array

import symgrad
from symgrad.cli import main
from symgrad.derivatives import PRODUCTS
from symgrad.errors import ModelError
from tests.support import assert_close

SCALAR = ("jvp", "hvp", "hessian", "hessian_diagonal", "value_grad_hessian", "jacobian")


def factorisation(
    U: Float64[Array, "n k"], V: Float64[Array, "m k"], T: Float64[Array, "n m"]
) -> float:
    return np.sum((T - U @ V.T) ** 2)


def residuals(
    a: Float64[Array, "c 2"], b: Float64[Array, "p 2"], i: Int64[Array, "m"], j: Int64[Array, "m"]
) -> Array:
    return np.sin(a[i]) * b[j]


def test_modules_without_further_products_are_as_before() -> None:
    source = symgrad.compile(factorisation, wrt="U", target="numpy").source
    for word in ("Structure", "_vector", "_agree", "hessian", "jacobian"):
        assert word not in source


@pytest.mark.parametrize("wrt", ["U", ("U", "V")])
def test_self_check_covers_every_product(
    wrt: str | tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    module = symgrad.compile(factorisation, wrt=wrt, target="numpy", emit=SCALAR)
    assert module.python._self_check()
    printed = capsys.readouterr().out
    assert all(product in printed for product in SCALAR)
    for product in SCALAR:
        assert getattr(module.python, f"factorisation_{product}").__doc__


def test_compiled_kernels_of_second_order(capsys: pytest.CaptureFixture[str]) -> None:
    def chain(x: Float64[Array, "n"]) -> float:
        return np.sum((x[1:] - x[:-1] ** 2) ** 2)

    module = symgrad.compile(chain, wrt="x", emit=("value_grad_hessian", "hvp"))
    assert module.python._self_check()
    assert "value_grad_hessian" in capsys.readouterr().out


def test_self_check_of_sparse_jacobians(capsys: pytest.CaptureFixture[str]) -> None:
    emit = ("jvp", "jacobian", "jacobian_sparse")
    module = symgrad.compile(residuals, wrt=("a", "b"), target="numpy", emit=emit)
    assert module.python._self_check()
    assert "jacobian_sparse" in capsys.readouterr().out
    a, b = np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)
    i, j = np.array([0, 2, 1, 2, -1]), np.array([3, 0, 1, 2, 3])
    matrix = module.residuals_jacobian_sparse(a, b, i, j)
    by_argument = module.residuals_jacobian(a, b, i, j)
    whole = np.concatenate([by_argument.a.matrix(), by_argument.b.matrix()], axis=1)
    assert matrix.data.shape == (20,)  # two values a row
    np.testing.assert_array_equal(matrix.to_scipy().toarray(), whole)
    np.testing.assert_array_equal(matrix.matrix(), whole)


def test_structures_are_stated_in_formulas_and_source() -> None:
    module = symgrad.compile(factorisation, wrt=("U", "V"), target="numpy", emit=("hessian",))
    assert "∂²factorisation/∂U²: identity ⊗ block, over n" in module.formulas
    assert "∂²factorisation/∂U∂V: dense" in module.source
    assert "class Kronecker" in module.source
    assert "class Banded" not in module.source
    assert "import scipy" not in module.source.replace("        from scipy import", "")


def test_vectors_are_checked_at_the_door() -> None:
    module = symgrad.compile(factorisation, wrt=("U", "V"), target="numpy", emit=("hvp", "jvp"))
    U, V, T = np.ones((3, 2)), np.ones((4, 2)), np.ones((3, 4))
    with pytest.raises(ValueError, match=r"factorisation_hvp: 'vectors of V' has shape \(3, 2\)"):
        module.factorisation_hvp(U, V, T, (U, U))
    with pytest.raises(ValueError, match="1 tangents given, expected 2"):
        module.factorisation_jvp(U, V, T, (U,))
    with pytest.raises(TypeError, match="float32, expected float64"):
        module.factorisation_jvp(U, V, T, (U.astype(np.float32), V))


def test_order_of_the_mark_and_of_the_argument() -> None:
    @symgrad.program(wrt="x", order=2)
    def cubes(x: Float64[Array, "n"]) -> float:
        return np.sum(x**3)

    module = symgrad.compile(cubes, target="numpy")
    x = np.array([1.0, 2.0])
    value, gradient, matrix = module.cubes_value_grad_hessian(x)
    assert value == 9.0
    assert_close(gradient, 3 * x**2, 1e-15)
    assert_close(matrix.values, 6 * x, 1e-15)
    assert not hasattr(symgrad.compile(cubes, target="numpy", order=1).python, "cubes_hessian")


def test_what_cannot_be_emitted_is_refused() -> None:
    with pytest.raises(ModelError, match="no product 'hesian'"):
        symgrad.compile(factorisation, target="numpy", emit=("hesian",))
    with pytest.raises(ModelError, match="hessian needs a function that returns one floating 0-d"):
        symgrad.compile(residuals, target="numpy", emit=("hessian",))
    with pytest.raises(ModelError, match="order 3 cannot be emitted"):
        symgrad.compile(factorisation, target="numpy", order=3)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = tmp_path / "cubes.py"
    model.write_text(
        "import numpy as np\nfrom symgrad import program\n"
        '@program(wrt="x")\ndef cubes(x: "f64[n]"):\n    return np.sum(x**3)\n'
    )
    output = tmp_path / "cubes_grad.py"
    options = ["--emit", "hessian,jvp", "--order", "2", "--target", "numpy", "-o", str(output)]
    assert main(["compile", str(model), *options]) == 0
    text = output.read_text(encoding="utf-8")
    assert "emit hessian jvp, order 2" in text
    for name in ("cubes_hessian", "cubes_jvp", "cubes_hvp", "cubes_value_grad_hessian"):
        assert f"def {name}(" in text
    capsys.readouterr()
    assert main(["show", str(model), "--emit", "hessian"]) == 0
    assert "∂²cubes/∂x²: diagonal" in capsys.readouterr().out
    assert main(["compile", str(model), "--emit", "nonsense", "-o", str(output)]) == 1


def test_products_have_their_names_once() -> None:
    assert len(set(PRODUCTS)) == len(PRODUCTS)
