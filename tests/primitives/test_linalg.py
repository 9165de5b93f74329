"""Linear algebra as people call it: several results, stacks, matrix functions, refusals; against JAX."""

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
import pytest
import scipy.linalg
import scipy.special
from tests.dense import central_differences

import closedform as cf
from closedform.errors import InvalidArgumentError, UnsupportedError
from closedform.primitives import PRIMITIVES

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(5)
A = RNG.standard_normal((3, 3)) + 3 * np.eye(3)
S = A @ A.T
TALL = RNG.standard_normal((4, 2))
STACK = RNG.standard_normal((3, 3, 3)) + 3 * np.eye(3)  # equal sizes: an exchange of axes would go unnoticed
SQUARES = STACK @ STACK.swapaxes(-1, -2)
OTHERS = RNG.standard_normal((3, 3, 3))
b = RNG.standard_normal(3)


def polar_factor(np, scipy, X):
    U, s, Vt = np.linalg.svd(X, full_matrices=False)
    return np.sum((U @ Vt) ** 3 + 0 * np.sum(s))


def spectral_function(np, scipy, X):
    values, vectors = np.linalg.eigh(X)
    return np.sum(((vectors * np.exp(-values)) @ vectors.T) ** 2)


def gaussian_process(np, scipy, X, y):
    L = np.linalg.cholesky(X)
    z = scipy.linalg.solve_triangular(L, y, lower=True)
    return 0.5 * z @ z + np.sum(np.log(np.diag(L)))


def by_cho_solve(np, scipy, X, y):
    symmetric = (X + X.T) / 2  # JAX reads one triangle here
    return y @ scipy.linalg.cho_solve(scipy.linalg.cho_factor(symmetric), y)


def orthogonal_and_triangular(np, scipy, X):
    Q, R = np.linalg.qr(X)
    return np.sum(Q**3) + np.sum(np.sin(R))


def symmetrised(X):
    return (X + X.swapaxes(-1, -2)) / 2


def spectral_functions(np, scipy, X):
    values, vectors = np.linalg.eigh(symmetrised(X))
    whole = (vectors * np.exp(-values)[:, None, :]) @ vectors.swapaxes(-1, -2)
    return np.sum(whole**2) + np.sum(vectors[:, :, 0] ** 4)


def polar_factors(np, scipy, X):
    U, _, Vt = np.linalg.svd(X, full_matrices=False)
    return np.sum((U @ Vt) ** 3) + np.sum(U**4) + np.sum(Vt**4)


def signed_logdet(np, scipy, X):
    sign, logdet = np.linalg.slogdet(X)
    return np.sum(sign * logdet)


