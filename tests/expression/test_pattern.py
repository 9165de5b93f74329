"""Pairs of axes tied by deltas: entries off them are zero, and the words for it."""

import numpy as np
import pytest
import scipy.special
from tests.dense import evaluate

import closedform as cf
from closedform.errors import InvalidArgumentError
from closedform.expression.pattern import tied_axes

MATRIX, VECTOR = cf.matrix("m", "n"), cf.vector("n")
DIAGONAL, ROWS, COLUMNS = (
    "diagonal",
    "block diagonal, a block for each row",
    "block diagonal, a block for each column",
)
CASES = {
    "elementwise": (cf.hessian(lambda X: np.sum(np.exp(X))).at(MATRIX), DIAGONAL),
    "softmax of rows": (cf.jacobian(lambda X: scipy.special.softmax(X, axis=1)).at(MATRIX), ROWS),
    "norms of columns": (cf.jacobian(lambda X: np.linalg.norm(X, axis=0)).at(MATRIX), COLUMNS),
    "row norms": (cf.hessian(lambda X: np.sum(np.linalg.norm(X, axis=1))).at(MATRIX), ROWS),
    "a product from the left": (
        cf.hessian(lambda X, A: np.sum((A @ X) ** 2)).at(MATRIX, cf.matrix("k", "m")),
        COLUMNS,
    ),
    "transposed": (cf.jacobian(lambda X: np.tanh(X).T).at(MATRIX), f"{ROWS} and column"),
    "dense": (cf.hessian(lambda X: np.sum(X) ** 2).at(MATRIX), "rank one"),
    "vector": (cf.hessian(lambda x: np.sum(x**4)).at(VECTOR), DIAGONAL),
    "vector, dense": (cf.hessian(lambda x: (x @ x) ** 2).at(VECTOR), "diagonal plus rank one"),
    "order 3": (cf.derivative(lambda x: np.sum(np.exp(x)), order=3).at(VECTOR), DIAGONAL),
    "order 3, dense": (cf.derivative(lambda x: (x @ x) ** 2, order=3).at(VECTOR), "dense"),
    "linear": (cf.hessian(lambda X: np.sum(X)).at(MATRIX), "zero"),
}


@pytest.mark.parametrize("name", CASES)
def test_structure_in_words(name):
    derivation, words = CASES[name]
    assert derivation.structure == words


@pytest.mark.parametrize("name", CASES)
def test_entries_off_tied_axes_are_zero(name):
    derivation, _ = CASES[name]
    rng = np.random.default_rng(0)
    values = {n: rng.uniform(0.5, 1, [s.value for s in x.shape]) for n, x in derivation.inputs.items()}
    value = evaluate(derivation.expr, values)
    index = np.indices(value.shape)
    for a, b in tied_axes(derivation.expr):
        assert not np.any(value[index[a] != index[b]])


def test_several_variables():
    d = cf.hessian(lambda x, X: np.sum(np.exp(x)) + np.sum(X * x), ("x", "X")).at(VECTOR, MATRIX)
    assert d.structure == ((DIAGONAL, COLUMNS), ("block diagonal, a block for each entry", "zero"))


def test_a_gradient_has_no_such_structure():
    with pytest.raises(InvalidArgumentError, match="grad: a structure is that of a derivative along"):
        _ = cf.grad(lambda x: x @ x).at(VECTOR).structure
