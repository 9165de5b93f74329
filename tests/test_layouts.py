"""Derivatives in numerator and denominator layout."""

from __future__ import annotations

import numpy as np
import pytest

import closedform as cf
from closedform.errors import InvalidArgumentError

A, X = cf.matrix("m", "n"), cf.matrix("n", "n")
x, b, s = cf.vector("n"), cf.vector("m"), cf.scalar()

CASES = {
    "scalar by vector": (
        cf.grad(lambda x, A, b: 0.5 * np.sum((A @ x - b) ** 2)).at(x, A, b),
        "(Ax − b)ᵀA",
        "Aᵀ(Ax − b)",
    ),
    "sum of terms": (
        cf.grad(lambda x, A, b: np.sum((A @ x - b) ** 2) + x @ x).at(x, A, b),
        "2((Ax − b)ᵀA + xᵀ)",
        "2(Aᵀ(Ax − b) + x)",
    ),
    "sum with a number": (cf.grad(lambda x: np.sum((x - 1) ** 2)).at(x), "2(x − 1)ᵀ", "2(x − 1)"),
    "scalar by matrix": (cf.grad(lambda X: np.linalg.slogdet(X)[1]).at(X), "X⁻¹", "X⁻ᵀ"),
    "vector by vector": (cf.jacobian(lambda x, A: A @ x).at(x, A), "A", "Aᵀ"),
    "vector by scalar": (cf.jacobian(lambda s, x: s * x).at(s, x), "x", "xᵀ"),
    "matrix by scalar": (cf.jacobian(lambda s, A: s * A).at(s, A), "A", "Aᵀ"),
    "scalar by scalar": (cf.grad(lambda s: s**2).at(s), "2s", "2s"),
    "several variables": (
        cf.grad(lambda x, A, b: b @ A @ x, argnums=(0, 1)).at(x, A, b),
        "(bᵀA, xbᵀ)",
        "(Aᵀb, bxᵀ)",
    ),
    "value and gradient": (cf.value_and_grad(lambda x: x @ x).at(x), "(xᵀx, 2xᵀ)", "(xᵀx, 2x)"),
    "Hessian": (cf.hessian(lambda x, X: x @ X @ x).at(x, X), "X + Xᵀ", "X + Xᵀ"),
    "Hessian times vector": (cf.hvp(lambda x, X: x @ X @ x).at(x, X), "vᵀ(X + Xᵀ)", "(X + Xᵀ)v"),
}


@pytest.mark.parametrize(("derivation", "numerator", "denominator"), CASES.values(), ids=CASES)
def test_layouts(derivation: cf.Derivation, numerator: str, denominator: str) -> None:
    assert derivation.in_layout("numerator").text == numerator
    assert derivation.in_layout("denominator").text == denominator


def test_the_row_is_the_transpose_in_latex_too() -> None:
    row = cf.grad(lambda x, A, b: 0.5 * np.sum((A @ x - b) ** 2)).at(x, A, b).in_layout("numerator")
    assert row.latex == r"(A x - b)^\top A"
    assert row._repr_latex_() == r"$\displaystyle (A x - b)^\top A$"
    assert repr(row) == row.text


def test_what_has_no_layout_is_refused() -> None:
    gradient = cf.grad(lambda x: x @ x).at(x)
    with pytest.raises(InvalidArgumentError, match="write one of 'numerator', 'denominator'"):
        gradient.in_layout("course")
    for derivation in (
        cf.jacobian(lambda X, x: X @ x).at(X, x),
        cf.jacobian(lambda X: X @ X).at(X),
        cf.derivative(lambda x: np.sum(x**4), order=2).at(x),
    ):
        with pytest.raises(InvalidArgumentError, match="has no layout"):
            derivation.in_layout("numerator")