FUNCTIONS = {
    "nuclear norm": (lambda np, scipy, X: np.linalg.norm(X, "nuc"), TALL),
    "spectral norm": (lambda np, scipy, X: np.linalg.norm(X, 2), TALL.T),
    "condition": (lambda np, scipy, X: np.linalg.cond(X), A),
    "polar factor": (polar_factor, TALL),
    "spectral function": (spectral_function, S),
    "Gaussian process": (gaussian_process, S, b),
    "Cholesky solve": (by_cho_solve, S, b),
    "QR": (orthogonal_and_triangular, TALL),
    "least squares": (lambda np, scipy, X, y: np.sum(np.linalg.lstsq(X, y)[0] ** 2), TALL, RNG.random(4)),
    "signed logdet": (signed_logdet, STACK),
    "pseudo-inverse": (lambda np, scipy, X: np.sum(np.linalg.pinv(X) ** 2), TALL.T),
    "exponential": (lambda np, scipy, X: np.sum(scipy.linalg.expm(X) ** 2), A / 3),
    "inverses": (lambda np, scipy, X: np.sum(np.linalg.inv(X) ** 2), STACK),
    "systems": (lambda np, scipy, X, Y: np.sum(np.linalg.solve(X, Y) ** 2), STACK, OTHERS),
    "systems of a vector": (lambda np, scipy, X, y: np.sum(np.linalg.solve(X, y) ** 2), STACK, b),
    "rows times inverses": (lambda np, scipy, X, Y: np.sum((Y @ np.linalg.inv(X)) ** 2), STACK, OTHERS),
    "determinants": (lambda np, scipy, X: np.sum(np.linalg.det(X) ** 2), STACK),
    "Cholesky factors": (lambda np, scipy, X: np.sum(np.linalg.cholesky(symmetrised(X)) ** 3), SQUARES),
    "eigenvalues": (lambda np, scipy, X: np.sum(np.linalg.eigvalsh(symmetrised(X)) ** 3), SQUARES),
    "spectral functions": (spectral_functions, SQUARES),
    "singular values": (
        lambda np, scipy, X: np.sum(np.sin(np.linalg.svd(X, compute_uv=False))),
        STACK[:, :, :2],
    ),
    "polar factors": (polar_factors, STACK[:, :2]),
    "QR factors": (orthogonal_and_triangular, STACK[:, :, :2]),
    "pseudo-inverses": (lambda np, scipy, X: np.sum(np.linalg.pinv(X) ** 2), STACK[:, :2]),
    "exponentials": (lambda np, scipy, X: np.sum(np.sin(scipy.linalg.expm(X / 5))), STACK),
    "triangular systems": (
        lambda np, scipy, X, Y: np.sum(np.sin(scipy.linalg.solve_triangular(X, Y, lower=True))),
        STACK,
        OTHERS,
    ),
    "spectral norms": (lambda np, scipy, X: np.sum(np.linalg.norm(X, 2, axis=(2, 0)) ** 2), STACK[:2]),
    "nuclear norms": (
        lambda np, scipy, X: np.sum(np.linalg.norm(X, "nuc", axis=(0, 1), keepdims=True) ** 2),
        STACK[:2],
    ),
    "conditions": (lambda np, scipy, X: np.sum(np.linalg.cond(X)), STACK),
    "zeroth powers": (lambda np, scipy, X: np.sum(np.linalg.matrix_power(X, 0) * X**2), STACK),
    "powers": (lambda np, scipy, X: np.sum(np.linalg.matrix_power(X, -2) ** 2), STACK),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_and_hessians_are_those_of_jax(name):
    function, *arrays = FUNCTIONS[name]

    def ours(*arguments):
        return function(np, scipy, *arguments)

    def theirs(*arguments):
        return function(jnp, jax.scipy, *arguments)

    for i in range(len(arrays)):
        expected = jax.grad(theirs, i)(*arrays)
        np.testing.assert_allclose(cf.grad(ours, i)(*arrays), expected, rtol=1e-9, atol=1e-10)
        expected = jax.hessian(theirs, i)(*arrays)
        np.testing.assert_allclose(cf.hessian(ours, i)(*arrays), expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("name", ["logm", "sqrtm", "cosm"])
def test_second_derivatives_of_matrix_functions(name):
    def f(X):
        return np.sum(np.sin(getattr(scipy.linalg, name)(X)))

    gradient = cf.grad(f)(A)
    np.testing.assert_allclose(gradient, central_differences(f, A), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(cf.hessian(f)(A), central_differences(cf.grad(f), A), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("function", "example", "printed"),
    [
        (lambda X: np.linalg.norm(X, "nuc"), TALL, "svd_U(X) svd_Vᵀ(X)"),
        (
            lambda X: np.sum(np.linalg.eigvalsh(X) ** 2),
            cf.symmetric("n"),
            "2X",
        ),
        (lambda X: np.sum(np.log(np.diag(np.linalg.cholesky(X)))), cf.spd("n"), "½ X⁻¹"),
        (lambda X: np.trace(scipy.linalg.logm(X)), A, "X⁻ᵀ"),
        (lambda X: np.linalg.slogdet(X)[0] * np.linalg.det(X), A, "sign det X cof(X)"),
        (lambda X: np.trace(scipy.linalg.expm(X)), A, "(e^X)ᵀ"),
    ],
)
def test_gradients_read_as_in_books(function, example, printed):
    assert cf.grad(function).at(example).text.replace(" ", "") == printed.replace(" ", "")


def test_results_have_numpys_names():
    def f(X):
        result = np.linalg.svd(X, full_matrices=False)
        return (
            np.sum(result.S) + np.linalg.eigh(X @ X.T).eigenvalues[0] + np.linalg.slogdet(X @ X.T).logabsdet
        )

    assert cf.grad(f)(TALL.T).shape == (2, 4)


@pytest.mark.parametrize(
    ("function", "matrix", "error", "message"),
    [
        (np.linalg.eigvalsh, A, InvalidArgumentError, r"eigvalsh of shape \(3, 3\).*write \(A \+ A\.T\) / 2"),
        (np.linalg.cholesky, A, InvalidArgumentError, r"cholesky of shape \(3, 3\).*is not symmetric"),
        (np.linalg.cholesky, -S, InvalidArgumentError, "cholesky failed on operands"),
        (np.linalg.pinv, np.ones((2, 3)), InvalidArgumentError, "the matrix has not full rank"),
        (lambda X: np.linalg.qr(X)[0], np.ones((3, 2)), InvalidArgumentError, "has not full rank"),
        (lambda X: np.linalg.qr(X)[0], TALL.T, UnsupportedError, "of a wide matrix"),
        (lambda X: np.linalg.qr(X, mode="complete")[0], TALL, UnsupportedError, "write mode='reduced'"),
        (lambda X: scipy.linalg.qr(X)[0], TALL, UnsupportedError, "write mode='economic'"),
        (lambda X: np.linalg.svd(X)[0], TALL, UnsupportedError, "write full_matrices=False"),
        (
            lambda X: np.linalg.lstsq(X, X, rcond=0.9)[0],
            np.diag([1, 0.1, 2]),
            InvalidArgumentError,
            "not full rank",
        ),
        (lambda X: np.linalg.pinv(X, rtol=0.9), np.diag([1, 0.1]), InvalidArgumentError, "not full rank"),
        (lambda X: np.linalg.pinv(X, hermitian=True), S, UnsupportedError, "one triangle only"),
        (lambda X: np.linalg.lstsq(X, b)[1], A, UnsupportedError, "more rows than columns only"),
        (lambda X: scipy.linalg.eigvalsh(X, S), S, UnsupportedError, "of two matrices"),
        (lambda X: scipy.linalg.eigh(X, S)[0], S, UnsupportedError, "of two matrices"),
        (lambda X: scipy.linalg.solve(X, b, assume_a="sym"), A, InvalidArgumentError, "is not symmetric"),
        (lambda X: scipy.linalg.solve(X, b, assume_a="banded"), A, UnsupportedError, "assume_a='banded'"),
        (lambda X: scipy.linalg.qr(X, pivoting=True)[0], A, UnsupportedError, "pivoting"),
        (lambda X: scipy.linalg.logm(X), -np.eye(2), InvalidArgumentError, "zero or a negative number"),
        (
            lambda X: scipy.linalg.sqrtm(X),
            np.diag([1.0, 0.0]),
            InvalidArgumentError,
            "zero or a negative number",
        ),
        (lambda X: np.linalg.norm(X, 3), TALL, InvalidArgumentError, "Invalid norm order"),
        (
            lambda X: np.linalg.norm(X, None, axis=None) + np.linalg.norm(X, 0, axis=0),
            TALL,
            UnsupportedError,
            "ord=0 of a vector",
        ),
        (lambda X: scipy.linalg.cosm(X), STACK, UnsupportedError, "of a stack of matrices: loop over them"),
        (
            lambda X: np.linalg.qr(X, mode="complete")[1],
            STACK[:, :, :2],
            UnsupportedError,
            "of a stack of matrices",
        ),
        (np.linalg.eigvals, A, UnsupportedError, "eigvals is not supported"),
    ],
)
def test_refusals_say_what_to_write(function, matrix, error, message):
    with pytest.raises(error, match=message):
        cf.grad(lambda X: np.sum(function(X))).at(matrix)


def test_a_matrix_must_be_symmetric_in_every_call():
    gradient = cf.grad(lambda X: np.sum(np.linalg.eigvalsh(X) ** 3))
    gradient(S)
    with pytest.raises(InvalidArgumentError, match="is not symmetric"):
        gradient(A)


REQUIRING = {
    "pinv": (np.linalg.pinv, TALL),
    "lstsq": (lambda X: np.linalg.lstsq(X, np.ones(len(X)), rcond=None)[0], TALL),
    "pinv of a sum": (lambda X: np.linalg.pinv(X + 1), TALL),
    "qr": (lambda X: np.linalg.qr(X)[0], TALL),
    "svd": (lambda X: np.linalg.svd(X, full_matrices=False)[0], TALL),
    "eigvalsh of a double": (lambda X: np.linalg.eigvalsh(2 * X) ** 3, S),
    "logm": (lambda X: scipy.linalg.logm(X), A),
    "sqrtm": (lambda X: scipy.linalg.sqrtm(X), A),
}
LACKING = {"pinv of a sum": np.full((4, 2), -1.0), "eigvalsh of a double": A, "logm": -A, "sqrtm": -A}


@pytest.mark.parametrize("name", REQUIRING)
def test_a_matrix_must_be_in_every_call_what_the_operation_requires(name):
    function, matrix = REQUIRING[name]
    other = LACKING.get(name, np.ones((4, 2)))
    gradient = cf.grad(lambda X: np.sum(function(X)))
    expected = gradient(matrix)
    with pytest.raises(InvalidArgumentError, match=r"not full rank|is not symmetric|zero or a negative"):
        gradient(other)
    for idiom in ("numpy", "jax"):
        namespace = {}
        try:
            exec(gradient.at(matrix).source(idiom), namespace)
        except UnsupportedError:
            continue
        np.testing.assert_allclose(namespace["derivative"](matrix), expected, rtol=1e-9, atol=1e-12)
        with pytest.raises(AssertionError, match="takes another branch"):
            namespace["derivative"](other)


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.linalg.eigvalsh(X @ X.T),
        lambda X: np.linalg.eigvalsh((X + X.T) / 2),
        lambda X: np.linalg.cholesky(X.T @ X + np.eye(3)),
    ],
)
def test_what_follows_from_the_formula_is_not_asked_in_every_call(function):
    assert "branches" not in cf.grad(lambda X: np.sum(function(X))).at(A).source()


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.linalg.norm(X, 2),
        lambda X: np.linalg.norm(X, "nuc"),
        lambda X: np.sum(np.linalg.svd(X, full_matrices=False)[0] ** 4),
        lambda X: np.sum(np.linalg.svd(X, full_matrices=False)[2] ** 4),
    ],
)
def test_source_for_wide_matrices_says_so_where_it_is_given_a_tall_one(function):
    for described, other in ((cf.matrix("m", "n"), TALL), (TALL, TALL.T)):
        derivation = cf.hessian(function).at(described)
        namespace = {}
        exec(derivation.source(), namespace)
        expected = cf.hessian(function)(other.T)
        np.testing.assert_allclose(namespace["derivative"](other.T), expected, rtol=1e-9, atol=1e-12)
        with pytest.raises(AssertionError, match="sizes in this order"):
            namespace["derivative"](other)


