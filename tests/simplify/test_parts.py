"""Entries and slices of arrays that were put together of entries and slices."""

import re

import numpy as np
import pytest
from tests.dense import evaluate

import closedform as cf
from closedform.expression.calculus import Factor, contract, linear
from closedform.expression.expr import input_
from closedform.expression.size import Size
from closedform.primitives.structure import gather, select, unit
from closedform.simplify.simplify import simplify


def parts(n):
    """Parts of an axis of size n, which is 6 or more."""
    return [
        *(unit(n, k) for k in (0, 1, 3, -1, -2)),
        select(n - 1, n, 1),
        select(n - 1, n, 0),
        select(Size.of(2), n, 0),
        select(n - 2, n, 2),
        select(Size.of(2), n, 3),
        select(Size.of(2), n, 1, 2),
        select(n, n, n - 1, -1),
        gather(np.array([0, 3]), n),
        gather(np.array([4, 1, 1]), n),
        gather(np.array([-1, 2]), n),
    ]


def part(p, whole):
    return contract(
        [Factor(p, ("part", "i")[2 - p.ndim :]), Factor(whole, ("i", "j"))], ("part", "j")[2 - p.ndim :]
    )


def put(p, rows):
    labels = ("part", "j")[2 - p.ndim :]
    return contract([Factor(p, ("part", "i")[2 - p.ndim :]), Factor(rows, labels)], ("i", "j"))


def assigned(n, seed):
    """A matrix after some of its rows were assigned to, and what is read of it."""
    rng = np.random.default_rng(seed)
    known = parts(n)
    A = input_("A", (n, Size.axis("A", 1, 2)))
    for target in rng.choice(len(known), rng.integers(1, 4)):
        old = part(known[target], A)
        A = linear([(1, A), (-1, put(known[target], old)), (1, put(known[target], old**2))], A.shape)
    read = part(known[rng.integers(len(known))], A)
    if read.ndim > 1:  # a part of the part
        inner = [unit(read.shape[0], 0), unit(read.shape[0], -1), select(Size.of(2), read.shape[0], 0)]
        read = part(inner[rng.integers(3)], read)
    return read


@pytest.mark.parametrize("seed", range(200))
def test_what_is_read_is_what_was_assigned_for_every_size(seed):
    shown = []
    for value in (6, 9):
        read = assigned(Size.axis("A", 0, value), seed)
        values = {"A": np.random.default_rng(0).standard_normal((value, 2))}
        found = simplify(read)
        np.testing.assert_allclose(evaluate(found, values), evaluate(read, values), atol=1e-12)
        assert simplify(found) is found
        shown.append(repr(found))
    assert shown[0] == shown[1]


def moving_average_residuals(p, y):
    e = np.zeros_like(y)
    for t in range(1, 4):
        e[t] = y[t] - p[0] * y[t - 1] - p[1] * e[t - 1]
    return e @ e


def moving_average_residuals_one_by_one(p, y):
    e, total = 0.0, 0.0
    for t in range(1, 4):
        e = y[t] - p[0] * y[t - 1] - p[1] * e
        total = total + e**2
    return total


@pytest.mark.parametrize("argument", ["p", "y"])
def test_a_recursion_through_an_array_is_that_of_its_entries(argument):
    arguments = (cf.vector(2), cf.vector(4))
    found, wanted = (
        cf.grad(f, argument).at(*arguments)
        for f in (moving_average_residuals, moving_average_residuals_one_by_one)
    )
    assert not re.search(r"[a-z]\[", found.text.replace("p[1]", "")) and "S" not in found.text
    p, y = np.array([0.3, -0.7]), np.array([1.0, 2.0, -1.0, 0.5])
    np.testing.assert_allclose(found.function(p, y), wanted.function(p, y), rtol=1e-13)


def runge_kutta(y, a):
    def slope(y):
        return np.array([a[0] * y[0] - a[1] * y[0] * y[1], a[2] * y[0] * y[1] - a[3] * y[1]])

    for _ in range(2):
        k = [slope(y)]
        for step in (0.05, 0.05, 0.1):
            k.append(slope(y + step * k[-1]))
        y = y + 0.1 / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])
    return np.sum(y**2)


def test_a_recursion_through_stacked_entries_has_a_hessian():
    y, a = np.array([1.0, 2.0]), np.array([0.5, 0.2, 0.3, 0.4])
    gradient = cf.grad(runge_kutta)
    h = 1e-4
    differences = [(gradient(y + h * e, a) - gradient(y - h * e, a)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(cf.hessian(runge_kutta)(y, a), differences, rtol=1e-7)
