"""Hessians as sparse arrays and as operators, and their structure in words."""

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

import closedform as cf
from closedform.errors import InvalidArgumentError, UnsupportedError

VECTOR, MATRIX = cf.vector("n"), cf.matrix("m", "n")


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def coupled(x):
    return x[0] ** 2 * x[1] + x[-1] * x[0]


def gathered(x):
    return np.sum(x[np.array([0, 2, 2])] ** 3)


# A function, its arguments, the structure of its Hessian; whether there is a sparse form.
CASES = {
    "quadratic": (lambda x: 3 * np.sum(x**2), (VECTOR,), "diagonal", True),
    "linear": (lambda x: 3 * np.sum(x), (VECTOR,), "zero", True),
    "rosenbrock": (rosenbrock, (VECTOR,), "tridiagonal", True),
    "second differences": (
        lambda x: np.sum(np.diff(np.diff(x)) ** 2),
        (VECTOR,),
        "banded (2 below the diagonal, 2 above it)",
        True,
    ),
    "every other": (
        lambda x: np.sum(np.sin(x[2:] * x[:-2])),
        (VECTOR,),
        "banded (2 below the diagonal",
        True,
    ),
    "reversed": (lambda x: np.sum(x * x[::-1] ** 2), (VECTOR,), "sparse", True),
    "strided": (lambda x: np.sum(np.exp(x[::2] * 3)), (VECTOR,), "diagonal", True),
    "gathered": (gathered, (cf.vector(4),), "sparse", True),
    "entries": (coupled, (VECTOR,), "sparse", True),
    "rank one": (
        lambda x, a: np.sum(np.exp(x)) + (a @ x) ** 2,
        (VECTOR, VECTOR),
        "diagonal plus rank one",
        False,
    ),
    "sum": (lambda x: np.sum(x) ** 2, (VECTOR,), "rank one", False),
    "only rank one": (lambda x, a: (a @ x) ** 3, (VECTOR, VECTOR), "rank one", False),
    "logistic": (lambda x, A: np.sum(np.log1p(np.exp(A @ x))), (VECTOR, MATRIX), "dense", False),
    "entries of a matrix": (lambda X: np.sum(X**4), (MATRIX,), "diagonal", True),
    "columns": (
        lambda X, A: np.sum((A @ X) ** 2),
        (MATRIX, cf.matrix("k", "m")),
        "block diagonal, a block for each column",
        True,
    ),
    "rows": (lambda X: np.sum(np.sum(X**2, 1) ** 2), (MATRIX,), "block diagonal, a block for each row", True),
    "differences of rows": (
        lambda X: np.sum((X[1:] - X[:-1]) ** 4) + np.sum(X[0] * X[1]),
        (MATRIX,),
        "block diagonal, a block for each column",
        True,
    ),
    "kronecker": (
        lambda X, A, B: np.trace(X.T @ A @ X @ B),
        (MATRIX, cf.symmetric("m"), cf.symmetric("n")),
        "Kronecker product",
        False,
    ),
    "log det": (
        lambda X: np.linalg.slogdet(X)[1],
        (cf.matrix("n", "n"),),
        "Kronecker product times a commutation matrix",
        False,
    ),
    "squared norm": (lambda X: np.sum(X**2) ** 2, (MATRIX,), "diagonal plus rank one", False),
}


@pytest.mark.parametrize("name", CASES)
def test_forms_of_a_hessian(name):
    f, arguments, words, is_sparse = CASES[name]
    dense = cf.hessian(f).at(*arguments)
    assert dense.structure.startswith(words)
    example = dense.trace.example
    size = example[0].size
    expected = dense.function(*example).reshape(size, size)
    operator = cf.hessian(f, form="operator").at(*arguments).function(*example)
    v = np.random.default_rng(0).standard_normal((size, 2))
    np.testing.assert_allclose(operator @ v[:, 0], expected @ v[:, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(operator @ v, expected @ v, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(operator.T @ v[:, 1], expected @ v[:, 1], rtol=1e-9, atol=1e-9)
    sparse = cf.hessian(f, form="sparse").at(*arguments)
    if is_sparse:
        found = sparse.function(*example)
        assert scipy.sparse.issparse(found)
        assert found.nnz < size * size
        np.testing.assert_allclose(found.toarray(), expected, rtol=1e-12, atol=1e-12)
    else:
        with pytest.raises(UnsupportedError, match=f"form='sparse': the matrix is {words}.*form='operator'"):
            sparse.source()


def test_sparse_source_is_right_at_other_sizes_and_types():
    source = cf.hessian(rosenbrock, form="sparse").at(np.ones(4)).source()
    namespace = {}
    exec(source, namespace)
    x = np.random.default_rng(1).standard_normal(9)
    found = namespace["derivative"](x)
    np.testing.assert_allclose(found.toarray(), cf.hessian(rosenbrock)(x), rtol=1e-12)
    assert namespace["derivative"](x.astype(np.float32)).dtype == np.float32


def test_large_hessians_are_never_formed():
    x = np.random.default_rng(2).standard_normal(200_000)
    sparse = cf.hessian(rosenbrock, form="sparse")(x)
    operator = cf.hessian(rosenbrock, form="operator")(x)
    assert isinstance(operator, scipy.sparse.linalg.LinearOperator)
    np.testing.assert_allclose(sparse @ x, operator @ x, rtol=1e-9)
    assert sparse.nnz <= 3 * x.size


def test_an_operator_solves_systems_in_a_matrix():
    rng = np.random.default_rng(3)
    A, X = rng.standard_normal((6, 4)), rng.standard_normal((4, 3))
    H = cf.hessian(lambda X, A: np.sum((A @ X) ** 2) / 2, form="operator")(X, A)
    assert (H.shape, H.dtype) == ((12, 12), float)
    solution, failed = scipy.sparse.linalg.cg(H, X.ravel(), rtol=1e-10)
    assert not failed
    np.testing.assert_allclose(A.T @ A @ solution.reshape(X.shape), X, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: cf.hessian(rosenbrock, form="banded"),
            "form='banded' is not one of dense, sparse, operator",
        ),
        (
            lambda: cf.hessian(lambda x, y: x @ y, (0, 1), form="sparse"),
            "form='sparse' is for the Hessian in one",
        ),
    ],
)
def test_forms_that_are_not_offered(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make()(np.ones(3), *[np.ones(3)] * isinstance(make().argnums, tuple))


def test_sparse_forms_are_for_numpy():
    d = cf.hessian(rosenbrock, form="sparse").at(VECTOR)
    with pytest.raises(UnsupportedError, match="sparse matrices are written for NumPy and SciPy, not JAX"):
        d.source("jax")


def test_mixed_blocks_print_and_have_their_structure():
    d = cf.hessian(lambda x, y, A: x @ A @ y + np.sum(x**3), ("x", "y")).at(
        cf.vector("m"), cf.vector("n"), MATRIX
    )
    assert d.text == "((6 diag(x), A), (Aᵀ, 0))"
    assert d.structure == (("diagonal", "dense"), ("dense", "zero"))
    rng = np.random.default_rng(4)
    x, y, A = rng.standard_normal(3), rng.standard_normal(4), rng.standard_normal((3, 4))
    (xx, xy), (yx, yy) = d.function(x, y, A)
    np.testing.assert_allclose(xx, np.diag(6 * x))
    np.testing.assert_allclose(xy, A)
    np.testing.assert_allclose(yx, A.T)
    np.testing.assert_allclose(yy, np.zeros((4, 4)))