def test_a_square_matrix_may_be_the_example_for_wide_ones():
    derivation = cf.hessian(lambda X: np.linalg.norm(X, 2)).at(A)
    namespace = {}
    exec(derivation.source(), namespace)
    expected = cf.hessian(lambda X: np.linalg.norm(X, 2))(TALL.T)
    np.testing.assert_allclose(namespace["derivative"](TALL.T), expected, rtol=1e-9, atol=1e-12)


def of_the_largest(X):
    return np.sum(np.linalg.eigh(X)[1][:, -1] ** 2 * np.arange(3))


def eigenvalues(X):
    return np.linalg.eigvalsh((X + X.T) / 2)


# Functions of all eigenvalues, with positive eigenvalues in mind.
SPECTRAL = {
    "exp": lambda X: np.sum(np.exp(eigenvalues(X))),
    "entropy": lambda X: -np.sum(scipy.special.xlogy(eigenvalues(X), eigenvalues(X))),
    "fractional power": lambda X: np.sum(eigenvalues(X) ** 1.5),
    "tanh": lambda X: np.sum(np.tanh(eigenvalues(X))),
    "rational": lambda X: np.sum(np.log1p(eigenvalues(X))),
    "of a parameter of all": lambda X: np.sum(np.exp(eigenvalues(X) - np.mean(eigenvalues(X)))),
    "log of a sum": lambda X: scipy.special.logsumexp(eigenvalues(X)),
    "of a product": lambda X: np.sum(np.sin(eigenvalues(X @ X.T))),
}


