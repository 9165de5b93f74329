"""What is declared of arguments: descriptions, annotations, checks on calls, conventions for symmetric X."""

from typing import Annotated

import numpy as np
import pytest

import closedform as cf
from closedform.arguments import _FACTS, Described
from closedform.errors import InvalidArgumentError

RNG = np.random.default_rng(11)

# A description with each fact, and arrays that lack it.
DECLARED = {
    "positive": (cf.positive("n"), [np.array([1.0, 0.0])]),
    "nonnegative": (cf.nonnegative("n"), [np.array([1.0, -1e-9]), np.array([np.nan, 1.0])]),
    "negative": (cf.vector("n", "negative"), [np.array([-1.0, 0.0])]),
    "probability": (cf.vector("n", "probability"), [np.array([0.5, 1.0])]),
    "sign": (cf.signs("n"), [np.array([1.0, 0.0])]),
    "simplex": (cf.simplex("n"), [np.array([0.5, 0.6]), np.array([1.5, -0.5])]),
    "symmetric": (cf.symmetric("n"), [np.array([[1.0, 2.0], [2.1, 1.0]])]),
    "spd": (cf.spd("n"), [np.array([[1.0, 2.0], [2.0, 1.0]]), np.array([[2.0, 1.0], [0.0, 2.0]])]),
    "orthogonal": (cf.orthogonal("n"), [np.array([[1.0, 0.1], [0.0, 1.0]])]),
    "lower": (cf.lower_triangular("n"), [np.ones((2, 2))]),
    "upper": (cf.upper_triangular("n"), [np.ones((2, 2))]),
    "diagonal": (cf.diagonal("n"), [np.ones((2, 2))]),
}


def with_annotation(described):
    def f(a: described):
        return np.sum(a**2)

    return f


def test_every_fact_is_tested():
    assert set(DECLARED) == set(_FACTS)


@pytest.mark.parametrize("fact", DECLARED)
def test_examples_have_the_fact_and_calls_check_it(fact):
    described, wrong = DECLARED[fact]
    f = with_annotation(described)
    example = cf.grad(f).at().trace.example[0]
    assert _FACTS[fact].holds(example)
    np.testing.assert_allclose(cf.grad(f)(example), 2 * example)
    for array in wrong:
        with pytest.raises(InvalidArgumentError, match=f"f: argument 'a' was declared .*{_FACTS[fact].text}"):
            cf.grad(f)(array)
        with pytest.raises(InvalidArgumentError, match="argument 'a' was declared"):
            cf.grad(f).at(array)


def quadratic(x: cf.vector("n"), S: cf.spd("n")):
    return x @ S @ x / 2


def test_annotations_stand_for_examples_and_are_relied_on():
    assert cf.grad(quadratic).at().text == "Sx"
    assert cf.hessian(quadratic).at().text == "S"
    assert cf.trace(quadratic).text == "½xᵀSx"
    x, S = RNG.standard_normal(3), np.diag([1.0, 2.0, 3.0])
    np.testing.assert_allclose(cf.grad(quadratic)(x, S), S @ x)
    assert cf.grad(quadratic).at(x, S).text == "Sx"
    assert cf.grad(quadratic).at(x, cf.matrix("n", "n")).text == "½(S + Sᵀ)x"
    assert cf.grad(quadratic).at(x).text == "Sx"


def test_annotations_as_text_and_for_type_checkers():
    def f(x: 'cf.vector("n")', S: Annotated[np.ndarray, cf.symmetric("n")], k: "np.ndarray" = 2.0):
        return k * (x @ S @ x)

    assert cf.grad(f).at().text == "4Sx"

    def g(x: "no_such_name", S: cf.symmetric("n")):  # noqa: F821
        return x @ S @ x

    assert cf.grad(g).at(cf.vector("n")).text == "2Sx"


