"""Loops within loops print, and are computed, as what is written without loops."""

import jax
import numpy as np
import pytest
from tests.dense import central_differences

import closedform as cf

jax.config.update("jax_enable_x64", True)


def bilinear(x, A, y):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            total += x[i] * A[i, j] * y[j]
    return total


def least_squares(x, A, b):
    total = 0.0
    for i in range(A.shape[0]):
        residual = -b[i]
        for j in range(A.shape[1]):
            residual += A[i, j] * x[j]
        total += residual**2
    return total


def exponentials(x, A, y):
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(y.shape[0]):
            total += A[i, j] * np.exp(x[i] * y[j])
    return total


def quadratic_form(x, K):
    return sum(x[i] * x[j] * K[i, j] for i in range(len(x)) for j in range(len(x)))


def differences(x, W):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            total += W[i, j] * (x[i] - x[j]) ** 2
    return total


def one_order(x):
    total = 0.0
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            total += np.log(1 + (x[i] - x[j]) ** 2)
    return total


def different_pairs(x, K):
    total = 0.0
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                total += K[i, j] * np.exp(x[i] + 2 * x[j])
    return total


def earlier(x, K):
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            total += K[i, j] * x[i] * np.exp(x[j])
    return total


def frobenius(X):
    total = 0.0
    for i in range(X.shape[0]):
        for j in range(X.shape[1]):
            total += X[i, j] ** 2
    return total


def variation(X):
    total = 0.0
    for i in range(X.shape[0] - 1):
        for j in range(X.shape[1]):
            total += (X[i + 1, j] - X[i, j]) ** 2
    return total


def trace_of_product(A, B, C):
    total = 0.0
    for i in range(A.shape[0]):
        for j in range(A.shape[1]):
            for k in range(B.shape[1]):
                total += A[i, j] * B[j, k] * C[i, k]
    return total


def squared_distances(X, Y):
    total = 0.0
    for i in range(X.shape[0]):
        for j in range(Y.shape[0]):
            squared = 0.0
            for k in range(X.shape[1]):
                squared += (X[i, k] - Y[j, k]) ** 2
            total += np.exp(-squared)
    return total


def cross_entropies(W, X):
    total = 0.0
    for i in range(X.shape[0]):
        total += np.log(np.sum(np.exp(X[i] @ W)))
    return total


def filled(w, X):
    y = np.zeros(X.shape[0])
    for i in range(X.shape[0]):
        y[i] = np.tanh(X[i] @ w)
    return np.sum(y**2)


def coulomb(X):
    total = 0.0
    for i in range(len(X)):
        for j in range(i):
            total += 1 / np.sqrt((X[i] - X[j]) @ (X[i] - X[j]))
    return total


n, m, k = cf.vector(5), cf.vector(4), cf.matrix(5, 4)
LOOPS = [
    (bilinear, lambda x, A, y: x @ A @ y, (n, k, m)),
    (least_squares, lambda x, A, b: np.sum((A @ x - b) ** 2), (m, k, n)),
    (exponentials, lambda x, A, y: np.sum(A * np.exp(np.outer(x, y))), (n, k, m)),
    (quadratic_form, lambda x, K: x @ K @ x, (n, cf.matrix(5, 5))),
    (quadratic_form, lambda x, K: x @ K @ x, (cf.vector(3), cf.matrix(3, 3))),
    (differences, lambda x, W: np.sum(W * (x[:, None] - x) ** 2), (n, cf.matrix(5, 5))),
    (differences, lambda x, W: np.sum(W * (x[:, None] - x) ** 2), (cf.vector(3), cf.matrix(3, 3))),
    (earlier, lambda x, K: x @ np.tril(K, -1) @ np.exp(x), (n, cf.matrix(5, 5))),
    (one_order, lambda x: np.sum(np.log(1 + (x[:, None] - x) ** 2)) / 2, (n,)),
    (filled, lambda w, X: np.sum(np.tanh(X @ w) ** 2), (m, k)),
    (frobenius, lambda X: np.sum(X**2), (k,)),
    (variation, lambda X: np.sum((X[1:] - X[:4]) ** 2), (k,)),
    (trace_of_product, lambda A, B, C: np.trace(A @ B @ C.T), (k, cf.matrix(4, 3), cf.matrix(5, 3))),
    (trace_of_product, lambda A, B, C: np.trace(A @ B @ C.T), (k, cf.matrix(4, 2), cf.matrix(5, 2))),
    (
        squared_distances,
        lambda X, Y: np.sum(np.exp(-np.sum((X[:, None, :] - Y[None, :, :]) ** 2, axis=2))),
        (cf.matrix(4, 3), cf.matrix(5, 3)),
    ),
    (
        cross_entropies,
        lambda W, X: np.sum(np.log(np.sum(np.exp(X @ W), axis=1))),
        (cf.matrix(3, 4), cf.matrix(5, 3)),
    ),
]
OTHERS = [(coulomb, (k,)), (different_pairs, (n, cf.matrix(5, 5)))]
NAMES = [f"{loop.__name__}-{i}" for i, (loop, _, _) in enumerate(LOOPS)]


