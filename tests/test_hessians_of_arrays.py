"""Hessians of functions to arrays: the Jacobian of the Jacobian, as JAX lays it out."""

import inspect

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import closedform as cf
from closedform.errors import InvalidArgumentError, InvalidFunctionError


def softmax(x):
    return scipy.special.softmax(x)


def unit(x):
    return x / np.linalg.norm(x)


def layer(x, A, b):
    return np.tanh(A @ x + b)


def outer(x):
    return np.outer(x, np.sin(x))


def gram_inverse(A):
    return np.linalg.inv(A.T @ A + np.eye(A.shape[1]))


def attention(A, B, C):
    return scipy.special.softmax(A @ B.T, axis=1) @ C


def slices(x):
    return x[1:] * x[0] ** 2


def means(A, b):
    return np.mean(A**3 * b[:, None], axis=0)


SHAPES = {"x": ("n",), "A": ("m", "n"), "b": ("m",), "B": ("k", "n"), "C": ("k", "n")}
FUNCTIONS = (softmax, unit, layer, outer, gram_inverse, attention, slices, means)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_it_is_the_one_of_jax(f, data):
    import jax

    sizes = {name: data.draw(st.integers(2, 4), name) for name in "kmn"}
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    names = tuple(inspect.signature(f).parameters)
    arguments = [rng.standard_normal([sizes[axis] for axis in SHAPES[name]]) for name in names]
    every = tuple(range(len(names)))

    def in_jax(*arrays):
        scope = {"np": jax.numpy, "scipy": jax.scipy}
        exec(inspect.getsource(f), scope)
        return scope[f.__name__](*arrays)

    got = cf.hessian(f, argnums=every)(*arguments)
    with jax.enable_x64(True):
        want = jax.hessian(in_jax, argnums=every)(*arguments)
    for row, wanted in zip(got, want, strict=True):
        for block, expected in zip(row, wanted, strict=True):
            assert block.shape == expected.shape
            np.testing.assert_allclose(block, expected, rtol=1e-9, atol=1e-11)


FORMULAS = {
    "inverse": (
        cf.hessian(np.linalg.inv).at(cf.matrix("n", "n")),
        "H[V] = a⁻¹Va⁻¹ ⊗ a⁻ᵀ + a⁻¹ ⊗ a⁻ᵀVᵀa⁻ᵀ",
    ),
    "softmax": (
        cf.hessian(softmax).at(cf.vector("n")),
        "H[v] = Pvpᵀ + pvᵀP − diag(Pv), where p = softmax(x), P = ppᵀ − diag(p)",
    ),
    "layer": (
        cf.hessian(layer).at(cf.vector("n"), cf.matrix("m", "n"), cf.vector("m")),
        "H[v] = −2 diag(p ⊙ Av ⊙ (1 − p^⊙2))A, where p = tanh(Ax + b)",
    ),
    "unit": (
        cf.hessian(unit).at(cf.vector("n")),
        "H[v] = (1/‖x‖³)((3vᵀx/(xᵀx))xxᵀ − (vᵀx)I − vxᵀ − xvᵀ)",
    ),
    "entries": (cf.hessian(np.sin).at(cf.vector("n")), "−diag₃(sin x)"),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_it_is_printed_as_the_derivative_of_the_jacobian_along_a_direction(name):
    derivation, text = FORMULAS[name]
    assert derivation.text == text


def test_a_symmetric_variable_keeps_its_conventions():
    X = np.array([[2.0, 0.3], [0.3, 1.0]])
    V = np.array([[0.0, 1.0], [1.0, 0.0]])
    found = {
        which: cf.hessian(lambda X: X @ X @ X, symmetric=which).at(cf.symmetric(2)).function(X)
        for which in ("ambient", "projected")
    }
    # along symmetric directions the conventions agree: the derivative of X V X + X X V + V X X
    want = 2 * (V @ V @ X + V @ X @ V + X @ V @ V)
    for H in found.values():
        np.testing.assert_allclose(np.einsum("ijklpr,kl,pr->ij", H, V, V), want)
    assert np.array_equal(found["projected"], found["projected"].swapaxes(2, 3).swapaxes(4, 5))


def test_other_forms_are_of_functions_to_numbers():
    x = np.ones(3)
    for form in ("sparse", "operator"):
        with pytest.raises(InvalidFunctionError, match=f"form='{form}' is a matrix: .* sin returns an array"):
            cf.hessian(np.sin, form=form)(x)
    with pytest.raises(InvalidArgumentError, match=r"the hessian of shape .* has no layout"):
        cf.hessian(np.sin).at(x).in_layout("numerator")