TURNED = np.linalg.qr(RNG.standard_normal((3, 3)))[0]
TURNED_4 = np.linalg.qr(RNG.standard_normal((4, 4)))[0]
COINCIDING = {
    "identity": np.eye(3),
    "diagonal": np.diag([1.0, 1.0, 2.0]),
    "up to rounding": TURNED @ np.diag([1.0, 1.0, 2.0]) @ TURNED.T,
    "nearly": TURNED_4 @ np.diag([1.0, 1 + 1e-9, 1 + 3e-5, 2.0]) @ TURNED_4.T,
    "apart": TURNED_4 @ np.diag([0.5, 1.0, 1.5, 2.0]) @ TURNED_4.T,
    "rank one": np.outer(TURNED[0], TURNED[0]),
}


def assert_derivative(derivation, function, X):
    """The emitted source, at a matrix of any size, against finite differences of the function."""
    namespace = {}
    exec(derivation.source(), namespace)
    assert "recipgaps" not in derivation.text
    expected = central_differences(function, X, 1e-4)
    np.testing.assert_allclose(namespace["derivative"](X), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("where", COINCIDING)
@pytest.mark.parametrize("name", SPECTRAL)
def test_second_derivatives_of_functions_of_all_eigenvalues(name, where):
    if where == "rank one" and name in {"entropy", "fractional power"}:
        pytest.skip("it has no derivative there")
    function = SPECTRAL[name]
    assert_derivative(cf.hessian(function).at(S), cf.grad(function), COINCIDING[where])


@pytest.mark.parametrize("where", COINCIDING)
def test_first_derivatives_of_a_function_of_a_matrix_that_is_made_of_its_eigenvalues(where):
    def row_of_exponential(X):
        w, V = np.linalg.eigh((X + X.T) / 2)
        return ((V * np.exp(w)) @ V.T)[0]

    assert_derivative(cf.jacobian(row_of_exponential).at(S), row_of_exponential, COINCIDING[where])


def test_second_derivatives_in_a_vector_of_which_a_matrix_of_rank_two_is_made():
    def function(x):
        row = x[None]
        return np.sum(np.tanh(np.linalg.eigvalsh(row + row.T)))

    x = np.array([0.4, -0.8, -0.4, 0.1])
    expected = central_differences(cf.grad(function), x)
    np.testing.assert_allclose(cf.hessian(function)(x), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("idiom", ["numpy", "jax", "torch"])
def test_source_of_divided_differences(idiom):
    import torch

    namespace = {}
    exec(cf.hessian(SPECTRAL["exp"]).at(S).source(idiom), namespace)
    make = {"numpy": np.asarray, "jax": jnp.asarray, "torch": torch.tensor}[idiom]
    found = np.asarray(namespace["derivative"](make(COINCIDING["up to rounding"])))
    expected = cf.hessian(SPECTRAL["exp"])(COINCIDING["up to rounding"])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


# h, h' and the divided differences of h, of the middle of two values and half the gap, without cancellation.
DIFFERENCES = {
    "exp": (np.exp, np.exp, lambda m, d: np.exp(m) * (np.sinh(d) / d)),
    "log": (np.log, np.reciprocal, lambda m, d: np.arctanh(d / m) / d),
    "cos": (np.cos, lambda x: -np.sin(x), lambda m, d: -np.sin(m) * (np.sin(d) / d)),
    "square": (np.square, lambda x: 2 * x, lambda m, d: 2 * m),
}


@pytest.mark.parametrize("gap", [0.0, 1e-17, 1e-14, 1e-11, 1e-8, 1e-6, 1e-5, 1e-4, 1e-2, 0.5])
@pytest.mark.parametrize("at", [1e-7, 1e-3, 0.5, 30.0])
@pytest.mark.parametrize("largest", [40.0, 300.0])
@pytest.mark.parametrize("name", DIFFERENCES)
def test_divided_differences_have_their_digits_however_near_the_values_are(name, at, gap, largest):
    function, derivative, exact = DIFFERENCES[name]
    v = np.array([at, at * (1 + gap), largest])
    slopes = derivative(v)
    found = PRIMITIVES["divided_differences"].call(function(v), slopes, v)
    half = (v[1] - v[0]) / 2
    expected = exact(at + half, half) if half else slopes[0]
    lost = 2 * half <= 1e5 * np.finfo(float).eps * np.sum(v)
    assert np.isfinite(found[0, 1]) or (name == "log" and lost and half > 0)
    if np.isfinite(found[0, 1]):
        np.testing.assert_allclose(found[0, 1], expected, rtol=1e-9, atol=1e-9 * abs(function(at)))
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), slopes)


