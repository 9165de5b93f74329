"""Code for matrices of known structure: the operations it uses, and the same values as without."""

import numpy as np
import pytest

import closedform as cf

RNG = np.random.default_rng(3)
N = 5


def system(x, S):
    return x @ np.linalg.solve(S, x) + np.linalg.slogdet(S)[1]


def forward(x, S):
    return np.sum(np.linalg.solve(S, x) ** 2) + np.linalg.slogdet(S)[1] * np.linalg.det(S)


def backward(x, S):
    return np.sum(np.linalg.solve(S.T, np.outer(x, x)) ** 2)


def ridge(x, S):
    return x @ np.linalg.solve(S.T @ S + 0.5 * np.eye(len(x)), x)


def scaled(x, S):
    return np.sum((S @ x) ** 2) + np.sum(S @ np.outer(x, x) @ S)


# A function, what is declared of S, what the NumPy source has, and what it has not.
CASES = [
    (
        system,
        cf.spd("n"),
        ["cho_factor(S)", "cho_solve(C, x)", "C[0].diagonal()"],
        ["linalg.solve(", "slogdet"],
    ),
    (system, cf.lower_triangular("n"), ["solve_triangular(S, x, lower=True)"], ["linalg.solve(", "slogdet"]),
    (system, cf.diagonal("n"), ["S.diagonal()"], ["solve", "inv", "slogdet", "np.diag("]),
    (system, cf.symmetric("n"), ["np.linalg.solve(S, x)", "slogdet"], ["cho_", "triangular"]),
    (
        forward,
        cf.upper_triangular("n"),
        ["solve_triangular(S, x)"],
        ["linalg.solve(", "slogdet", "linalg.det"],
    ),
    (forward, cf.diagonal("n"), ["S.diagonal()"], ["solve", "inv", "slogdet", "linalg.det"]),
    (backward, cf.lower_triangular("n"), ["solve_triangular(S.T"], ["linalg.solve("]),
    (ridge, cf.matrix("n", "n"), ["cho_factor("], ["linalg.solve("]),
    (scaled, cf.diagonal("n"), ["S.diagonal()"], ["S @"]),
]


@pytest.mark.parametrize(("f", "described", "has", "lacks"), CASES)
def test_structure_is_used_and_keeps_the_value(f, described, has, lacks):
    x = RNG.standard_normal(N)
    d = cf.value_and_grad(f).at(cf.vector("n"), described)
    source = d.source()
    for text in has:
        assert text in source
    for text in lacks:
        assert text not in source
    S = cf.grad(np.sum).at(cf.arguments.Described((N, N), described.facts)).trace.example[0]
    plain = cf.value_and_grad(f).at(x, S).function(x, S)
    for found, expected in zip(d.function(x, S), plain, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9)
    for idiom in ("jax", "torch", "autograd"):
        namespace = {}
        exec(d.source(idiom), namespace)
        for found, expected in zip(_run(namespace["derivative"], idiom, x, S), plain, strict=True):
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-8)


def _run(function, idiom, x, S):
    if idiom == "jax":
        import jax

        with jax.enable_x64(True):
            return function(jax.numpy.asarray(x), jax.numpy.asarray(S))
    if idiom == "torch":
        import torch

        return function(torch.from_numpy(x), torch.from_numpy(S))
    return function(x, S)


def test_the_source_says_what_it_takes_for_granted():
    d = cf.grad(system).at(cf.vector("n"), cf.spd("n"))
    assert '"""Gradient of system(x, S) in x, for S symmetric positive definite: 2S⁻¹x"""' in d.source()


def test_matrices_that_are_not_definite_are_no_silent_error():
    d = cf.grad(system).at(cf.vector("n"), cf.spd("n"))
    with pytest.raises(np.linalg.LinAlgError):
        d.function(np.ones(2), -np.eye(2))
