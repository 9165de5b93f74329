"""Derivatives of functions whose arguments have facts, with their values where nothing is declared."""

import numpy as np
import pytest
import scipy.linalg
from scipy.special import log_expit, softmax

import closedform as cf

X, S, Q = cf.matrix("n", "d"), cf.spd("d"), cf.orthogonal("d")
A = cf.symmetric("d")
w, x, t, y, c = cf.vector("d"), cf.vector("d"), cf.vector("n"), cf.signs("n"), cf.scalar()


def kernel(X):
    return np.exp(-np.sum((X[:, None, :] - X[None, :, :]) ** 2, axis=-1))


def ridge(c, X, t):
    return t @ np.linalg.solve(kernel(X) + c * np.eye(len(t)), t)


def scatter(X):
    P = X - X.mean(axis=0)
    return np.sum((P.T @ P) ** 2)


FORMULAS = {
    "log det of a multiple": (lambda X: np.linalg.slogdet(X.T @ X / 7)[1], (X,), "2X(XᵀX)⁻¹"),
    "inverse of a multiple": (lambda X, c: np.trace(np.linalg.inv(c * X.T @ X)), (X, c), "−(2/c)X(XᵀX)⁻²"),
    "kernel matrix": (ridge, (c, X, t), "−tᵀP²t, where P = (cI + [exp(−∑ₖ (Xᵢₖ − Xⱼₖ)²)]ᵢⱼ)⁻¹"),
    "signs in a residual": (lambda w, X, y: np.sum((1 - y * (X @ w)) ** 2), (w, X, y), "2Xᵀ(Xw − y)"),
    "signs in a divisor": (lambda w, X, y: np.sum(1 / (2 + y * (X @ w))), (w, X, y), "−Xᵀ(y ⊘ (Xw + 2y)^⊙2)"),
    "signs in an odd function": (
        lambda w, X, y: np.sum((2 * np.arctan(y * (X @ w)) - 1) ** 2),
        (w, X, y),
        "4Xᵀ((2 arctan(Xw) − y) ⊘ ((Xw)^⊙2 + 1))",
    ),
    "absolute signs": (lambda t, y: np.sum(np.abs(y) * np.abs(y * t)), (t, y), "sign t"),
    "opposite differences": (lambda t, c: np.sum(np.abs(t - c) + np.abs(c - t)), (t, c), "2 sign(t − c𝟏)"),
    "centred Gram matrix": (scatter, (X,), "−4PPᵀP, where P = (1/n)𝟏𝟏ᵀX − X"),
    "norm through orthogonal": (lambda x, Q: np.linalg.norm(Q @ x), (x, Q), "x/‖x‖"),
    "root of a determinant": (lambda S: np.linalg.det(S) ** 0.5, (S,), "½√(det S) S⁻¹"),
    "root of a Gram determinant": (lambda X: np.sqrt(np.linalg.det(X.T @ X)), (X,), "√(det(XᵀX)) X(XᵀX)⁻¹"),
    "density": (
        lambda S, x: np.linalg.det(S) ** -0.5 * np.exp(-0.5 * x @ np.linalg.solve(S, x)),
        (S, x),
        "(exp(−½xᵀS⁻¹x)/(2√(det S)))(S⁻¹xxᵀS⁻¹ − S⁻¹)",
    ),
    "log of a determinant": (lambda c, S: np.log(np.linalg.det(c**2 * S)), (c, S), "2d/c"),
    "determinant beside an inverse": (
        lambda A: np.linalg.det(A) * np.trace(np.linalg.inv(A)),
        (cf.matrix("d", "d"),),
        "det A (tr(A⁻¹)A⁻ᵀ − A⁻ᵀA⁻ᵀ)",
    ),
    "determinant alone": (lambda S: np.linalg.det(S), (S,), "cof(S)"),
    "product of powers": (lambda q, x: np.prod(q**x), (cf.positive("d"), x), "(∏ₖ qₖ^xₖ)x ⊘ q"),
    "log of a product of powers": (lambda q, x: np.log(np.prod(q**x)), (cf.positive("d"), x), "x ⊘ q"),
    "probability of a class": (
        lambda x: np.log(softmax(x)[0]),
        (x,),
        "e₀ − softmax(x)",
    ),
    "mean under a softmax": (
        lambda x, w: softmax(x) @ w,
        (x, w),
        "softmax(x) ⊙ (w − (wᵀ softmax(x))𝟏)",
    ),
    "squared ramp": (lambda x: np.sum(np.where(x > 0, x, 0) ** 2), (x,), "2 where(x > 0, x, 0)"),
    "squared eigenvalues": (lambda A: np.sum(np.linalg.eigvalsh(A) ** 2), (A,), "2A"),
    "logs of eigenvalues": (lambda A: np.sum(np.log(np.linalg.eigvalsh(A))), (S,), "A⁻¹"),
    "squared singular values": (lambda X: np.sum(np.linalg.svdvals(X) ** 2), (X,), "2X"),
    "entropy": (lambda S: np.trace(S @ scipy.linalg.logm(S)), (S,), "logm S + I"),
    "trace of a root": (lambda S: np.trace(scipy.linalg.sqrtm(S)), (S,), "½ sqrtm(S)⁻¹"),
    "steps that add up": (
        lambda t, y, q: np.sum(np.maximum(t * (y - q), (t - 1) * (y - q))),
        (c, t, t),
        "−𝟏ᵀ(q − y)",
    ),
}
HESSIANS = {
    "logistic": (
        lambda w, X, y: np.sum(np.logaddexp(0, -y * (X @ w))),
        (w, X, y),
        "Xᵀ diag(σ(Xw) ⊙ (1 − σ(Xw)))X",
    ),
    "standard deviation": (
        lambda t: t.std(),
        (t,),
        "(1/(√n ‖p‖))(I − ppᵀ/‖p‖² − (1/n)𝟏𝟏ᵀ), where p = (𝟏ᵀt/n)𝟏 − t",
    ),
    "one label": (lambda w, x: log_expit(w @ x), (w, x), "−σ(wᵀx)(1 − σ(wᵀx))xxᵀ"),
}
CASES = [(cf.grad, *case) for case in FORMULAS.values()] + [(cf.hessian, *case) for case in HESSIANS.values()]


@pytest.mark.parametrize(("operator", "f", "arguments", "formula"), CASES, ids=[*FORMULAS, *HESSIANS])
def test_formula_and_value(operator, f, arguments, formula):
    derivative = operator(f).at(*arguments)
    assert derivative.text == formula
    example = derivative.trace.example
    plain = operator(f).at(*(np.asarray(a) for a in example))
    np.testing.assert_allclose(derivative.function(*example), plain.function(*example), rtol=1e-9, atol=1e-12)