def test_divided_differences_of_a_function_that_is_itself_a_difference():
    v = np.array([1e-3, 1e-3 * (1 + 1e-9), 4.0])
    found = PRIMITIVES["divided_differences"].call(v - np.sin(v), 1 - np.cos(v), v)
    np.testing.assert_allclose(found[0, 1], 0.5e-6, rtol=1e-6)


def nuclear_norm(X):
    return np.linalg.norm(X, "nuc")


def test_second_derivatives_of_an_eigenvector_where_other_eigenvalues_coincide_up_to_rounding():
    x = np.array([1.0, 2.0, 3.0])
    f, known = (
        lambda x: of_the_largest(np.outer(x, x) + np.eye(3)),
        lambda x: np.sum(x**2 * np.arange(3)) / np.sum(x**2),
    )
    np.testing.assert_allclose(cf.grad(f)(x), cf.grad(known)(x), rtol=1e-9)
    np.testing.assert_allclose(cf.hessian(f)(x), cf.hessian(known)(x), rtol=1e-9, atol=1e-12)
    for order in (3, 4):
        found, expected = (cf.derivative(g, order=order)(x) for g in (f, known))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def test_a_projector_onto_eigenvectors_is_never_wrong_where_others_coincide():
    X, W = RNG.standard_normal((4, 2)), np.arange(16.0).reshape(4, 4)

    def projected(X):
        V = np.linalg.eigh(X @ X.T)[1][:, -2:]
        return np.sum(V @ V.T * W)

    def known(X):
        return np.sum(X @ np.linalg.inv(X.T @ X) @ X.T * W)

    np.testing.assert_allclose(cf.grad(projected)(X), cf.grad(known)(X), rtol=1e-8)
    found, expected = cf.hessian(projected)(X), cf.hessian(known)(X)
    assert np.all(np.isnan(found) | (abs(found - expected) < 1e-6))


