"""Emitted source at other sizes than the example's: right, or it says what it was derived for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special
from tests.sources.numpy_calls import CALLS, Call

import closedform as cf
from closedform.errors import ClosedformError, UnsupportedError


def assigned(x: Any, part: slice) -> Any:
    z = x**2
    z[part] = x[0] * x[-1]
    return z


PARTS: dict[str, Callable[[Any], Any]] = {
    "first": lambda x: np.sum(x[:3] ** 2),
    "after": lambda x: np.sum(x[3:] ** 2),
    "last": lambda x: np.sum(x[-3:] ** 2),
    "inner": lambda x: np.sum(x[2:-2] ** 2),
    "backwards": lambda x: np.sum(x[3::-1] ** 2 * 0.5),
    "ends": lambda x: np.sum(x[[0, -1]] ** 3),
    "second differences": lambda x: np.sum(np.diff(x, n=2) ** 2),
    "gradient": lambda x: np.sum(np.gradient(x) ** 2) if len(x) > 1 else np.sum(x),
    "reflected": lambda x: np.sum(np.pad(x, 1, mode="reflect") ** 2 * 0.5),
    "rolled": lambda x: np.sum(np.roll(x, 3) * x**2),
    "triangle": lambda x: np.sum(np.tril(np.outer(x, x), 2) ** 2),
    "length": lambda x: np.sum(x**2) / len(x) + x[len(x) - 1],
    "length of a part": lambda x: np.sum(x**2) * len(x[:3]),
    "length of the rest": lambda x: x[0] ** 2 * len(x[2:]) + np.sum(np.ones_like(x[2:])) * x[0],
    "part of a part": lambda x: np.sum(x[:4][1:3] ** 2) + np.mean(x[::2][::-1] ** 2),
    "assigned": lambda x: np.sum(assigned(x, slice(2, None)) * x[0]),
    "assigned within": lambda x: np.sum(assigned(x, slice(1, -1)) ** 2),
    "assigned backwards": lambda x: np.sum(assigned(x, slice(None, 1, -1)) * x[0]),
    "positions": lambda x: np.prod(x) + x[-1] * x[0],
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_a_vector(name: str) -> None:
    f = PARTS[name]
    for example in range(1, 6):
        try:
            source = _compiled(cf.grad(f).at(np.linspace(0.5, 1, example)))
        except ClosedformError:  # not of so few entries
            continue
        for size in range(1, 8):
            values = np.linspace(-1, 2, size)
            try:
                found = source(values)
            except (AssertionError, IndexError, ValueError):
                continue
            np.testing.assert_allclose(found, cf.grad(f)(values), rtol=1e-12, atol=1e-14)


RECTANGLES: dict[str, Callable[[Any], Any]] = {
    "diagonal": lambda x: np.sum(np.diag(x) ** 2),
    "diagonal above": lambda x: np.sum(np.diag(x, 1) ** 2),
    "diagonal below": lambda x: np.sum(np.diagonal(x, -1) ** 3),
    "trace": lambda x: np.trace(x) ** 2,
    "trace above": lambda x: np.trace(x, 2) ** 2,
    "a slice as long as another axis": lambda x: np.sum(x[:, : x.shape[0]] ** 2),
    "a triangle": lambda x: np.sum(np.triu(x, 1) ** 2),
}


@pytest.mark.parametrize("operator", [cf.grad, cf.hessian])
@pytest.mark.parametrize("name", RECTANGLES)
def test_parts_of_a_rectangle(name: str, operator: Any) -> None:
    """Where other sizes are in another order, the source says so itself."""
    f = RECTANGLES[name]
    rng = np.random.default_rng(8)
    refused = 0
    for example in ((3, 5), (5, 3), (4, 4)):
        source = _compiled(operator(f).at(rng.standard_normal(example)))
        for shape in ((3, 5), (5, 3), (4, 4), (3, 6), (2, 4), (6, 4), (2, 2)):
            values = rng.standard_normal(shape)
            try:
                found = source(values)
            except AssertionError:
                refused += 1
                continue
            if np.any(found):  # NumPy's empty diagonals have a derivative too
                np.testing.assert_allclose(found, operator(f)(values), rtol=1e-12, atol=1e-14)
    assert refused or name == "a triangle"


@pytest.mark.filterwarnings("ignore:Degrees of freedom:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
@pytest.mark.parametrize("call", CALLS[::9], ids=lambda call: call.text)
def test_calls(call: Call) -> None:
    plain = call.function(np, scipy.special)
    every = tuple(range(len(call.shapes)))
    rng = np.random.default_rng(7)

    def f(a: Any, b: Any = None) -> Any:
        result = plain(a) if b is None else plain(a, b)
        return np.sum(np.sin(result) + 0.1 * result**2)

    gradient = cf.grad(f, every)
    try:
        source = _compiled(gradient.at(*(rng.uniform(*call.domain, shape) for shape in call.shapes)))
    except UnsupportedError:  # large arrays of indices are not written in a source
        return
    for other in ({1: 1, 2: 3, 3: 2, 4: 5, 5: 4}, {2: 1, 3: 4, 4: 1, 5: 2}):
        sizes = {1: 1} | other
        arrays = [rng.uniform(*call.domain, tuple(sizes.get(n, n) for n in shape)) for shape in call.shapes]
        try:
            expected = gradient(*arrays)
            found = source(*arrays)
        except (ClosedformError, AssertionError, IndexError, ValueError):
            continue
        for one, two in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)


def _compiled(derivation: Any) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(derivation.source(), scope)
    compiled: Callable[..., Any] = scope["derivative"]
    return compiled


BOUNDS = (None, -4, -2, -1, 0, 1, 3)


@pytest.mark.parametrize("step", [None, 2, -1, -3])
@pytest.mark.parametrize("start", BOUNDS)
def test_slices_are_cut_as_numpy_cuts_them(start: int | None, step: int | None) -> None:
    for stop, size in itertools.product(BOUNDS, (1, 2, 3)):
        part = slice(start, stop, step)

        def f(x: Any, part: slice = part) -> Any:
            return np.mean(x[part] ** 2) if len(x[part]) else np.sum(x) * 0

        def gradient(x: Any, part: slice = part) -> Any:
            kept = np.isin(np.arange(len(x)), np.arange(len(x))[part])
            return 2 * x * kept / max(kept.sum(), 1)

        values = np.linspace(1, 2, size)
        derivation = cf.grad(f).at(values)
        np.testing.assert_allclose(derivation.function(values), gradient(values), rtol=1e-12)
        source = _compiled(derivation)
        for other in range(1, 6):
            values = np.linspace(1, 2, other)
            try:
                found = source(values)
            except AssertionError:
                continue
            np.testing.assert_allclose(found, gradient(values), rtol=1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, i: np.sum(x[i] ** 2),
        lambda x, i: np.sum(np.eye(3)[i] * x**2),
        lambda x, i: np.sum(np.take(x, i) ** 2) / i.size,
    ],
)
def test_indices_of_another_shape_are_no_others(f: Callable[..., Any]) -> None:
    x = np.array([1.0, 2.0, 3.0])
    source = _compiled(cf.grad(f).at(x, np.array([1, 1])))
    np.testing.assert_allclose(source(x, np.array([1, 1])), cf.grad(f)(x, np.array([1, 1])))
    for other in (np.array([1]), np.array([[1, 1], [1, 1]]), np.array([1, 1, 1])):
        with pytest.raises(AssertionError, match="used this size as a number"):
            source(x, other)


def test_jax_source_says_where_an_entry_is_missing() -> None:
    import jax.numpy as jnp

    scope: dict[str, Any] = {}
    exec(cf.grad(lambda x: x[0] * x[2] ** 2).at(np.ones(4)).source("jax"), scope)
    np.testing.assert_allclose(scope["derivative"](jnp.ones(3)), [1, 0, 2])
    with pytest.raises(AssertionError, match="in this order"):
        scope["derivative"](jnp.ones(2))
