"""Formulas that are short only when what cancels, or belongs together, is seen: values and texts."""

import numpy as np
import pytest
from tests.dense import central_differences

import closedform as cf

inv = np.linalg.inv


def hat(X, y):
    return X @ inv(X.T @ X) @ X.T @ y


def residual_by_projection(y, X):
    return np.sum((y - hat(X, y)) ** 2)


def residual_in_design(X, y):
    return np.sum((y - hat(X, y)) ** 2)


def beside_a_diagonal(X, y):
    return np.diag(inv(X[:3])) @ X[:3] @ y[:3]


def traces(X, y):
    S = X[:3]
    return np.trace(inv(S) @ S @ S) + np.trace(inv(S) @ np.diag(y[:3]) @ S) + np.sum((inv(S) * S) @ S)


def roots_on_a_diagonal(X):
    A = X[:3] ** 2
    return np.sum(np.diag((A * A.T) ** 0.5)) + np.sum(np.diag(A) * np.diag((A * A.T) ** 1.5))


def weighted_projection(y, X, w):
    return np.sum((y - X @ inv(X.T @ np.diag(w) @ X) @ X.T @ (w * y)) ** 2)


def ridge_residual(y, X):
    return np.sum((y - X @ inv(X.T @ X + np.eye(X.shape[1])) @ X.T @ y) ** 2)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def second_differences(x):
    return np.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2)


def products_of_neighbours(x):
    return np.sum(x[:-1] * np.exp(x[1:]))


def every_second(x):
    return np.sum(np.sin(x[::2][:-1] * x[1::2][: x[::2].shape[0] - 1]))


def ring(u):
    return np.sum((np.roll(u, 1) - 2 * u + np.roll(u, -1)) ** 2)


def weighted_ring(u, w):
    return np.sum(w * (np.roll(u, 1) - u) ** 2)


def weibull(scale, x):
    return np.sum((x / scale) ** 2.5) + np.sum((x / scale) ** scale)


def cox(b, X, d):
    risk = X @ b
    return np.sum(d * (risk - np.log(np.cumsum(np.exp(risk)[::-1])[::-1])))


def inverse_gaussian(b, X, y):
    mean = np.exp(X @ b)
    return np.sum((y - mean) ** 2 / (2 * mean**2 * y))


def accelerated_failure(b, X, t, d):
    rate = t * np.exp(-X @ b)
    return np.sum(rate**1.5) - np.sum(d * np.log(1.5 * rate**0.5 * np.exp(-X @ b)))


def scaled_roots(s, w):
    return np.sum((s**2 * w) ** 1.5)


def shares(v):
    return np.sum((np.exp(v) / (1 + np.sum(np.exp(v)))) ** 2)


rng = np.random.default_rng(0)
b = rng.standard_normal(3)
X, y, w = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.uniform(0.5, 2, 6)

CASES = [
    (residual_by_projection, (y, X)),
    (residual_in_design, (X, y)),
    (beside_a_diagonal, (X, y)),
    (traces, (X, y)),
    (roots_on_a_diagonal, (X,)),
    (weighted_projection, (y, X, w)),
    (ridge_residual, (y, X)),
    (rosenbrock, (y,)),
    (second_differences, (y,)),
    (products_of_neighbours, (y,)),
    (every_second, (y,)),
    (ring, (y,)),
    (weighted_ring, (y, w)),
    (weibull, (np.array(1.7), w)),
    (shares, (y,)),
    (cox, (b, X, w)),
    (inverse_gaussian, (b, X, w)),
    (accelerated_failure, (b, X, w, y)),
]


@pytest.mark.parametrize(("function", "arguments"), CASES, ids=lambda c: getattr(c, "__name__", ""))
def test_derivatives_are_right(function, arguments):
    first, *others = arguments
    gradient = cf.grad(function)
    for derivative, inner in ((gradient, function), (cf.hessian(function), gradient)):
        wanted = central_differences(lambda moved, inner=inner: inner(moved, *others), first)
        np.testing.assert_allclose(derivative(*arguments), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("derivative", "arguments", "text"),
    [
        (cf.hessian(residual_by_projection), (y, X), "2(I − X(XᵀX)⁻¹Xᵀ)"),
        (cf.grad(cox), (b, X, w), "Xᵀ(d − p ⊙ L(d ⊘ Lᵀp)), where p = exp(Xb)"),
        (cf.grad(inverse_gaussian), (b, X, w), "Xᵀ((exp(Xb) − y) ⊙ exp(−2Xb))"),
        (cf.grad(accelerated_failure), (b, X, w, y), "(3/2)Xᵀ(d − (t ⊙ exp(−Xb))^(⊙3/2))"),
        (cf.grad(residual_in_design), (X, y), "2(X(XᵀX)⁻¹Xᵀy − y)yᵀX(XᵀX)⁻¹"),
        (cf.hessian(ridge_residual), (y, X), "2P², where P = I − X(XᵀX + I)⁻¹Xᵀ"),
        (cf.hessian(ring), (y,), "2(2I − roll(I, −1, 0) − roll(I, 1, 0))²"),
        (
            cf.hessian(rosenbrock),
            (y,),
            "2S[:-1]ᵀ diag(600x[:-1]^⊙2 − 200x[1:] + 1)S[:-1] + 200S[1:]ᵀS[1:]"
            " − 400S[1:]ᵀ diag(x[:-1])S[:-1] − 400S[:-1]ᵀ diag(x[:-1])S[1:]",
        ),
        (
            cf.jacobian(lambda v: np.exp(v) / (1 + np.sum(np.exp(v)))),
            (y,),
            "(1/(𝟏ᵀp + 1))(diag(p) − ppᵀ/(𝟏ᵀp + 1)), where p = exp(v)",
        ),
        (cf.grad(lambda x, k, s: -np.sum((x / s) ** k), argnums=2), (w, 2.5, 1.5), "k𝟏ᵀ(x/s)^(⊙k)/s"),
    ],
)
def test_texts(derivative, arguments, text):
    assert derivative.at(*arguments).text == text


def test_no_scalar_that_may_be_zero_is_taken_below_the_line():
    assert cf.grad(scaled_roots)(np.array(0.0), w) == 0
