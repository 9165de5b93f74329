"""Derivatives as linear maps: their formulas, and that each is the tensor contracted with its directions."""

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from tests.dense import evaluate

import closedform as cf
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.expression.expr import Expr

matrix, vector = cf.matrix, cf.vector
SQUARE, TALL = matrix("n", "n"), matrix("m", "n")
REGRESSION = (matrix("k", "c"), matrix("m", "k"), matrix("m", "c"))


def logdet(X):
    return np.linalg.slogdet(X)[1]


def factorisation(V, W, M):
    return np.sum((V @ W - M) ** 2)


def softmax_regression(W, X, Y):
    return np.sum(scipy.special.logsumexp(X @ W, axis=1)) - np.sum(Y * (X @ W))


def logistic(x, A):
    return np.sum(np.log(1 + np.exp(A @ x)))


def fourth(x):
    return (x @ x) ** 2


# What is printed, and the linear map where that is another formula.
CASES = {
    "log det": (cf.hessian(logdet).at(SQUARE), "−(X⁻ᵀ ⊗ X⁻¹)K", "H[V] = −X⁻ᵀVᵀX⁻ᵀ"),
    "log det, spd": (cf.hessian(logdet).at(cf.spd("n")), "−(X⁻¹ ⊗ X⁻¹)K", "H[V] = −X⁻¹VᵀX⁻¹"),
    "factorisation": (
        cf.hessian(factorisation, "W").at(matrix("m", "k"), matrix("k", "n"), matrix("m", "n")),
        "2VᵀV ⊗ I",
        "H[U] = 2VᵀVU",
    ),
    "quartic trace": (
        cf.hessian(lambda X: np.trace(X.T @ X @ X.T @ X)).at(TALL),
        "4((X ⊗ Xᵀ)K + XXᵀ ⊗ I + I ⊗ XᵀX)",
        "H[V] = 4((VXᵀ + XVᵀ)X + XXᵀV)",
    ),
    "inverse": (cf.jacobian(np.linalg.inv).at(SQUARE), "−a⁻¹ ⊗ a⁻ᵀ", "J[V] = −a⁻¹Va⁻¹"),
    "elementwise": (
        cf.hessian(lambda X: np.sum(np.exp(X))).at(TALL),
        "diag(vec(exp_⊙(X)))",
        "H[V] = V ⊙ exp_⊙(X)",
    ),
    "softmax of rows": (
        cf.jacobian(lambda X: scipy.special.softmax(X, axis=1)).at(TALL),
        "J[V] = V ⊙ softmax₁(X) − diag((V ⊙ softmax₁(X))𝟏) softmax₁(X)",
        None,
    ),
    "softmax regression": (
        cf.hessian(softmax_regression).at(*REGRESSION),
        "H[V] = Xᵀ(P ⊙ XV − diag((P ⊙ XV)𝟏)P), where P = softmax₁(XW)",
        None,
    ),
    "outer product": (cf.jacobian(lambda x: np.outer(x, x)).at(vector("n")), "J[v] = vxᵀ + xvᵀ", None),
    "a matrix times a vector": (cf.jacobian(lambda X, a: X @ a).at(TALL, vector("n")), "J[V] = Va", None),
    "diagonal of order 3": (
        cf.derivative(lambda x: np.sum(x**5), order=3).at(vector("n")),
        "60 diag₃(x^⊙2)",
        "D³f[u, v] = 60u ⊙ v ⊙ x^⊙2",
    ),
    "diagonal of order 4": (
        cf.derivative(lambda x: np.sum(np.log(x)), order=4).at(cf.positive("n")),
        "−6 diag₄(𝟏 ⊘ x^⊙4)",
        None,
    ),
    "order 3": (
        cf.derivative(fourth, order=3).at(vector("n")),
        "D³f[u, v] = 8((uᵀv)x + (uᵀx)v + (vᵀx)u)",
        None,
    ),
    "order 4": (
        cf.derivative(fourth, order=4).at(vector("n")),
        "D⁴f[u, v, w] = 8((uᵀv)w + (uᵀw)v + (vᵀw)u)",
        None,
    ),
    "order 3, logistic": (
        cf.derivative(logistic, order=3).at(vector("n"), matrix("m", "n")),
        "D³f[u, v] = Aᵀ(p ⊙ Au ⊙ Av ⊙ (1 − p) ⊙ (1 − 2p)), where p = σ(Ax)",
        None,
    ),
    "names that are taken": (
        cf.jacobian(lambda v, u: np.outer(u * v, v)).at(vector("n"), vector("n")),
        "J[w] = diag(u)(vwᵀ + wvᵀ)",
        None,
    ),
}