@pytest.mark.parametrize("y", [np.array([1.0, -1.0, 0.5]), np.array([1.0, -1.0]), np.arange(1.0, 5.0)])
def test_second_derivatives_are_no_numbers_where_other_singular_values_vanish(y):
    x = np.array([1.0, 2.0, 3.0])
    norm = np.linalg.norm(x)
    found = cf.grad(lambda x: nuclear_norm(np.outer(x, y)))(x)
    np.testing.assert_allclose(found, np.linalg.norm(y) * x / norm, rtol=1e-9)
    assert np.isnan(cf.hessian(lambda x: nuclear_norm(np.outer(x, y)))(x)).any()
    spectral = cf.hessian(lambda x: np.linalg.norm(np.outer(x, y), 2))(x)
    expected = np.linalg.norm(y) * (np.eye(3) / norm - np.outer(x, x) / norm**3)
    np.testing.assert_allclose(spectral, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [
        np.linalg.det,
        lambda X: np.sum(np.linalg.inv(X)),
        lambda X: np.linalg.slogdet(X)[1],
        lambda X: np.sum(scipy.linalg.expm(X)),
    ],
)
def test_derivatives_in_a_matrix_without_entries(function):
    assert cf.grad(function)(np.zeros((0, 0))).shape == (0, 0)