def test_annotations_fix_shapes():
    def f(x: cf.vector("n"), y: cf.vector("n"), p: cf.vector(2)):
        return np.sum(np.sin(x)) + np.sum(y) + np.sum(p)

    x = np.ones(3)
    assert cf.grad(f)(x, x, np.ones(2)).shape == (3,)
    with pytest.raises(InvalidArgumentError, match=r"'y' has shape \(4,\); n of 'x' says 3, not 4"):
        cf.grad(f)(x, np.ones(4), np.ones(2))
    with pytest.raises(InvalidArgumentError, match="its annotation says 2, not 3"):
        cf.grad(f)(x, x, x)
    with pytest.raises(InvalidArgumentError, match=r"'x' has shape \(3, 3\); its annotation says \(n\)"):
        cf.grad(f)(np.eye(3), x, np.ones(2))


def test_missing_arguments_without_annotations_are_named():
    with pytest.raises(InvalidArgumentError, match="missing a required argument: 'y'"):
        cf.grad(lambda x, y: x * y).at(1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: cf.vector("n", "symmetric"), "'symmetric' is said of matrices, not of an array with 1 axes"),
        (lambda: cf.matrix("m", "n", "spd"), "'spd' is said of square matrices"),
        (lambda: cf.vector("n", "pretty"), "the fact 'pretty' is not one of positive, nonnegative"),
        (lambda: cf.vector(2.5), "an axis is described by a name or a size, not 2.5"),
    ],
)
def test_descriptions_that_say_nothing_are_refused(make, message):
    with pytest.raises(InvalidArgumentError, match=message):
        make()


def test_facts_without_an_example_ask_for_one():
    with pytest.raises(InvalidArgumentError, match="no example is known of an array that is positive and"):
        cf.grad(np.sum).at(cf.vector("n", "positive", "negative"))
    both = Described(("n", "n"), frozenset({"symmetric", "positive"}))
    assert cf.grad(np.sum).at(both).trace.example[0].min() > 0


def test_singular_examples_are_avoided():
    def design(w, X):
        return -np.linalg.slogdet(X.T @ (w[:, None] * X))[1]

    d = cf.grad(design).at(cf.vector("n"), cf.matrix("n", "d"))
    n, k = d.trace.example[1].shape
    assert n > k
    assert np.isfinite(d.function(*d.trace.example)).all()
    assert np.isfinite(cf.trace(lambda x: np.sum(np.log(x)), cf.vector("n")).trace.example[0]).all()
    with pytest.raises(InvalidArgumentError, match="inv failed"):
        cf.grad(lambda X: np.sum(np.linalg.inv(X - X))).at(cf.matrix("n", "n"))


# --- variables with facts -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "described"),
    [
        (lambda Y: np.sum(Y**2), cf.signs("n")),
        (lambda Y: np.trace(Y.T @ Y @ Y), cf.orthogonal("n")),
        (lambda Y: np.sum(Y) ** 2, cf.simplex("n")),
        (lambda Y: np.sum(Y[0] * Y[:, 0]), cf.symmetric("n")),
        (lambda Y: np.sum(np.linalg.inv(Y)), cf.spd("n")),
        (lambda Y: np.sum(Y @ Y), cf.diagonal("n")),
        (lambda Y: np.linalg.slogdet(Y)[1], cf.lower_triangular("n")),
        (lambda Y: np.sum(np.abs(Y) * Y), cf.nonnegative("n")),
    ],
)
def test_variables_with_facts_are_differentiated_as_free(f, described):
    import jax

    with jax.enable_x64(True):
        for order, operator in enumerate((cf.grad, cf.hessian), 1):
            d = operator(f).at(described)
            example = d.trace.example
            namespace = {}
            exec(cf.trace(f, *example).source("jax", "f"), namespace)
            reference = jax.grad(namespace["f"]) if order == 1 else jax.hessian(namespace["f"])
            np.testing.assert_allclose(d.function(*example), reference(*example), rtol=1e-9, atol=1e-9)


# A function of a symmetric matrix and its gradient in the three conventions.
A = cf.matrix("n", "n")
CONVENTIONS = [
    (lambda X: np.linalg.slogdet(X)[1], (), ["X⁻¹", "X⁻¹", "2X⁻¹ − X⁻¹ ⊙ I"]),
    (lambda X, A: np.trace(A @ X), (A,), ["Aᵀ", "½(A + Aᵀ)", "A + Aᵀ − A ⊙ I"]),
    (lambda X: np.sum(X * X), (), ["2X", "2X", "4X − 2X ⊙ I"]),
]