def values_of(*exprs):
    rng = np.random.default_rng(1)
    values = {}
    for leaf in exprs:
        shape = [s.value for s in leaf.shape]
        array = rng.uniform(0.3, 1, shape)
        if len(shape) == 2 and shape[0] == shape[1]:
            array = array + 3 * np.eye(*shape)
            array = array + array.T if leaf.params[1] else array
        values[leaf.params[0]] = array
    return values


def check_value(linear_map, tensor, inputs):
    values = values_of(*inputs, *linear_map.directions)
    expected = evaluate(tensor, values)
    for direction in linear_map.directions:
        expected = np.tensordot(expected, values[direction.params[0]], direction.ndim)
    np.testing.assert_allclose(evaluate(linear_map.expr, values), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_printed_forms(name):
    derivation, text, action = CASES[name]
    assert derivation.text == text
    if action is not None:
        assert derivation.linear_map.text == action


@pytest.mark.parametrize("name", CASES)
def test_a_linear_map_is_the_tensor_along_its_directions(name):
    derivation, _, _ = CASES[name]
    linear_map = derivation.linear_map
    check_value(linear_map, derivation.expr, derivation.inputs.values())
    assert all(v.params[0] not in derivation.inputs for v in linear_map.directions)


def test_several_variables_have_a_map_each():
    d = cf.hessian(lambda x, A: x @ A @ x, ("x", "A")).at(vector("n"), SQUARE)
    assert d.text == "((A + Aᵀ, H[V] = (V + Vᵀ)x), (H[v] = vxᵀ + xvᵀ, 0))"
    for row, tensors in zip(d.linear_map, d.result, strict=True):
        for linear_map, tensor in zip(row, tensors, strict=True):
            check_value(linear_map, tensor, d.inputs.values())
    d = cf.jacobian(lambda X, a: X @ a, ("X", "a")).at(TALL, vector("n"))
    assert d.text == "(J[V] = Va, X)"


def test_latex_and_repr():
    d = cf.derivative(fourth, order=3).at(vector("n"))
    assert d.latex == r"D^{3} f[u, v] = 8 ((u^\top v) x + (u^\top x) v + (v^\top x) u)"
    assert repr(d.linear_map) == d.text
    assert d.linear_map._repr_latex_() == d._repr_latex_() == rf"$\displaystyle {d.latex}$"


@pytest.mark.parametrize(
    "d",
    [
        cf.grad(fourth).at(vector("n")),
        cf.derivative(np.tanh, order=3).at(cf.scalar()),
        cf.hvp(fourth).at(vector("n")),
    ],
)
def test_other_operators_have_no_linear_map(d):
    assert "[" not in d.text
    with pytest.raises(InvalidArgumentError, match=r"is no linear map of a direction: use cf\.jacobian"):
        _ = d.linear_map


def test_what_is_not_known_is_refused(monkeypatch):
    d = cf.jacobian(np.linalg.inv).at(SQUARE)
    monkeypatch.setattr("closedform.derivation.linear_map", _unknown)
    with pytest.raises(UnsupportedError, match=r"inv: the second derivative is not known to the library yet"):
        _ = d.linear_map


def _unknown(*_, **__):
    raise NotImplementedError("the second derivative")


def test_trace_of_an_exponential():
    d = cf.hessian(lambda X: np.trace(scipy.linalg.expm(X))).at(SQUARE)
    assert isinstance(d.expr, Expr)
    assert d.linear_map.text == "H[V] = (Dexp(X)[V])ᵀ"
    check_value(d.linear_map, d.expr, d.inputs.values())


def test_a_sum_of_rows_is_a_row():
    def f(X):
        Y = np.zeros((3, 3))
        for i in range(3):
            for row in X[:2]:
                Y[i] -= row
        return np.sum(Y @ Y)

    d = cf.hessian(f).at(np.eye(3))
    assert d.text and d.latex
    np.testing.assert_allclose(d.function(np.eye(3))[0, 0], [[6, 6, 6], [6, 6, 6], [0, 0, 0]])