def test_jacobian_of_a_function_of_a_matrix_without_entries():
    assert cf.jacobian(lambda X: scipy.linalg.expm(X))(np.zeros((0, 0))).shape == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("function", "other"),
    [
        (lambda X: np.sum(np.linalg.inv(X)), np.ones((3, 3))),
        (lambda X: np.linalg.slogdet(X)[1], np.ones((3, 3))),
        (lambda X: np.sum(np.linalg.cholesky(X)), -np.eye(3)),
    ],
)
def test_a_matrix_that_is_singular_is_refused_in_a_first_and_in_a_later_call(function, other):
    gradient = cf.grad(function)
    gradient(np.eye(3))
    for derived in (gradient, cf.grad(function)):
        with pytest.raises(InvalidArgumentError, match=r"[Ss]ingular|not positive definite"):
            derived(other)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda X: scipy.linalg.inv(X, nothing=1), "scipy.linalg.inv was called .* it got an unexpected"),
        (lambda X: scipy.special.kv(X, 1.0), "scipy.special.kv is not supported"),
    ],
)
def test_refusals_name_the_function_that_was_called(function, message):
    with pytest.raises(UnsupportedError, match=message):
        cf.grad(lambda X: np.sum(function(X)))(A)


def of_symmetric(function):
    return lambda X: function((X + X.T) / 2)