@pytest.mark.parametrize(("f", "others", "texts"), CONVENTIONS)
def test_conventions_for_a_symmetric_variable(f, others, texts):
    for convention, text in zip(("ambient", "projected", "independent"), texts, strict=True):
        d = cf.grad(f, symmetric=convention).at(cf.spd("n"), *others)
        assert d.text == text


def entries(x, n):
    """The symmetric matrix with the given entries on and below its diagonal."""
    L = np.zeros((n, n))
    L[np.tril_indices(n)] = x
    return L + np.tril(L, -1).T


@pytest.mark.parametrize(("f", "others", "texts"), CONVENTIONS)
def test_independent_entries_against_differences(f, others, texts):
    n = 3
    X = RNG.standard_normal((n, n))
    X = X @ X.T + n * np.eye(n)
    rest = [RNG.standard_normal((n, n)) for _ in others]
    x = X[np.tril_indices(n)]
    gradient = cf.grad(f, symmetric="independent").at(cf.spd("n"), *others).function
    hessian = cf.hessian(f, symmetric="independent").at(cf.spd("n"), *others).function(X, *rest)
    step = 1e-5
    for k, (i, j) in enumerate(zip(*np.tril_indices(n), strict=True)):
        e = step * np.eye(len(x))[k]
        up, down = entries(x + e, n), entries(x - e, n)
        slope = (f(up, *rest) - f(down, *rest)) / (2 * step)
        assert abs(gradient(X, *rest)[i, j] - slope) < 1e-7
        change = (gradient(up, *rest) - gradient(down, *rest)) / (2 * step)
        np.testing.assert_allclose(hessian[:, :, i, j], change, atol=1e-7)
        np.testing.assert_allclose(hessian[:, :, j, i], change, atol=1e-7)


@pytest.mark.parametrize(("f", "others", "texts"), CONVENTIONS)
def test_projected_gradients_are_symmetric_with_the_slope_along_symmetric_steps(f, others, texts):
    n = 4
    X = RNG.standard_normal((n, n))
    X = X @ X.T + n * np.eye(n)
    V = RNG.standard_normal((n, n))
    V = V + V.T
    rest = [RNG.standard_normal((n, n)) for _ in others]
    ambient, projected = (
        cf.grad(f, symmetric=c).at(cf.spd("n"), *others).function(X, *rest) for c in ("ambient", "projected")
    )
    np.testing.assert_allclose(projected, (ambient + ambient.T) / 2)
    np.testing.assert_allclose(np.sum(projected * V), np.sum(ambient * V))


def test_conventions_are_for_declared_variables():
    f = CONVENTIONS[0][0]
    with pytest.raises(InvalidArgumentError, match="'X' as a variable, which is not declared symmetric"):
        cf.grad(f, symmetric="independent")(np.eye(3))
    with pytest.raises(InvalidArgumentError, match="symmetric='upper' is not one of ambient, projected"):
        cf.grad(f, symmetric="upper").at(cf.symmetric("n"))


def test_projected_hessians_are_written_in_matrices():
    X, A = cf.spd("n"), cf.matrix("n", "n")

    def formula(f, *others):
        return cf.hessian(f, symmetric="projected").at(X, *others).text

    assert formula(lambda X: np.trace(X @ X @ X)) == "(3/2)((X ⊗ I + I ⊗ X)K + X ⊗ I + I ⊗ X)"
    assert formula(lambda X: np.linalg.slogdet(X)[1]) == "−½((X⁻¹ ⊗ X⁻¹)K + X⁻¹ ⊗ X⁻¹)"
    gradient = cf.grad(lambda X, A: np.trace(A @ np.linalg.inv(X)), symmetric="projected").at(X, A)
    assert gradient.text == "−½X⁻¹(A + Aᵀ)X⁻¹"
