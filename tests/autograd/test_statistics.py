"""Quantiles, covariances and special functions: what torch refuses or leaves open."""

from __future__ import annotations

import pytest

import symgrad as st


def test_heaviside_has_a_derivative_by_its_value_at_0() -> None:
    x = st.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    at_0 = st.tensor(0.25, requires_grad=True)
    y = st.heaviside(x, at_0)
    assert y.tolist() == [0.0, 0.25, 1.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 0.0] and at_0.grad.item() == 1.0


def test_quantiles_of_nan_and_wrong_arguments() -> None:
    x = st.tensor([[1.0, float("nan")], [1.0, 2.0]])
    found = st.quantile(x, 0.5, dim=1)
    assert found.isnan().tolist() == [True, False] and found[1].item() == 1.5
    with pytest.raises(RuntimeError, match=r"range \[0, 1\]"):
        st.quantile(x, 1.5)
    with pytest.raises(RuntimeError, match="'cubic'"):
        st.quantile(x, 0.5, interpolation="cubic")
    with pytest.raises(RuntimeError, match="negative n"):
        st.polygamma(-1, x)
    assert st.cov(st.tensor([1.0, 2.0, 3.0])).item() == 1.0
    assert st.corrcoef(st.tensor([1.0, 2.0, 3.0])).item() == 1.0