@pytest.mark.parametrize(("loop", "whole", "arguments"), LOOPS, ids=NAMES)
@pytest.mark.parametrize("operator", [cf.grad, cf.hessian])
def test_loops_print_as_without_loops(loop, whole, arguments, operator):
    assert operator(loop).at(*arguments).text == operator(whole).at(*arguments).text


@pytest.mark.parametrize(("loop", "arguments"), [(loop, given) for loop, _, given in LOOPS] + OTHERS)
def test_derivatives_of_loops_are_right(loop, arguments):
    rng = np.random.default_rng(0)
    values = [rng.uniform(-1, 1, given.axes) for given in arguments]
    gradient = cf.grad(loop)
    found = gradient(*values), cf.hessian(loop)(*values)
    wanted = central_differences(lambda x: loop(x, *values[1:]), values[0])
    np.testing.assert_allclose(found[0], wanted, rtol=1e-5, atol=1e-6)
    wanted = central_differences(lambda x: gradient(x, *values[1:]), values[0])
    np.testing.assert_allclose(found[1], wanted, rtol=1e-5, atol=1e-6)


def test_pairs_without_a_value_at_equal_positions_are_not_completed():
    found = cf.grad(coulomb)(np.array([[0.0, 1.0], [2.0, 0.5], [-1.0, 3.0], [4.0, -2.0]]))
    assert np.all(np.isfinite(found))


def test_large_terms_at_equal_positions_are_not_taken_away():
    x, K = np.array([50.0, 0.0, 0.0]), np.ones((3, 3))
    wanted = np.exp(x[:, None] + 2 * x) * (1 - np.eye(3))
    np.testing.assert_allclose(cf.grad(different_pairs)(x, K), wanted.sum(1) + 2 * wanted.sum(0), rtol=1e-14)


def sum_on_the_diagonal(x, a, z):
    total = 0.0
    for i in range(3):
        for j in range(3):
            total += (a[i] - x[j]) * z[i] / z[j]
    return total**2


def with_another_loop(x, a, z):
    total = 0.0
    for i in range(3):
        for j in range(i):
            total += (a[i] + 1) * x[i] / x[j]
    for i in range(3):
        total += a[i]
    return total**2


def kernel_far_apart(x):
    total = 0.0
    for i in range(3):
        for j in range(i):
            total += np.exp(-((x[i] - x[j]) ** 2))
    return np.log(total)


def overflow_on_the_diagonal(x, a):
    total = 0.0
    for i in range(3):
        for j in range(i):
            total += a[i] * np.exp(x[i] + x[j])
    return total


def overflow_times_zero(x):
    total = 0.0
    for i in range(3):
        for j in range(3):
            if i != j:
                total += np.exp(x[i] * x[j]) * (x[i] - x[j]) ** 2
    return total


def entries_never_read(x, a):
    total = 0.0
    for i in range(4):
        for j in range(i):
            total += x[i] * np.log(a[j]) + x[j] / a[j]
    return total


def rectangle(x, a):
    total = 0.0
    for i in range(2):
        for j in range(1, 3):
            total -= np.log(x[i]) * a[j]
    return total


AWKWARD = [
    (sum_on_the_diagonal, ([1, 2, 4], [1, 3, 2], [1, 2, 5])),
    (with_another_loop, ([1, 2, 3], [1, 2, 4], [0])),
    (kernel_far_apart, ([0, 7, 15],)),
    (overflow_on_the_diagonal, ([400, 0, 1], [1, 3, 2])),
    (overflow_times_zero, ([30, 0, 1],)),
    (entries_never_read, ([1, 2, 3, 4], [1, 2, 3, 0])),
    (rectangle, ([1, 2, 0], [1, 2, 5])),
]


@pytest.mark.parametrize(("loop", "arguments"), AWKWARD)
def test_loops_are_completed_only_where_that_is_safe(loop, arguments, monkeypatch):
    values = [np.array(value, dtype=float) for value in arguments]
    found = cf.grad(loop)(*values), cf.hessian(loop)(*values)
    monkeypatch.setitem(loop.__globals__, "np", jax.numpy)
    given = [jax.numpy.asarray(value) for value in values]
    wanted = [np.asarray(operator(loop)(*given)) for operator in (jax.grad, jax.hessian)]
    monkeypatch.undo()
    for got, want in zip(found, wanted, strict=True):
        assert np.all(abs(got - want) <= 1e-12 * np.max(abs(want)))