FOUR = np.array([1.0, -0.5, 2.0, 0.3])
OPTIONS = {
    "pinv, rcond": (lambda X: np.linalg.pinv(X, 1e-3), TALL),
    "pinv, rtol": (lambda X: np.linalg.pinv(X, rtol=1e-3), TALL.T),
    "scipy's pinv": (lambda X: scipy.linalg.pinv(X, rtol=1e-3, check_finite=False), TALL),
    "lstsq, rcond": (lambda X: np.linalg.lstsq(X, FOUR, rcond=1e-3)[0], TALL),
    "lstsq, residuals": (lambda X: np.linalg.lstsq(X, FOUR, rcond=None)[1], TALL),
    "lstsq, residuals of columns": (lambda X: np.linalg.lstsq(X, np.outer(FOUR, b))[1], TALL),
    "lstsq, rank": (lambda X: np.linalg.lstsq(X, FOUR)[2] * X, TALL),
    "lstsq, singular values": (lambda X: np.linalg.lstsq(X, FOUR, -1)[3], TALL),
    "scipy's lstsq": (lambda X: scipy.linalg.lstsq(X, FOUR, cond=1e-4, lapack_driver="gelsy")[0], TALL),
    "rank": (lambda X: np.linalg.matrix_rank(X) * X, TALL),
    "eigh, UPLO": (of_symmetric(lambda X: np.linalg.eigh(X, UPLO="U")[1] ** 2), S),
    "eigvalsh, UPLO": (of_symmetric(lambda X: np.linalg.eigvalsh(X, "U")), S),
    "scipy's eigh": (
        of_symmetric(lambda X: scipy.linalg.eigh(X, lower=False, check_finite=False)[1] ** 2),
        S,
    ),
    "eigvals_only": (of_symmetric(lambda X: scipy.linalg.eigh(X, eigvals_only=True)), S),
    "scipy's eigvalsh": (of_symmetric(lambda X: scipy.linalg.eigvalsh(X, lower=False)), S),
    "solve": (lambda X: scipy.linalg.solve(X, b, assume_a="gen", check_finite=False), A),
    "solve, transposed": (lambda X: scipy.linalg.solve(X, b, transposed=True), A),
    "solve, pos": (of_symmetric(lambda X: scipy.linalg.solve(X, b, assume_a="pos")), S),
    "solve, sym": (of_symmetric(lambda X: scipy.linalg.solve(X, b, assume_a="sym", transposed=True)), S),
    "solve, upper": (lambda X: scipy.linalg.solve(X, b, assume_a="upper triangular"), A),
    "solve, lower": (lambda X: scipy.linalg.solve(X, b, assume_a="lower triangular", transposed=True), A),
    "solve_triangular": (lambda X: scipy.linalg.solve_triangular(X, b, check_finite=False), A),
    "scipy's qr": (lambda X: scipy.linalg.qr(X)[0] + scipy.linalg.qr(X)[1], A),
    "scipy's qr of a tall matrix": (lambda X: scipy.linalg.qr(X)[1], TALL),
    "scipy's economic qr": (lambda X: scipy.linalg.qr(X, mode="economic")[0], TALL),
    "complete qr": (lambda X: np.linalg.qr(X, mode="complete")[0], A),
    "complete qr of a tall matrix": (lambda X: np.linalg.qr(X, mode="complete")[1], TALL),
    "full svd": (lambda X: np.linalg.svd(X)[2] ** 2, TALL),
    "scipy's norm": (lambda X: scipy.linalg.norm(X, "nuc", check_finite=False), TALL),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_of_functions(name):
    function, matrix = OPTIONS[name]

    def f(X):
        return np.sum(np.sin(function(X)))

    gradient = cf.grad(f)
    np.testing.assert_allclose(gradient(matrix), central_differences(f, matrix), rtol=1e-6, atol=1e-8)
    found = cf.hessian(f)(matrix)
    np.testing.assert_allclose(found, central_differences(gradient, matrix), rtol=1e-5, atol=1e-7)


def expanded_det(X):
    """The determinant of a 3 x 3 matrix as a polynomial."""
    a, b, c = X
    return a @ jnp.cross(b, c)


SINGULAR = {
    "regular": A,
    "rank 2": A - np.outer(A[:, 2], [0, 0, 1]),
    "rank 1": np.outer(A[0], A[1]),
    "nearly singular": A - (1 - 1e-9) * np.outer(A[:, 2], [0, 0, 1]),
    "zero": np.zeros((3, 3)),
}


@pytest.mark.parametrize("idiom", ["numpy", "jax"])
@pytest.mark.parametrize("name", SINGULAR)
def test_second_derivative_of_the_determinant_where_the_matrix_is_singular(name, idiom):
    for inner in (lambda X: X, lambda X: X @ X.T, lambda X: X + X.T):
        truth = jax.hessian(lambda X, inner=inner: expanded_det(inner(X)))(SINGULAR[name])
        derivation = cf.hessian(lambda X, inner=inner: np.linalg.det(inner(X))).at(A)
        namespace = {}
        exec(derivation.source(idiom), namespace)
        found = np.asarray(namespace["derivative"](SINGULAR[name]))
        np.testing.assert_allclose(found, truth, rtol=1e-9, atol=1e-12)


def test_a_formula_that_divides_by_a_vanishing_determinant_says_so():
    third = cf.derivative(lambda X: np.linalg.det(X), order=3)
    np.testing.assert_allclose(third(A), jax.jacobian(jax.hessian(expanded_det))(A), rtol=1e-9, atol=1e-11)
    with pytest.raises(np.linalg.LinAlgError, match="divides by det X, and X is singular"):
        third(SINGULAR["rank 1"])


@pytest.mark.parametrize(
    "function",
    [
        lambda X: np.sum(np.abs(np.linalg.eigvalsh(X + X.T))),
        lambda X: np.linalg.norm(np.linalg.eigvalsh(X + X.T), 1) + np.sum(np.linalg.eigvalsh(X + X.T) ** 2),
        lambda X: np.sum(np.maximum(np.linalg.eigvalsh(X + X.T), 0)),
        lambda X: np.sum(np.where(np.linalg.eigvalsh(X + X.T) > 0, np.linalg.eigvalsh(X + X.T) ** 2, 0)),
        lambda X: np.sum(np.linalg.eigvalsh(X + X.T) * np.floor(np.linalg.eigvalsh(X + X.T))),
    ],
)
def test_functions_of_eigenvalues_with_jumps_in_their_slope(function):
    """Between eigenvalues on both sides of a jump the divided difference is not the slope."""
    X = np.array([[-0.5, 0.7, 0.2], [-1.1, 1.0, 0.4], [0.3, 0.1, -0.8]])
    gradient = cf.grad(function)
    np.testing.assert_allclose(
        cf.hessian(function)(X), central_differences(gradient, X), rtol=1e-5, atol=1e-6
    )
